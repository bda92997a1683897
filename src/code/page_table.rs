//! What is known of each code page, out of line: is it closed, is it sealed, whose bytes lie there.
//!
//! ```text
//!                    group 0                        group 1
//!   │ full, full … ┼ closed │ sealed │ owner × 64 ┼ closed │ sealed │ owner × 64 ┼ ...
//!     a bit a group   one bit a page   one pointer a page
//! ```
//!
//! * **closed**: every loader that could write there is finished and the tail behind it is given up. Nobody writes there again.
//! * **sealed**: closed, and the source made it read-only.
//! * **full**: every page of the group is sealed, so that who looks for more passes over 4,096 pages with one load.
//! * **owner**: the finished extent with the highest address on the page; those below it follow by [`Extent::below`].
//!
//! Bits are only ever set, so any number of threads may close, seal and look up at once; what a vanished thread did not set is pages
//! that stay unsealed. The groups lie in zeroed pages at the end of the reservation, which cost nothing until touched.

use super::extent::Extent;
use super::published::{Published, Record};
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// Pages in a group: the bits of a word.
const GROUP: usize = usize::BITS as usize;

struct Group {
    closed: AtomicUsize,
    sealed: AtomicUsize,
    owners: [Published<Extent>; GROUP],
}

/// The table over all pages of one arena.
pub(super) struct PageTable {
    full: NonNull<AtomicUsize>,
    groups: NonNull<Group>,
    len: usize,
}

// SAFETY: the table is a slice of groups of atomics in memory that its arena owns.
unsafe impl Send for PageTable {}
// SAFETY: as above; groups change by atomics only.
unsafe impl Sync for PageTable {}

impl PageTable {
    /// The bytes that a table over `pages` pages takes.
    pub(super) fn bytes(pages: usize) -> usize {
        let groups = pages.div_ceil(GROUP);
        groups.div_ceil(GROUP) * size_of::<AtomicUsize>() + groups * size_of::<Group>()
    }

    /// A table over `pages` pages in the zeroed memory at `at`.
    ///
    /// # Safety
    ///
    /// `at` is aligned to a page, `bytes(pages)` long, committed and zero, used by nobody else, and outlives the table.
    pub(super) unsafe fn new(at: NonNull<u8>, pages: usize) -> Self {
        let (full, len) = (at.cast::<AtomicUsize>(), pages.div_ceil(GROUP));
        // SAFETY: behind the words of `full` there is room for the groups, which are aligned as words are.
        Self { full, groups: unsafe { full.add(len.div_ceil(GROUP)) }.cast(), len }
    }

    fn full(&self) -> &[AtomicUsize] {
        // SAFETY: the promise of `new`; zero bytes are clear bits.
        unsafe { slice::from_raw_parts(self.full.as_ptr(), self.len.div_ceil(GROUP)) }
    }

    fn groups(&self) -> &[Group] {
        // SAFETY: the promise of `new`; zero bytes are valid groups: clear bits and null pointers.
        unsafe { slice::from_raw_parts(self.groups.as_ptr(), self.len) }
    }

    /// Marks `pages` as closed.
    pub(super) fn close(&self, pages: Range<usize>) {
        for (group, mask) in self.masks(pages) {
            group.closed.fetch_or(mask, Release);
        }
    }

    /// Marks `pages` as sealed, once the source has made them read-only.
    pub(super) fn seal(&self, pages: Range<usize>) {
        let first = pages.start / GROUP;
        for (index, (group, mask)) in (first..).zip(self.masks(pages)) {
            if group.sealed.fetch_or(mask, Release) | mask == usize::MAX {
                self.full()[index / GROUP].fetch_or(1 << (index % GROUP), Release);
            }
        }
    }

    /// Whether every one of `pages` is sealed.
    pub(super) fn is_sealed(&self, pages: Range<usize>) -> bool {
        self.masks(pages).all(|(group, mask)| group.sealed.load(Acquire) & mask == mask)
    }

    /// The first stretch of pages in `pages` that are closed and not sealed.
    pub(super) fn next_unsealed(&self, pages: Range<usize>) -> Option<Range<usize>> {
        let pending = |group: &Group| group.closed.load(Acquire) & !group.sealed.load(Acquire);
        let not_full = |index: usize| self.full().get(index / GROUP).map_or(0, |word| !word.load(Acquire));
        let mut from = pages.start;
        while let Some(group) = Self::next_set(from / GROUP..pages.end.div_ceil(GROUP), not_full) {
            from = from.max(group * GROUP);
            let first = self.next_stretch(from..pages.end.min((group + 1) * GROUP), pending);
            if let Some(first) = first {
                return self.next_stretch(first.start..pages.end, pending);
            }
            from = (group + 1) * GROUP;
        }
        None
    }

    /// The first stretch of sealed pages in `pages`.
    pub(super) fn next_sealed(&self, pages: Range<usize>) -> Option<Range<usize>> {
        self.next_stretch(pages, |group| group.sealed.load(Acquire))
    }

    /// How many of the first `pages` pages are closed and not sealed.
    pub(super) fn count_unsealed(&self, pages: usize) -> usize {
        self.masks(0..pages)
            .map(|(group, mask)| group.closed.load(Acquire) & !group.sealed.load(Acquire) & mask)
            .map(|pending| pending.count_ones() as usize)
            .sum()
    }

    /// Says that `extent` is the highest on each of `pages`.
    pub(super) fn own(&self, pages: Range<usize>, extent: Record<'_, Extent>) {
        for page in pages {
            self.groups()[page / GROUP].owners[page % GROUP].set(extent);
        }
    }

    /// The highest finished extent on `page`.
    pub(super) fn owner(&self, page: usize) -> Option<Record<'_, Extent>> {
        self.groups().get(page / GROUP)?.owners[page % GROUP].get()
    }

    /// The groups that `pages` lie in, each with the bits that stand for them.
    fn masks(&self, pages: Range<usize>) -> impl Iterator<Item = (&Group, usize)> {
        let first = pages.start / GROUP;
        let last = if pages.is_empty() { first } else { (pages.end - 1) / GROUP + 1 };
        self.groups()[first..last].iter().zip(first..).map(move |(group, index)| {
            let start = pages.start.max(index * GROUP) - index * GROUP;
            let end = pages.end.min((index + 1) * GROUP) - index * GROUP;
            (group, (usize::MAX >> (GROUP - (end - start))) << start)
        })
    }

    fn next_stretch(&self, pages: Range<usize>, bits: impl Fn(&Group) -> usize) -> Option<Range<usize>> {
        let word = |page: usize| self.groups().get(page / GROUP).map_or(0, &bits);
        let start = Self::next_set(pages.clone(), word)?;
        let end = Self::next_set(start..pages.end, |page| !word(page)).unwrap_or(pages.end);
        Some(start..end)
    }

    /// The first page of `pages` whose bit is set, a word at a time.
    fn next_set(pages: Range<usize>, word: impl Fn(usize) -> usize) -> Option<usize> {
        let mut page = pages.start;
        while page < pages.end {
            let rest = word(page) >> (page % GROUP);
            if rest != 0 {
                return Some(page + rest.trailing_zeros() as usize).filter(|&found| found < pages.end);
            }
            page = (page / GROUP + 1) * GROUP;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table over `pages` pages in memory of its own.
    fn with_table(pages: usize, test: impl FnOnce(PageTable)) {
        let mut words = vec![0usize; PageTable::bytes(pages) / size_of::<usize>()];
        let at = NonNull::from(words.as_mut_slice()).cast();
        // SAFETY: zeroed words, aligned as groups are, that outlive the table and are used by it alone.
        test(unsafe { PageTable::new(at, pages) });
    }

    #[test]
    fn stretches_are_found_across_the_words_of_the_table() {
        with_table(300, |table| {
            table.close(10..11);
            table.close(60..200);
            table.seal(100..130);
            assert_eq!(table.next_unsealed(0..300), Some(10..11));
            assert_eq!(table.next_unsealed(11..300), Some(60..100));
            assert_eq!(table.next_unsealed(100..300), Some(130..200));
            assert_eq!(table.next_unsealed(140..150), Some(140..150));
            assert_eq!(table.next_unsealed(200..300), None);
            assert_eq!(table.next_sealed(0..300), Some(100..130));
            assert_eq!(table.count_unsealed(300), 1 + 40 + 70);
            assert!(table.is_sealed(100..130) && table.is_sealed(5..5));
            assert!(!table.is_sealed(99..130) && !table.is_sealed(100..131));
        });
    }

    #[test]
    fn what_is_not_sealed_is_found_behind_any_number_of_full_groups() {
        with_table(20_000, |table| {
            table.close(0..20_000);
            table.seal(0..12_345);
            table.seal(12_350..20_000);
            assert_eq!(table.next_unsealed(0..20_000), Some(12_345..12_350));
            assert_eq!(table.next_unsealed(12_347..20_000), Some(12_347..12_350));
            table.seal(12_345..12_350);
            assert_eq!(table.next_unsealed(0..20_000), None);
        });
    }

    #[test]
    fn a_stretch_may_fill_every_word_to_its_end() {
        with_table(128, |table| {
            table.close(0..128);
            assert_eq!(table.next_unsealed(0..128), Some(0..128));
            table.seal(0..128);
            assert_eq!(table.next_unsealed(0..128), None);
            assert!(table.is_sealed(0..128));
        });
    }
}
