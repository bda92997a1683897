//! An arena of code, and blocks of bytes that know what they were filled with.

use crate::{all, span};
use permacode::stats::CodeStats;
use permacode::{CodeArena, Error, Loader};
use std::ops::Range;
use std::slice;

/// Blocks of bytes, each filled with a byte of its own.
#[derive(Clone, Debug, Default)]
pub struct Blocks<'a> {
    all: Vec<&'a [u8]>,
}

impl<'a> Blocks<'a> {
    /// Allocates a block of `len` bytes, and fills it.
    ///
    /// # Errors
    ///
    /// Those of the loader.
    pub fn alloc(&mut self, loader: &Loader<'a>, len: usize) -> Result<&'a [u8], Error> {
        let block = loader.alloc_slice_copy(&vec![Self::fill(self.all.len()); len])?;
        self.all.push(block);
        Ok(block)
    }

    fn fill(index: usize) -> u8 {
        (index % 255) as u8 + 1
    }

    /// Returns how many blocks there are.
    #[expect(clippy::len_without_is_empty)] // no test asks
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the bytes of all blocks.
    pub fn bytes(&self) -> usize {
        self.all.iter().map(|block| block.len()).sum()
    }

    /// Visits the blocks in the order of their making.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.all.iter().copied()
    }

    /// Checks that every block holds what it was filled with.
    ///
    /// # Panics
    ///
    /// One was overwritten.
    pub fn check(&self) {
        for (index, block) in self.all.iter().enumerate() {
            assert!(all(block, Self::fill(index)), "block {index} was overwritten");
        }
    }

    /// Checks as well that no two blocks share a byte, and that every other claimed byte is zero, save those of `others` (soundness S1, S2).
    ///
    /// # Panics
    ///
    /// One of these does not hold.
    pub fn check_apart(&self, arena: &CodeArena, others: &[Range<usize>]) {
        self.check();
        let code = arena.loaded_range();
        let stats = arena.stats();
        // Data from the front, machine code from the back.
        let [mut front, mut back] =
            [code.start..code.start + stats.claimed - stats.native, code.end - stats.native..code.end];
        let mut spans: Vec<Range<usize>> = self.iter().map(span).chain(others.iter().cloned()).collect();
        spans.sort_by_key(|span| span.start);
        for span in spans.into_iter().filter(|span| !span.is_empty()) {
            let claimed = if span.start < back.start { &mut front } else { &mut back };
            assert!(span.start >= claimed.start && span.end <= claimed.end, "{span:?} overlaps or is not claimed");
            assert!(zero(arena, claimed.start..span.start), "a gap before {span:?} is not zero");
            claimed.start = span.end;
        }
        assert!(zero(arena, front) && zero(arena, back), "a tail is not zero");
    }
}

/// Returns `true` if claimed bytes of an arena that are no block's are all zero.
pub fn zero(arena: &CodeArena, bytes: Range<usize>) -> bool {
    all(claimed(arena, bytes), 0)
}

/// Returns claimed bytes of an arena: a block's of which each was written as a byte or a word, or nobody's.
///
/// # Panics
///
/// They are not claimed.
pub fn claimed(arena: &CodeArena, bytes: Range<usize>) -> &[u8] {
    let (code, stats) = (arena.loaded_range(), arena.stats());
    // Data from the front, machine code from the back.
    let in_front = code.start <= bytes.start && bytes.end <= code.start + stats.claimed - stats.native;
    let behind = code.end - stats.native <= bytes.start && bytes.end <= code.end;
    assert!(in_front || behind, "{bytes:?} is not claimed");
    // SAFETY: claimed pages are readable, and the pointer to the first of them may read all; nobody writes there during a check.
    unsafe { slice::from_raw_parts(arena.base().as_ptr().add(bytes.start - code.start), bytes.len()) }
}

/// Checks that no byte of the claimed pages is unaccounted for; no loader may be open.
///
/// # Panics
///
/// A byte is.
pub fn accounted(stats: &CodeStats) {
    assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails, "{stats:?}");
}

/// Returns what the kernel says of the code pages of an arena.
///
/// # Panics
///
/// It says nothing.
#[cfg(target_os = "linux")]
pub fn mapped(arena: &CodeArena) -> crate::Memory {
    crate::memory(0, arena.address_range()).unwrap()
}

/// Returns the bytes of an arena's code pages that are in memory.
///
/// # Panics
///
/// The kernel says nothing.
#[cfg(target_os = "linux")]
pub fn resident(arena: &CodeArena) -> usize {
    crate::resident(0, arena.address_range()).unwrap()
}
