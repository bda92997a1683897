//! The size of a page, and offsets rounded to whole pages.
#![forbid(unsafe_code)]

use super::align::{align_down, align_up};
use super::page_range::PageRange;
use core::ops::Range;

/// The largest alignment of a record; no page is smaller.
pub(crate) const RECORD_ALIGN: usize = 64;

/// The system's page size: a power of two, the unit of commitment and of sealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageSize(usize);

impl PageSize {
    /// `None` unless `bytes` is a power of two that meets every record's alignment and divides a slab: 64 bytes to 64 KiB.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        (bytes.is_power_of_two() && (RECORD_ALIGN..=64 << 10).contains(&bytes)).then_some(Self(bytes))
    }

    #[inline]
    pub(crate) fn bytes(self) -> usize {
        self.0
    }

    /// The start of the page that holds the byte at `offset`.
    #[inline]
    pub(crate) fn floor(self, offset: usize) -> usize {
        align_down(offset, self.0)
    }

    /// The first page boundary that is not below `offset`; `None` where no word holds it.
    #[inline]
    pub(crate) fn ceil(self, offset: usize) -> Option<usize> {
        align_up(offset, self.0)
    }

    /// The number of the page that holds the byte at `offset`.
    #[inline]
    pub(crate) fn index(self, offset: usize) -> usize {
        offset / self.0
    }

    /// The pages that hold a byte of `bytes`; none where `bytes` is empty.
    #[inline]
    pub(crate) fn touched(self, bytes: Range<usize>) -> PageRange {
        let first = self.index(bytes.start);
        let end = if bytes.start >= bytes.end { first } else { self.index(bytes.end - 1) + 1 };
        PageRange::numbered(first..end)
    }

    /// The pages that begin in `bytes.start..` rounded down and are over before `bytes.end`.
    #[inline]
    pub(crate) fn filled(self, bytes: Range<usize>) -> PageRange {
        let first = self.index(bytes.start);
        PageRange::numbered(first..self.index(bytes.end).max(first))
    }

    /// The bytes of `pages`; these must lie in an existing reservation.
    #[inline]
    pub(crate) fn span(self, pages: PageRange) -> Range<usize> {
        pages.start() * self.0..pages.end() * self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_touched_and_pages_filled_differ_by_the_partial_last_page() {
        let page = PageSize::new(4096).unwrap();
        assert_eq!(page.touched(0..0).numbers(), 0..0);
        assert_eq!(page.touched(4095..4097).numbers(), 0..2);
        assert_eq!(page.touched(4096..8192).numbers(), 1..2);
        assert_eq!(page.filled(100..4095).numbers(), 0..0);
        assert_eq!(page.filled(100..4096).numbers(), 0..1);
        assert_eq!(page.filled(4100..4200).numbers(), 1..1);
        assert_eq!(page.span(PageRange::numbered(1..3)), 4096..12288);
        assert_eq!(PageSize::new(3000), None);
        assert_eq!(PageSize::new(0), None);
    }
}
