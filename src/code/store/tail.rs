//! A tail: the right to write to room, as a value. Leaving it for others gives it away (`tails.rs`).
//!
//! ```text
//!   ├ finished or the holder's own ┼┄┄┄┄┄┄┄┄┄ range ┄┄┄┄┄┄┄┄┄┼ behind: what may wait there ┄┄
//!                                  start, zero from here     a page ends
//! ```

use super::shelf::Spot;
use core::ops::Range;

/// Room that its holder alone may write to: claimed, committed, zero. On the page where it begins, nobody writes in front of it: room ends with
/// a page, so what makes it longer begins one. What may wait right behind a tail is a hint.
pub(in crate::code) struct Tail<'l> {
    range: Range<usize>,
    behind: Option<Spot<'l>>,
}

impl<'l> Tail<'l> {
    /// A tail of room that somebody had.
    ///
    /// # Safety
    ///
    /// 1. The caller holds these bytes, and does not from now on: they are claimed, committed, zero, nobody else's.
    /// 2. On the page where they begin, nobody writes in front of them.
    pub(super) unsafe fn new(range: Range<usize>, behind: Option<Spot<'l>>) -> Self {
        Self { range, behind }
    }

    pub(in crate::code) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Makes it room that its holder fills, and a hint at what may wait behind it.
    pub(in crate::code) fn into_room(self) -> (Range<usize>, Option<Spot<'l>>) {
        (self.range, self.behind)
    }
}
