//! The state of each code page, out of line: is it closed, is it sealed, whose bytes lie there.
//!
//! * flags ([`PageFlag`]): what was done to it so far, a bit each.
//! * **full**, of each group that is the first of as many as a word has bits: which of these have all pages sealed. A
//!   search for more passes over 4,096 pages with one load, on 64 bits.
//! * **owner**: the finished extent with the highest address on the page; those below it follow by [`Extent::below`].
//!
//! Flags are only ever set, so any number of threads may close, seal and look up at once. If a thread vanishes before it
//! sets one, pages stay unsealed. The exception is `Begins`, which only counts mappings. An owner is replaced by one
//! above it. `page_groups.rs` says where all of this lies.

use super::extent::Extent;
use super::page_groups::{GROUP, Group, PageFlag, PageGroups};
use super::record::Record;
use crate::base::bits;
use crate::base::page_range::PageRange;
use core::sync::atomic::Ordering::*;

/// The table over all pages of one arena.
pub(in crate::code) struct PageTable {
    pub(super) groups: PageGroups,
}

impl PageTable {
    pub(in crate::code) fn new(groups: PageGroups) -> Self {
        Self { groups }
    }

    /// The group of a page.
    fn group(&self, page: usize) -> Option<&Group> {
        self.groups.get(page / GROUP)
    }

    /// The group that says which of the groups around the one at `index` are full.
    fn over(&self, index: usize) -> Option<&Group> {
        self.groups.get(index / GROUP * GROUP)
    }

    /// Sets a flag of `pages`.
    ///
    /// # Safety
    ///
    /// What the [flag](PageFlag) says is so of every one of them, and stays so.
    pub(in crate::code) unsafe fn set(&self, flag: PageFlag, pages: PageRange) {
        self.add(flag, pages);
    }

    fn add(&self, flag: PageFlag, pages: PageRange) {
        for (group, mask) in self.masks(pages) {
            group.flag(flag).fetch_or(mask, Release);
        }
    }

    /// Returns `true` if every one of `pages` has the flag.
    pub(in crate::code) fn is_set(&self, flag: PageFlag, pages: PageRange) -> bool {
        // A page whose group is not there has no flag.
        bits::words(pages.numbers())
            .all(|(index, mask)| self.groups.get(index).is_some_and(|group| group.bits(flag) & mask == mask))
    }

    /// Says that `pages` were replaced together, by one mapping.
    ///
    /// # Safety
    ///
    /// They were: every one of them is sealed, and memory that nobody can change lies there.
    pub(in crate::code) unsafe fn replace(&self, pages: PageRange) {
        for (group, mask) in self.masks(pages) {
            group.flag(PageFlag::Begins).fetch_and(!mask, Release);
        }
        self.add(PageFlag::Begins, PageRange::numbered(pages.start()..pages.start() + 1));
        // A larger replacement that this one cut goes on behind it.
        let behind = PageRange::numbered(pages.end()..self.groups.pages()).first();
        if !behind.is_empty() && self.is_set(PageFlag::Replaced, behind) {
            self.add(PageFlag::Begins, behind);
        }
        self.add(PageFlag::Replaced, pages);
    }

    /// The first stretch of pages in `pages` that have one flag and not the other, and are alike in being executable.
    pub(in crate::code) fn next_between(
        &self,
        pages: PageRange,
        with: PageFlag,
        without: PageFlag,
    ) -> Option<(PageRange, bool)> {
        let pending = |group: &Group| group.bits(with) & !group.bits(without);
        let first = self.next_stretch(pages, pending)?;
        let executable = self.is_set(PageFlag::Executable, first.first());
        let alike = |group: &Group| {
            let executables = group.bits(PageFlag::Executable);
            pending(group) & if executable { executables } else { !executables }
        };
        self.next_stretch(first, alike).map(|stretch| (stretch, executable))
    }

    /// Counts the kernel's mappings in these pages, which are stretches of pages that are alike. None of them goes on in front of the first page.
    pub(in crate::code) fn mappings(&self, pages: PageRange) -> usize {
        const SHOWN: [PageFlag; 4] = [PageFlag::Sealed, PageFlag::Executable, PageFlag::Replaced, PageFlag::Fixed];
        let mut before = [0; SHOWN.len()];
        let begins = |(group, mask): (&Group, usize)| {
            let mut begins = group.bits(PageFlag::Begins);
            for (flag, before) in SHOWN.iter().zip(&mut before) {
                let bits = group.bits(*flag);
                begins |= bits ^ (bits << 1 | *before);
                *before = bits >> (GROUP - 1);
            }
            (begins & mask).count_ones() as usize
        };
        let count = self.masks(pages).map(begins).sum::<usize>();
        // Whatever the first page is, it begins one.
        let first =
            self.group(pages.start()).map_or(0, |group| group.bits(PageFlag::Sealed) | group.bits(PageFlag::Begins));
        count + usize::from(!pages.is_empty() && first >> (pages.start() % GROUP) & 1 == 0)
    }

    /// Marks `pages` as sealed.
    ///
    /// # Safety
    ///
    /// Nobody writes to any of them again, and the source did [`Step::Seal`](crate::pages::Step::Seal): they are read-only if it protects.
    pub(in crate::code) unsafe fn seal(&self, pages: PageRange) {
        let first = pages.start() / GROUP;
        for (index, (group, mask)) in (first..).zip(self.masks(pages)) {
            if group.flag(PageFlag::Sealed).fetch_or(mask, Release) | mask == usize::MAX {
                self.over(index).iter().for_each(|over| _ = over.full.fetch_or(1 << (index % GROUP), Release));
            }
        }
    }

    /// The first stretch of pages in `pages` that are closed and not sealed.
    pub(in crate::code) fn next_unsealed(&self, pages: PageRange) -> Option<PageRange> {
        let pending = |group: &Group| group.bits(PageFlag::Closed) & !group.bits(PageFlag::Sealed);
        let not_full = |index: usize| self.over(index).map_or(0, |over| !over.full.load(Acquire));
        let mut from = pages.start();
        while let Some(group) = bits::next_set(from / GROUP..pages.end().div_ceil(GROUP), not_full) {
            from = from.max(group * GROUP);
            let rest = self.groups.get(group).map_or(0, pending) >> (from % GROUP);
            if rest != 0 {
                return self.next_stretch(pages.starting_at(from + rest.trailing_zeros() as usize), pending);
            }
            from = (group + 1) * GROUP;
        }
        None
    }

    /// Counts those of `pages` that are closed and not sealed.
    pub(in crate::code) fn count_unsealed(&self, pages: PageRange) -> usize {
        self.masks(pages)
            .map(|(group, mask)| group.bits(PageFlag::Closed) & !group.bits(PageFlag::Sealed) & mask)
            .map(|pending| pending.count_ones() as usize)
            .sum()
    }

    /// Says that `extent` is the highest on each of `pages`.
    pub(in crate::code) fn own(&self, pages: PageRange, extent: Record<'_, Extent>) {
        for page in pages.numbers() {
            if let Some(group) = self.group(page) {
                group.owners[page % GROUP].set(extent);
            }
        }
    }

    /// The highest finished extent on `page`.
    pub(in crate::code) fn owner(&self, page: usize) -> Option<Record<'_, Extent>> {
        self.group(page)?.owners[page % GROUP].get()
    }

    /// The groups of `pages` that are there, each with the bits that stand for them.
    fn masks(&self, pages: PageRange) -> impl Iterator<Item = (&Group, usize)> {
        bits::words(pages.numbers()).filter_map(|(index, mask)| self.groups.get(index).map(|group| (group, mask)))
    }

    fn next_stretch(&self, pages: PageRange, bits: impl Fn(&Group) -> usize) -> Option<PageRange> {
        let word = |page: usize| self.group(page).map_or(0, &bits);
        let start = bits::next_set(pages.numbers(), word)?;
        let end = bits::next_set(start..pages.end(), |page| !word(page)).unwrap_or(pages.end());
        Some(PageRange::numbered(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::page_groups::{FIRST, STEP};
    use super::super::watermark::End;
    use super::*;
    use crate::base::page::PageSize;
    use core::ops::Range;
    use core::ptr::NonNull;

    fn numbered(pages: Range<usize>) -> PageRange {
        PageRange::numbered(pages)
    }

    /// A table over `pages` pages in memory of its own, all of it there.
    fn with_table(pages: usize, test: impl FnOnce(PageTable)) {
        with_part_of_table(pages, |table| {
            // SAFETY: all bytes are the table's.
            unsafe { table.groups.grow(End::Front, 0..PageGroups::bytes(pages)[1]) };
            test(table);
        });
    }

    /// A table of which the part behind the code is not there yet.
    fn with_part_of_table(pages: usize, test: impl FnOnce(PageTable)) {
        let [mut front, mut rest] = PageGroups::bytes(pages).map(|bytes| vec![0usize; bytes / size_of::<usize>()]);
        let end = NonNull::new(front.as_mut_ptr_range().end).unwrap().cast();
        let rest = NonNull::new(rest.as_mut_ptr()).unwrap().cast();
        // SAFETY: zeroed words, aligned as groups are, that outlive the table and are used by it alone.
        test(PageTable::new(unsafe { PageGroups::new(end, rest, pages) }));
    }

    fn set(table: &PageTable, flag: PageFlag, pages: Range<usize>) {
        // SAFETY: no memory belongs to these pages.
        unsafe { table.set(flag, numbered(pages)) };
    }

    fn seal(table: &PageTable, pages: Range<usize>) {
        // SAFETY: as above.
        unsafe { table.seal(numbered(pages)) };
    }

    fn replace(table: &PageTable, pages: Range<usize>) {
        // SAFETY: as above.
        unsafe { table.replace(numbered(pages)) };
    }

    #[test]
    fn stretches_are_found_across_the_words_of_the_table() {
        with_table(300, |table| {
            set(&table, PageFlag::Closed, 10..11);
            set(&table, PageFlag::Closed, 60..200);
            seal(&table, 100..130);
            assert_eq!(table.next_unsealed(numbered(0..300)), Some(numbered(10..11)));
            assert_eq!(table.next_unsealed(numbered(11..300)), Some(numbered(60..100)));
            assert_eq!(table.next_unsealed(numbered(100..300)), Some(numbered(130..200)));
            assert_eq!(table.next_unsealed(numbered(140..150)), Some(numbered(140..150)));
            assert_eq!(table.next_unsealed(numbered(200..300)), None);
            assert_eq!(
                table.next_between(numbered(0..300), PageFlag::Sealed, PageFlag::Replaced),
                Some((numbered(100..130), false))
            );
            assert_eq!(table.count_unsealed(numbered(0..300)), 1 + 40 + 70);
            assert!(
                table.is_set(PageFlag::Sealed, numbered(100..130)) && table.is_set(PageFlag::Sealed, numbered(5..5))
            );
            assert!(
                !table.is_set(PageFlag::Sealed, numbered(99..130))
                    && !table.is_set(PageFlag::Sealed, numbered(100..131))
            );
        });
    }

    #[test]
    fn what_is_not_sealed_is_found_behind_any_number_of_full_groups() {
        with_table(20_000, |table| {
            set(&table, PageFlag::Closed, 0..20_000);
            seal(&table, 0..12_345);
            seal(&table, 12_350..20_000);
            assert_eq!(table.next_unsealed(numbered(0..20_000)), Some(numbered(12_345..12_350)));
            assert_eq!(table.next_unsealed(numbered(12_347..20_000)), Some(numbered(12_347..12_350)));
            seal(&table, 12_345..12_350);
            assert_eq!(table.next_unsealed(numbered(0..20_000)), None);
        });
    }

    #[test]
    fn mappings_end_where_pages_differ_and_where_replacements_begin() {
        with_table(300, |table| {
            assert_eq!((table.mappings(numbered(0..0)), table.mappings(numbered(0..300))), (0, 1));
            set(&table, PageFlag::Closed, 0..300);
            seal(&table, 0..200);
            assert_eq!((table.mappings(numbered(0..200)), table.mappings(numbered(0..300))), (1, 2));
            replace(&table, 0..64);
            replace(&table, 64..100);
            assert_eq!(table.mappings(numbered(0..300)), 4);
            set(&table, PageFlag::Executable, 150..151);
            assert_eq!(table.mappings(numbered(0..300)), 6);
            assert_eq!(
                table.next_between(numbered(0..300), PageFlag::Sealed, PageFlag::Replaced),
                Some((numbered(100..150), false))
            );
            assert_eq!(
                table.next_between(numbered(150..300), PageFlag::Sealed, PageFlag::Replaced),
                Some((numbered(150..151), true))
            );
            replace(&table, 0..100);
            assert_eq!(table.mappings(numbered(0..300)), 5);
            set(&table, PageFlag::Fixed, 0..100);
            assert_eq!(table.mappings(numbered(0..300)), 5);
            replace(&table, 20..64);
            assert_eq!(table.mappings(numbered(0..300)), 7, "the larger one was cut in three");
        });
    }

    #[test]
    fn a_stretch_may_fill_every_word_to_its_end() {
        with_table(128, |table| {
            set(&table, PageFlag::Closed, 0..128);
            assert_eq!(table.next_unsealed(numbered(0..128)), Some(numbered(0..128)));
            seal(&table, 0..128);
            assert_eq!(table.next_unsealed(numbered(0..128)), None);
            assert!(table.is_set(PageFlag::Sealed, numbered(0..128)));
        });
    }

    #[test]
    fn of_pages_whose_group_is_not_there_nothing_is_said_until_it_is() {
        let (page, front) = (PageSize::new(4096).unwrap(), FIRST * GROUP);
        let all = 30 * front;
        with_part_of_table(all, |table| {
            assert_eq!(
                (table.groups.missing(End::Front, numbered(0..front), page), table.owner(front).is_some()),
                (None, false)
            );
            set(&table, PageFlag::Closed, 0..front);
            assert!(
                !table.is_set(PageFlag::Closed, numbered(front - 1..front + 1))
                    && table.is_set(PageFlag::Closed, numbered(front - 1..front))
            );
            assert_eq!(
                (table.count_unsealed(numbered(0..2 * front)), table.mappings(numbered(0..2 * front))),
                (front, 1)
            );
            seal(&table, 0..front);
            assert_eq!(table.next_unsealed(numbered(0..all)), None);
            // It grows by steps, from both ends, and goes on where the last page of a step was.
            let mut calls = 0;
            let mut ask = |end, pages: Range<usize>| {
                if let Some(range) = table.groups.missing(end, numbered(pages.clone()), page) {
                    assert!(range.start % 4096 == 0 && range.end % 4096 == 0 && !range.is_empty());
                    assert!(range.end <= PageGroups::bytes(all)[1].next_multiple_of(4096));
                    assert!(range.len() <= STEP + GROUP * size_of::<Group>() + 4096, "a step, or a little more");
                    // SAFETY: all of it is there.
                    unsafe { table.groups.grow(end, range) };
                    calls += 1;
                }
                assert_eq!(table.groups.missing(end, numbered(pages.clone()), page), None);
                set(&table, PageFlag::Closed, pages.clone());
                assert_eq!(table.next_unsealed(numbered(0..all)), Some(numbered(pages.clone())));
                seal(&table, pages);
            };
            for pages in (100..10 * front).step_by(100) {
                ask(End::Back, all - pages..all - pages + 1);
                ask(End::Front, front + pages..front + pages + 1);
            }
            assert!((55..=62).contains(&calls), "{calls}: 64 KiB each, which is a third of the first groups");
        });
    }
}
