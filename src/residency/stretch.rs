//! Pages in a row that are alike, as `/proc/<pid>/pagemap` describes each.

use core::fmt;
use core::ops::Range;

/// Pages in a row of which the same can be said: addresses of whole pages. Pages without memory are in none.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// arena.load("m")?.alloc_slice_copy(&[1u8; 10_000])?;
/// for stretch in arena.residency()?.stretches() {
///     println!("{:#x}-{:#x}: {}", stretch.range.start, stretch.range.end, stretch.state);
///     assert_eq!(stretch.range.len() % 4096, 0);
///     assert!(stretch.range.end <= arena.address_range().start + arena.stats().claimed); // no page behind the code has memory
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stretch {
    /// Their address range.
    pub range: Range<usize>,
    /// Their state.
    pub state: PageState,
}

/// The state of a page: shared, or the reason why not. It is what `/proc/<pid>/pagemap` says in bits 56, 61, 62 and 63
/// (the kernel's `pagemap.rst`).
///
/// ```
/// use permacode::{HeapArena, HeapRc};
/// use permacode::residency::PageState;
/// # use permacode_witness::in_child;
///
/// let heap = HeapArena::new()?;
/// let value = HeapRc::new(&heap, std::cell::Cell::new(1u64))?;
/// # in_child(|| {
/// // In a forked child:
/// let state = || heap.residency().unwrap().stretches()[0].state;
/// assert_eq!(state(), PageState::Shared);
/// value.set(2);
/// assert_eq!(state(), PageState::PrivateCopy);
/// # });
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageState {
    /// Other processes map it too. Of a page that is part of a large one the kernel may say so when another part is. The kernel's page of
    /// zeros, which stands for memory that was only ever read, counts as shared. So may a file's page that this process maps twice, as it
    /// does after the check of an image.
    Shared,
    /// Private memory that this process alone has. It was never shared, because nobody was forked since it was written.
    /// Or it was copied, because this process wrote to it after a fork. Or relatives that wrote or ended left it
    /// behind. The kernel does not tell which.
    PrivateCopy,
    /// A file's page that no other process has mapped *now*. It is no copy: the next process that maps the file shares
    /// it.
    MappedHereOnly,
    /// Swapped out, or on its way from one place in memory to another.
    Swapped,
}

impl fmt::Display for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared with other processes",
            Self::PrivateCopy => {
                "not shared: private memory that only this process has (nobody was forked since it was written, or it was written \
                 after a fork, or its relatives have ended)"
            }
            Self::MappedHereOnly => "not shared: a file's pages that no other process has mapped yet (no copy)",
            Self::Swapped => "not shared: swapped out",
        })
    }
}
