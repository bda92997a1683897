//! Pages that follow each other, by their numbers. They have a type of their own, so that nobody takes offsets of bytes for them.
#![forbid(unsafe_code)]

use core::ops::Range;

/// The numbers of pages that follow each other. [`PageSize`](super::page::PageSize) tells which bytes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRange {
    start: usize,
    end: usize,
}

impl PageRange {
    /// The pages with these numbers.
    #[inline]
    pub(crate) fn numbered(numbers: Range<usize>) -> Self {
        Self { start: numbers.start, end: numbers.end }
    }

    #[inline]
    pub(crate) fn numbers(self) -> Range<usize> {
        self.start..self.end
    }

    #[inline]
    pub(crate) fn start(self) -> usize {
        self.start
    }

    #[inline]
    pub(crate) fn end(self) -> usize {
        self.end
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        self.numbers().len()
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The pages from `start` on, which is one of these or their end.
    #[inline]
    pub(crate) fn starting_at(self, start: usize) -> Self {
        debug_assert!(self.start <= start);
        Self { start, ..self }
    }

    /// The first page, if there is one.
    #[inline]
    pub(crate) fn first(self) -> Self {
        Self { end: self.end.min(self.start + 1), ..self }
    }

    /// The last page, if there is one.
    #[inline]
    pub(crate) fn last(self) -> Self {
        Self { start: self.end.saturating_sub(1).max(self.start), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_of_no_pages_are_none() {
        let (none, some) = (PageRange::numbered(3..3), PageRange::numbered(3..7));
        assert!(none.is_empty() && none.first().is_empty() && none.last().is_empty());
        assert_eq!((some.first().numbers(), some.last().numbers(), some.starting_at(5).len()), (3..4, 6..7, 2));
    }
}
