//! What is known of each code page, out of line: is it closed, is it sealed, whose bytes lie there.
//!
//! ```text
//!       in front of the code, for its first pages and its last                    behind it, for all between
//!
//!         group 1         group 0                                                  group n
//!   ┼ … ┼ ┄ ┄ ┄ ┄ ┼ full │ marks × 6 │ owner × 64 ┼ records ▶ ┼ code ┼ full │ marks │ owners ┼ … ▶ ┄ no access ┄ ◀ … ┤
//!                            a bit a page  one pointer
//! ```
//!
//! * marks ([`PageFlag`]): what was done to it so far.
//! * **full**, of every 64th group: which of it and the 63 behind it have all pages sealed, so that who looks for more passes over 4,096
//!   pages with one load.
//! * **owner**: the finished extent with the highest address on the page; those below it follow by [`Extent::below`].
//!
//! Bits are only ever set, so any number of threads may close, seal and look up at once; what a vanished thread did not set is pages
//! that stay unsealed. The first groups lie in zeroed memory just before the records, the very first nearest, and in front of them the last
//! ones, for machine code; all of these are writable from the beginning. The others are made writable, from both ends, before the pages that
//! they tell of are handed out: nothing is said of a page whose group is not there.

use super::extent::Extent;
use super::record::{AtomicRecord, Record};
use super::watermark::End;
use crate::base::page::PageSize;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// Pages in a group: the bits of a word.
const GROUP: usize = usize::BITS as usize;

/// What can be said of a page.
#[derive(Clone, Copy)]
pub(in crate::code) enum PageFlag {
    /// Every loader that could write there is finished and the tail behind it is given up. Nobody writes there again.
    Closed,
    /// Closed, and the source made it read-only.
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

const MARKS: usize = 6;

/// Groups in front of the code for its first pages: 192 KiB of them, for 86 MiB of code on pages of 4 KiB. Beyond, the table is a mapping
/// more.
const FIRST: usize = (192 << 10) / size_of::<Group>();
/// Groups in front of the code for its last pages, at most: 64 KiB of them, for 28 MiB of machine code.
const LAST: usize = (64 << 10) / size_of::<Group>();
/// Bytes of the others that are made writable at a time, at least; whole pages.
const STEP: usize = 64 << 10;

struct Group {
    full: AtomicUsize,
    marks: [AtomicUsize; MARKS],
    owners: [AtomicRecord<Extent>; GROUP],
}

/// The table over all pages of one arena.
pub(in crate::code) struct PageTable {
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

// SAFETY: the table is groups of atomics in memory that its arena owns.
unsafe impl Send for PageTable {}
// SAFETY: as above; groups change by atomics only.
unsafe impl Sync for PageTable {}

impl Group {
    fn mark(&self, mark: PageFlag) -> &AtomicUsize {
        &self.marks[mark as usize]
    }

    fn bits(&self, mark: PageFlag) -> usize {
        self.mark(mark).load(Acquire)
    }
}

impl PageTable {
    /// Of so many groups, those behind the code. The first of the last ones says which of them are full.
    fn middle(groups: usize) -> Range<usize> {
        if groups <= FIRST + LAST { groups..groups } else { FIRST..(groups - LAST).next_multiple_of(GROUP).min(groups) }
    }

    /// The bytes that a table over `pages` pages takes: in front of the code, and behind it.
    pub(in crate::code) fn bytes(pages: usize) -> [usize; 2] {
        let groups = pages.div_ceil(GROUP);
        let behind = Self::middle(groups).len();
        [groups - behind, behind].map(|groups| groups * size_of::<Group>())
    }

    /// A table over `pages` pages, in the zeroed memory before `end` and behind `rest`.
    ///
    /// # Safety
    ///
    /// 1. Both are aligned to a word. As many [`bytes`](Self::bytes) lie before the one and behind the other, zero, used by nobody else, and
    ///    outlive the table.
    /// 2. Those before `end` are writable.
    pub(in crate::code) unsafe fn new(end: NonNull<u8>, rest: NonNull<u8>, pages: usize) -> Self {
        let len = pages.div_ceil(GROUP);
        let middle = Self::middle(len);
        let (ready, last) = (AtomicUsize::new(middle.start), AtomicUsize::new(middle.end));
        Self { front: end.cast(), rest: rest.cast(), len, middle, ready, last }
    }

    /// Bytes behind `rest`, whole pages, to be made writable before anything can be said of `pages`, which are claimed from this end; none
    /// where they are.
    pub(in crate::code) fn missing(&self, end: End, pages: Range<usize>, page: PageSize) -> Option<Range<usize>> {
        let middle = &self.middle;
        let bytes = |group: usize| (group - middle.start) * size_of::<Group>();
        let all = page.ceil(bytes(middle.end))?;
        match end {
            End::Front => {
                let (needed, ready) = (pages.end.div_ceil(GROUP).min(middle.end), self.ready.load(Acquire));
                (needed > ready).then(|| page.floor(bytes(ready))..bytes(needed).next_multiple_of(STEP).min(all))
            }
            End::Back => {
                // With the group that says whether it is full.
                let needed = (pages.start / GROUP / GROUP * GROUP).max(middle.start);
                let last = self.last.load(Acquire);
                let is_there = needed >= last || pages.end <= self.ready.load(Acquire) * GROUP;
                if is_there { None } else { Some(bytes(needed) / STEP * STEP..page.ceil(bytes(last))?) }
            }
        }
    }

    /// Says that what was [missing](Self::missing) is writable.
    ///
    /// # Safety
    ///
    /// These bytes behind `rest` are, and belong to the table.
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
    fn group_at(&self, index: usize) -> Option<&Group> {
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

    /// The group of a page.
    fn group(&self, page: usize) -> Option<&Group> {
        self.group_at(page / GROUP)
    }

    /// The group that says which of the groups around the one at `index` are full.
    fn over(&self, index: usize) -> Option<&Group> {
        self.group_at(index / GROUP * GROUP)
    }

    /// Marks `pages`.
    ///
    /// # Safety
    ///
    /// What the [mark](PageFlag) says is so of every one of them, and stays so.
    pub(in crate::code) unsafe fn set(&self, mark: PageFlag, pages: Range<usize>) {
        self.add(mark, pages);
    }

    fn add(&self, mark: PageFlag, pages: Range<usize>) {
        for (group, mask) in self.masks(pages) {
            group.mark(mark).fetch_or(mask, Release);
        }
    }

    /// Whether every one of `pages` is marked.
    pub(in crate::code) fn is_set(&self, mark: PageFlag, pages: Range<usize>) -> bool {
        // A page whose group is not there has no mark.
        Self::words(pages)
            .all(|(index, mask)| self.group_at(index).is_some_and(|group| group.bits(mark) & mask == mask))
    }

    /// Says that `pages` were replaced together, by one mapping.
    ///
    /// # Safety
    ///
    /// They were: every one of them is sealed, and memory that nobody can change lies there.
    pub(in crate::code) unsafe fn replace(&self, pages: Range<usize>) {
        for (group, mask) in self.masks(pages.clone()) {
            group.mark(PageFlag::Begins).fetch_and(!mask, Release);
        }
        self.add(PageFlag::Begins, pages.start..pages.start + 1);
        // A larger replacement that this one cut goes on behind it.
        let behind = pages.end..(pages.end + 1).min(self.len * GROUP);
        if !behind.is_empty() && self.is_set(PageFlag::Replaced, behind.clone()) {
            self.add(PageFlag::Begins, behind);
        }
        self.add(PageFlag::Replaced, pages);
    }

    /// The first stretch of pages in `pages` that have one mark and not the other, and are alike in being executable.
    pub(in crate::code) fn next_between(
        &self,
        pages: Range<usize>,
        with: PageFlag,
        without: PageFlag,
    ) -> Option<(Range<usize>, bool)> {
        let pending = |group: &Group| group.bits(with) & !group.bits(without);
        let first = self.next_stretch(pages.clone(), pending)?;
        let executable = self.is_set(PageFlag::Executable, first.start..first.start + 1);
        let alike = |group: &Group| {
            let executables = group.bits(PageFlag::Executable);
            pending(group) & if executable { executables } else { !executables }
        };
        self.next_stretch(first, alike).map(|stretch| (stretch, executable))
    }

    /// How many mappings of the kernel these pages make up, in front of which there is none: stretches of pages that are alike.
    pub(in crate::code) fn mappings(&self, pages: Range<usize>) -> usize {
        const SHOWN: [PageFlag; 4] = [PageFlag::Sealed, PageFlag::Executable, PageFlag::Replaced, PageFlag::Fixed];
        let mut before = [0; SHOWN.len()];
        let begins = |(group, mask): (&Group, usize)| {
            let mut begins = group.bits(PageFlag::Begins);
            for (mark, before) in SHOWN.iter().zip(&mut before) {
                let bits = group.bits(*mark);
                begins |= bits ^ (bits << 1 | *before);
                *before = bits >> (GROUP - 1);
            }
            (begins & mask).count_ones() as usize
        };
        let count = self.masks(pages.clone()).map(begins).sum::<usize>();
        // Whatever the first page is, it begins one.
        let first =
            self.group(pages.start).map_or(0, |group| group.bits(PageFlag::Sealed) | group.bits(PageFlag::Begins));
        count + usize::from(!pages.is_empty() && first >> (pages.start % GROUP) & 1 == 0)
    }

    /// Marks `pages` as sealed.
    ///
    /// # Safety
    ///
    /// Nobody writes to any of them again, and the source has made them read-only.
    pub(in crate::code) unsafe fn seal(&self, pages: Range<usize>) {
        let first = pages.start / GROUP;
        for (index, (group, mask)) in (first..).zip(self.masks(pages)) {
            if group.mark(PageFlag::Sealed).fetch_or(mask, Release) | mask == usize::MAX {
                self.over(index).iter().for_each(|over| _ = over.full.fetch_or(1 << (index % GROUP), Release));
            }
        }
    }

    /// The first stretch of pages in `pages` that are closed and not sealed.
    pub(in crate::code) fn next_unsealed(&self, pages: Range<usize>) -> Option<Range<usize>> {
        let pending = |group: &Group| group.bits(PageFlag::Closed) & !group.bits(PageFlag::Sealed);
        let not_full = |index: usize| self.over(index).map_or(0, |over| !over.full.load(Acquire));
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

    /// How many of `pages` are closed and not sealed.
    pub(in crate::code) fn count_unsealed(&self, pages: Range<usize>) -> usize {
        self.masks(pages)
            .map(|(group, mask)| group.bits(PageFlag::Closed) & !group.bits(PageFlag::Sealed) & mask)
            .map(|pending| pending.count_ones() as usize)
            .sum()
    }

    /// Says that `extent` is the highest on each of `pages`.
    pub(in crate::code) fn own(&self, pages: Range<usize>, extent: Record<'_, Extent>) {
        for page in pages {
            if let Some(group) = self.group(page) {
                group.owners[page % GROUP].set(extent);
            }
        }
    }

    /// The highest finished extent on `page`.
    pub(in crate::code) fn owner(&self, page: usize) -> Option<Record<'_, Extent>> {
        self.group(page)?.owners[page % GROUP].get()
    }

    /// The groups that `pages` lie in, by number, each with the bits that stand for them.
    fn words(pages: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        let first = pages.start / GROUP;
        let last = if pages.is_empty() { first } else { (pages.end - 1) / GROUP + 1 };
        (first..last).map(move |index| {
            let start = pages.start.max(index * GROUP) - index * GROUP;
            let end = pages.end.min((index + 1) * GROUP) - index * GROUP;
            (index, (usize::MAX >> (GROUP - (end - start))) << start)
        })
    }

    /// Those of them that are there.
    fn masks(&self, pages: Range<usize>) -> impl Iterator<Item = (&Group, usize)> {
        Self::words(pages).filter_map(|(index, mask)| self.group_at(index).map(|group| (group, mask)))
    }

    fn next_stretch(&self, pages: Range<usize>, bits: impl Fn(&Group) -> usize) -> Option<Range<usize>> {
        let word = |page: usize| self.group(page).map_or(0, &bits);
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

    /// A table over `pages` pages in memory of its own, all of it there.
    fn with_table(pages: usize, test: impl FnOnce(PageTable)) {
        with_part_of_table(pages, |table| {
            // SAFETY: all bytes are the table's.
            unsafe { table.grow(End::Front, 0..PageTable::bytes(pages)[1]) };
            test(table);
        });
    }

    /// A table of which the part behind the code is not there yet.
    fn with_part_of_table(pages: usize, test: impl FnOnce(PageTable)) {
        let [mut front, mut rest] = PageTable::bytes(pages).map(|bytes| vec![0usize; bytes / size_of::<usize>()]);
        let end = NonNull::new(front.as_mut_ptr_range().end).unwrap().cast();
        let rest = NonNull::new(rest.as_mut_ptr()).unwrap().cast();
        // SAFETY: zeroed words, aligned as groups are, that outlive the table and are used by it alone.
        test(unsafe { PageTable::new(end, rest, pages) });
    }

    fn set(table: &PageTable, mark: PageFlag, pages: Range<usize>) {
        // SAFETY: no memory belongs to these pages.
        unsafe { table.set(mark, pages) };
    }

    fn seal(table: &PageTable, pages: Range<usize>) {
        // SAFETY: as above.
        unsafe { table.seal(pages) };
    }

    fn replace(table: &PageTable, pages: Range<usize>) {
        // SAFETY: as above.
        unsafe { table.replace(pages) };
    }

    #[test]
    fn stretches_are_found_across_the_words_of_the_table() {
        with_table(300, |table| {
            set(&table, PageFlag::Closed, 10..11);
            set(&table, PageFlag::Closed, 60..200);
            seal(&table, 100..130);
            assert_eq!(table.next_unsealed(0..300), Some(10..11));
            assert_eq!(table.next_unsealed(11..300), Some(60..100));
            assert_eq!(table.next_unsealed(100..300), Some(130..200));
            assert_eq!(table.next_unsealed(140..150), Some(140..150));
            assert_eq!(table.next_unsealed(200..300), None);
            assert_eq!(table.next_between(0..300, PageFlag::Sealed, PageFlag::Replaced), Some((100..130, false)));
            assert_eq!(table.count_unsealed(0..300), 1 + 40 + 70);
            assert!(table.is_set(PageFlag::Sealed, 100..130) && table.is_set(PageFlag::Sealed, 5..5));
            assert!(!table.is_set(PageFlag::Sealed, 99..130) && !table.is_set(PageFlag::Sealed, 100..131));
        });
    }

    #[test]
    fn what_is_not_sealed_is_found_behind_any_number_of_full_groups() {
        with_table(20_000, |table| {
            set(&table, PageFlag::Closed, 0..20_000);
            seal(&table, 0..12_345);
            seal(&table, 12_350..20_000);
            assert_eq!(table.next_unsealed(0..20_000), Some(12_345..12_350));
            assert_eq!(table.next_unsealed(12_347..20_000), Some(12_347..12_350));
            seal(&table, 12_345..12_350);
            assert_eq!(table.next_unsealed(0..20_000), None);
        });
    }

    #[test]
    fn mappings_end_where_pages_differ_and_where_replacements_begin() {
        with_table(300, |table| {
            assert_eq!((table.mappings(0..0), table.mappings(0..300)), (0, 1));
            set(&table, PageFlag::Closed, 0..300);
            seal(&table, 0..200);
            assert_eq!((table.mappings(0..200), table.mappings(0..300)), (1, 2));
            replace(&table, 0..64);
            replace(&table, 64..100);
            assert_eq!(table.mappings(0..300), 4);
            set(&table, PageFlag::Executable, 150..151);
            assert_eq!(table.mappings(0..300), 6);
            assert_eq!(table.next_between(0..300, PageFlag::Sealed, PageFlag::Replaced), Some((100..150, false)));
            assert_eq!(table.next_between(150..300, PageFlag::Sealed, PageFlag::Replaced), Some((150..151, true)));
            replace(&table, 0..100);
            assert_eq!(table.mappings(0..300), 5);
            set(&table, PageFlag::Fixed, 0..100);
            assert_eq!(table.mappings(0..300), 5);
            replace(&table, 20..64);
            assert_eq!(table.mappings(0..300), 7, "the larger one was cut in three");
        });
    }

    #[test]
    fn a_stretch_may_fill_every_word_to_its_end() {
        with_table(128, |table| {
            set(&table, PageFlag::Closed, 0..128);
            assert_eq!(table.next_unsealed(0..128), Some(0..128));
            seal(&table, 0..128);
            assert_eq!(table.next_unsealed(0..128), None);
            assert!(table.is_set(PageFlag::Sealed, 0..128));
        });
    }

    #[test]
    fn of_pages_whose_group_is_not_there_nothing_is_said_until_it_is() {
        let (page, front) = (PageSize::new(4096).unwrap(), FIRST * GROUP);
        let all = 30 * front;
        with_part_of_table(all, |table| {
            assert_eq!((table.missing(End::Front, 0..front, page), table.owner(front).is_some()), (None, false));
            set(&table, PageFlag::Closed, 0..front);
            assert!(
                !table.is_set(PageFlag::Closed, front - 1..front + 1)
                    && table.is_set(PageFlag::Closed, front - 1..front)
            );
            assert_eq!((table.count_unsealed(0..2 * front), table.mappings(0..2 * front)), (front, 1));
            seal(&table, 0..front);
            assert_eq!(table.next_unsealed(0..all), None);
            // It grows by steps, from both ends, and goes on where the last page of a step was.
            let mut calls = 0;
            let mut ask = |end, pages: Range<usize>| {
                if let Some(range) = table.missing(end, pages.clone(), page) {
                    assert!(range.start % 4096 == 0 && range.end % 4096 == 0 && !range.is_empty());
                    assert!(range.end <= PageTable::bytes(all)[1].next_multiple_of(4096));
                    assert!(range.len() <= STEP + GROUP * size_of::<Group>() + 4096, "a step, or a little more");
                    // SAFETY: all of it is there.
                    unsafe { table.grow(end, range) };
                    calls += 1;
                }
                assert_eq!(table.missing(end, pages.clone(), page), None);
                set(&table, PageFlag::Closed, pages.clone());
                assert_eq!(table.next_unsealed(0..all), Some(pages.clone()));
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
