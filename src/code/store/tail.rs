//! A tail: bytes of code pages that its holder alone may fill. Parking it gives them to others (`tails.rs`).
//!
//! ```text
//!   ├ finished or the holder's own ┼┄┄┄┄┄┄┄┄┄ range ┄┄┄┄┄┄┄┄┄┼ behind: what may wait there ┄┄
//!                                  start, zero from here     a page ends
//! ```

use super::shelf::Spot;
use core::ops::Range;

/// Room that its holder alone may write to: claimed, committed, zero. On the page where it begins, nobody writes in front of it. It ends where a
/// page ends, so what is added to it begins on a fresh page. What may wait right behind a tail is a hint.
#[must_use = "room that nobody parks is lost"]
pub(in crate::code) struct Tail<'l> {
    range: Range<usize>,
    behind: Option<Spot<'l>>,
}

impl<'l> Tail<'l> {
    /// Makes a tail of room that the caller gives up.
    ///
    /// # Safety
    ///
    /// 1. The caller owns these bytes, and gives them up: they are claimed, committed, zero, nobody else's.
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
