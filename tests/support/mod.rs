//! What several test files need: blocks that know what they were filled with, random numbers, and the kernel's word on an arena.
#![allow(dead_code, unused_imports)] // each test file uses a part

#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod disturbed;
#[cfg(target_os = "linux")]
pub(crate) mod filter;
#[cfg(target_os = "linux")]
pub(crate) mod namespace;
mod pages_of;

#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub(crate) use disturbed::Disturbed;
pub(crate) use pages_of::PagesOf;
#[cfg(target_os = "linux")]
pub(crate) use permacode_witness::{in_child, limit, status, watched};

use core::ops::Range;
use core::slice;
use permacode::stats::CodeStats;
use permacode::{CodeArena, Error, Loader};

/// Bytes that no arena of these tests has: a terabyte, or a gigabyte where addresses have 32 bits.
pub(crate) const VAST: usize = 1 << if usize::BITS > 32 { 40 } else { 30 };

/// The system's page size.
pub(crate) fn page() -> usize {
    // SAFETY: asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

/// Where a block lies.
pub(crate) fn span<T>(block: &[T]) -> Range<usize> {
    let range = block.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// A small generator with a seed, so that every run does the same.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.next() >> 16) % bound as u64) as usize // the same on targets of narrower words
    }

    /// A number from 0 up to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Blocks of bytes, each filled with a byte of its own.
#[derive(Clone, Default)]
pub(crate) struct Blocks<'a> {
    all: Vec<&'a [u8]>,
}

impl<'a> Blocks<'a> {
    /// Allocates a block of `len` bytes.
    pub(crate) fn alloc(&mut self, loader: &Loader<'a>, len: usize) -> Result<&'a [u8], Error> {
        let block = loader.alloc_slice_copy(&vec![Self::fill(self.all.len()); len])?;
        self.all.push(block);
        Ok(block)
    }

    fn fill(index: usize) -> u8 {
        (index % 255) as u8 + 1
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Bytes of all blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.all.iter().map(|block| block.len()).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.all.iter().copied()
    }

    /// Every block holds what it was filled with.
    pub(crate) fn check(&self) {
        for (index, block) in self.all.iter().enumerate() {
            assert!(all(block, Self::fill(index)), "block {index} was overwritten");
        }
    }

    /// And no two share a byte, and every other byte of the claimed pages is zero, save those of `others` (soundness S1, S2).
    pub(crate) fn check_apart(&self, arena: &CodeArena, others: &[Range<usize>]) {
        self.check();
        let code = arena.address_range();
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
pub(crate) fn zero(arena: &CodeArena, bytes: Range<usize>) -> bool {
    all(claimed(arena, bytes), 0)
}

/// Claimed bytes of an arena: a block's of which each was written as a byte or a word, or nobody's.
pub(crate) fn claimed(arena: &CodeArena, bytes: Range<usize>) -> &[u8] {
    let (code, stats) = (arena.address_range(), arena.stats());
    // Data from the front, machine code from the back.
    let in_front = code.start <= bytes.start && bytes.end <= code.start + stats.claimed - stats.native;
    let behind = code.end - stats.native <= bytes.start && bytes.end <= code.end;
    assert!(in_front || behind, "{bytes:?} is not claimed");
    // SAFETY: claimed pages are readable, and the pointer to the first of them may read all; nobody writes there during a check.
    unsafe { slice::from_raw_parts(arena.base().as_ptr().add(bytes.start - code.start), bytes.len()) }
}

/// Whether each of `bytes` is `byte`; quick in a debug build.
pub(crate) fn all(bytes: &[u8], byte: u8) -> bool {
    bytes.split_first().is_none_or(|(&first, rest)| first == byte && rest == &bytes[..rest.len()])
}

/// No byte of the claimed pages is unaccounted for; no loader may be open.
pub(crate) fn accounted(stats: &CodeStats) {
    assert_eq!(stats.claimed, stats.used + stats.gaps + stats.lost + stats.tails, "{stats:?}");
}

/// What the kernel says of the code pages of an arena.
#[cfg(target_os = "linux")]
pub(crate) fn mapped(arena: &CodeArena) -> permacode_witness::Memory {
    permacode_witness::memory(0, arena.address_range()).unwrap()
}

/// Bytes of an arena's code pages that are in memory.
#[cfg(target_os = "linux")]
pub(crate) fn resident(arena: &CodeArena) -> usize {
    permacode_witness::resident(0, arena.address_range()).unwrap()
}

/// The permissions of the mapping that holds `address`.
#[cfg(target_os = "linux")]
pub(crate) fn permissions(address: usize) -> String {
    let memory = permacode_witness::memory(0, address..address + 1).unwrap();
    memory.mappings.first().map_or(String::new(), |mapping| mapping.permissions.clone())
}

/// How a child ends that stores a byte to `address`.
#[cfg(target_os = "linux")]
pub(crate) fn store(address: usize) -> permacode_witness::End {
    permacode_witness::Child::run(|| {
        // SAFETY: none: this is the stray store that the kernel must stop. If it does not, the child ends at once, with what it wrote.
        unsafe { core::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(0xAA) };
        0
    })
    .unwrap()
}

/// The end of a child that the kernel stopped at `address`.
#[cfg(target_os = "linux")]
pub(crate) fn stopped(address: usize) -> permacode_witness::End {
    permacode_witness::End::Signal { signal: libc::SIGSEGV, address }
}
