//! The state of each code page, out of line: groups of pages, in two places.
//!
//! ```text
//!       in front of the code, for its first pages and its last                    behind it, for all between
//!
//!         group 1         group 0                                                  group n
//!   ┼ … ┼ ┄ ┄ ┄ ┄ ┼ full │ flags × 6 │ owner × 64 ┼ records ▶ ┼ code ┼ full │ flags │ owners ┼ … ▶ ┄ no access ┄ ◀ … ┤
//!                            a bit a page  one pointer
//! ```
//!
//! The first groups lie in zeroed memory just before the records, the very first nearest. In front of them lie the last
//! ones, for machine code. All of these are writable from the beginning. The others are made writable, from both ends,
//! before the pages that they describe are handed out. Nothing is said of a page whose group is not there.

use super::extent::Extent;
use super::record::AtomicRecord;
use super::watermark::End;
use crate::base::page::PageSize;
use crate::base::page_range::PageRange;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// Pages in a group: the bits of a word.
pub(super) const GROUP: usize = usize::BITS as usize;

/// A property of a page.
#[derive(Clone, Copy)]
pub(in crate::code) enum PageFlag {
    /// Every loader that could write there is finished and the tail behind it is given up. Nobody writes there again.
    Closed,
    /// Closed, and the source sealed it: read-only, if it protects.
    Sealed,
    /// Sealed, and the processor may execute it.
    Executable,
    /// Sealed, and replaced by memory that nobody can change.
    Replaced,
    /// Replaced, and nobody can take that away.
    Fixed,
    /// A replacement begins here: a mapping of its own.
    Begins,
}

const FLAGS: usize = 6;

/// Groups in front of the code for its first pages: 192 KiB of them, for 86 MiB of code on pages of 4 KiB. Beyond, the table is a mapping
/// more.
pub(super) const FIRST: usize = (192 << 10) / size_of::<Group>();
/// Groups in front of the code for its last pages, at most: 64 KiB of them, for 28 MiB of machine code.
const LAST: usize = (64 << 10) / size_of::<Group>();
/// Bytes of the others that are made writable at a time, at least; whole pages.
pub(super) const STEP: usize = 64 << 10;

/// The state of some pages.
pub(super) struct Group {
    /// Of every 64th group: which of it and the 63 behind it have all pages sealed.
    pub(super) full: AtomicUsize,
    flags: [AtomicUsize; FLAGS],
    /// The finished extent with the highest address on each page.
    pub(super) owners: [AtomicRecord<Extent>; GROUP],
}

impl Group {
    pub(super) fn flag(&self, flag: PageFlag) -> &AtomicUsize {
        &self.flags[flag as usize]
    }

    pub(super) fn bits(&self, flag: PageFlag) -> usize {
        self.flag(flag).load(Acquire)
    }
}

/// The groups of all pages of one arena.
pub(in crate::code) struct PageGroups {
    /// The end of the groups in front of the code, which grow down from there.
    front: NonNull<Group>,
    /// The first group behind it.
    rest: NonNull<Group>,
    /// Groups that there may be.
    len: usize,
    /// Those of them that lie behind the code.
    middle: Range<usize>,
    /// Groups that are writable, of the first ones.
    ready: AtomicUsize,
    /// The first of the last ones that are writable, which tell of machine code.
    last: AtomicUsize,
}

// SAFETY: these are groups of atomics in memory that its arena owns.
unsafe impl Send for PageGroups {}
// SAFETY: as above; groups change by atomics only.
unsafe impl Sync for PageGroups {}

impl PageGroups {
    /// Of so many groups, those behind the code. The first of the last ones says which of them are full.
    fn middle(groups: usize) -> Range<usize> {
        if groups <= FIRST + LAST { groups..groups } else { FIRST..(groups - LAST).next_multiple_of(GROUP).min(groups) }
    }

    /// The bytes that groups of `pages` pages take: in front of the code, and behind it.
    pub(in crate::code) fn bytes(pages: usize) -> [usize; 2] {
        let groups = pages.div_ceil(GROUP);
        let behind = Self::middle(groups).len();
        [groups - behind, behind].map(|groups| groups * size_of::<Group>())
    }

    /// Groups of `pages` pages, in the zeroed memory before `end` and behind `rest`.
    ///
    /// # Safety
    ///
    /// 1. Both are aligned to a word. As many [`bytes`](Self::bytes) lie before the one and behind the other, zero, used by nobody else, and
    ///    outlive the groups.
    /// 2. Those before `end` are writable.
    pub(in crate::code) unsafe fn new(end: NonNull<u8>, rest: NonNull<u8>, pages: usize) -> Self {
        let len = pages.div_ceil(GROUP);
        let middle = Self::middle(len);
        let (ready, last) = (AtomicUsize::new(middle.start), AtomicUsize::new(middle.end));
        Self { front: end.cast(), rest: rest.cast(), len, middle, ready, last }
    }

    /// Returns the bytes behind `rest`, whole pages, that must be made writable before anything can be said of `pages`,
    /// which are claimed from this end.
    pub(in crate::code) fn missing(&self, end: End, pages: PageRange, page: PageSize) -> Option<Range<usize>> {
        let middle = &self.middle;
        let bytes = |group: usize| (group - middle.start) * size_of::<Group>();
        let all = page.ceil(bytes(middle.end))?;
        match end {
            End::Front => {
                let (needed, ready) = (pages.end().div_ceil(GROUP).min(middle.end), self.ready.load(Acquire));
                (needed > ready).then(|| page.floor(bytes(ready))..bytes(needed).next_multiple_of(STEP).min(all))
            }
            End::Back => {
                // With the group that says whether it is full.
                let needed = (pages.start() / GROUP / GROUP * GROUP).max(middle.start);
                let last = self.last.load(Acquire);
                let is_there = needed >= last || pages.end() <= self.ready.load(Acquire) * GROUP;
                if is_there { None } else { Some(bytes(needed) / STEP * STEP..page.ceil(bytes(last))?) }
            }
        }
    }

    /// Says that what was [missing](Self::missing) is writable.
    ///
    /// # Safety
    ///
    /// These bytes behind `rest` are, and belong to the groups.
    pub(in crate::code) unsafe fn grow(&self, end: End, bytes: Range<usize>) {
        match end {
            End::Front => {
                let ready = self.middle.start + bytes.end / size_of::<Group>();
                self.ready.fetch_max(ready.min(self.middle.end), Release)
            }
            End::Back => self.last.fetch_min(self.middle.start + bytes.start.div_ceil(size_of::<Group>()), Release),
        };
    }

    /// The group at `index`, if it is there.
    pub(super) fn get(&self, index: usize) -> Option<&Group> {
        // SAFETY: the promises of `new` and `grow`: a group of one of the parts, which is writable. Zero bytes are a valid one: clear bits and
        // null pointers.
        unsafe {
            match index {
                _ if index < self.middle.start => Some(self.front.sub(index + 1).as_ref()),
                _ if index >= self.len => None,
                _ if index >= self.middle.end => Some(self.front.sub(self.middle.start + self.len - index).as_ref()),
                // Acquire: it was made writable before.
                _ if index < self.ready.load(Acquire) || index >= self.last.load(Acquire) => {
                    Some(self.rest.add(index - self.middle.start).as_ref())
                }
                _ => None,
            }
        }
    }

    /// Pages that there may be, whole groups.
    pub(super) fn pages(&self) -> usize {
        self.len * GROUP
    }
}
