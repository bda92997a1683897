//! Looks at the code pages: how hard they are to change, who filled them, and how many there are of each kind.
//!
//! A look changes nothing, and reads what others may be changing. So counts are exact when no loader is open.
#![forbid(unsafe_code)]

use super::code_pages::CodePages;
use super::extent::Extent;
use super::page_groups::PageFlag;
use super::protection::Protection;
use super::record::Record;
use super::watermark::End;
use crate::base::page_range::PageRange;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

impl CodePages {
    /// Returns the level that holds for every page of the bytes.
    pub(in crate::code) fn protection(&self, bytes: Range<usize>) -> Protection {
        let pages = self.page().touched(bytes);
        let is_set = |mark| self.table.is_set(mark, pages);
        match () {
            () if !self.reservation.protects() || !is_set(PageFlag::Sealed) => Protection::TypeOnly,
            () if !is_set(PageFlag::Replaced) => Protection::ReadOnly,
            () if !is_set(PageFlag::Fixed) => Protection::SealedFile,
            () => Protection::Fixed,
        }
    }

    /// The pages that an extent is the first to have bytes on.
    pub(in crate::code) fn fresh(&self, extent: &Extent) -> usize {
        let touched = self.page().touched(extent.start()..extent.end()).len();
        touched.saturating_sub(usize::from(self.shares_its_first_page(extent)))
    }

    /// The highest finished extent on the page of `offset`.
    pub(in crate::code) fn owner(&self, offset: usize) -> Option<Record<'_, Extent>> {
        self.table.owner(self.page().index(offset))
    }

    /// The finished extent that ends on the page of `offset`, where a tail begins, if it does not begin with the page.
    pub(in crate::code) fn below(&self, offset: usize) -> Option<Record<'_, Extent>> {
        if offset == self.page().floor(offset) { None } else { self.owner(offset) }
    }

    /// Bytes behind finished modules: waiting, padded or given up.
    pub(in crate::code) fn tails(&self) -> usize {
        let waiting =
            [End::Front, End::Back].into_iter().flat_map(|end| self.shelf(end).waiting()).map(|(_, range)| range.len());
        self.closed_tails.load(Relaxed) + waiting.sum::<usize>()
    }

    /// Pages that are closed and not sealed, and those that waiting tails begin in the middle of.
    pub(in crate::code) fn unsealed(&self) -> usize {
        let partial = |range: &Range<usize>| range.start != self.page().floor(range.start);
        let partial = self.shelf(End::Front).waiting().filter(|(_, range)| partial(range)).count();
        self.claimed_pages().map(|pages| self.table.count_unsealed(pages)).into_iter().sum::<usize>() + partial
    }

    /// The numbers of the claimed pages: from the front, and from the back.
    pub(in crate::code) fn claimed_pages(&self) -> [PageRange; 2] {
        self.claimed_ranges().map(|range| self.page().touched(range))
    }

    pub(in crate::code) fn seals(&self) -> usize {
        self.seals.load(Relaxed)
    }

    /// Counts the kernel's mappings that the accessible pages make up.
    pub(in crate::code) fn mappings(&self) -> usize {
        let [front, back] = self.claimed_pages();
        let accessible = |end| PageRange::numbered(0..end);
        let front = front.end().max(self.page().index(self.ready));
        match front < back.start() {
            true => self.table.mappings(accessible(front)) + self.table.mappings(back),
            false => self.table.mappings(accessible(front.max(back.end()))),
        }
    }
}
