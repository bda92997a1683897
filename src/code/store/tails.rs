//! Finding room: what was given up is used before new pages are claimed.
//!
//! ```text
//!   0                                        front                     back                              len
//!   ├ sealed ┼ loader's ┼ waiting ┼ loader's ┤┄┄┄┄┄ no access ┄┄┄┄┄┄┄┄┄┄├ machine code ┼ waiting ┼ sealed ┤
//! ```
//!
//! A loader that needs room is given, in this order:
//!
//! 1. the tail right behind its own room
//! 2. a tail that waits elsewhere
//! 3. new pages right behind its own room, or behind the tail at the edge
//! 4. new pages elsewhere
//!
//! If that is more than it needs, it gets a *piece*: a first run, and half of what is left of the spare room. The spare
//! room is a fortieth of what is claimed, and all open loaders share it. The rest waits for others. So claims stay
//! within one and a half times what is filled, and a first run for each open loader (soundness S21).
//!
//! Claiming is in `claims.rs`.

use super::code_pages::CodePages;
use super::record::Record;
use super::shelf::{Board, Held, LEAST, Spot};
use super::tail::Tail;
use super::watermark::End;
use crate::base::align;
use crate::base::page_range::PageRange;
use core::alloc::Layout;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

/// The part of what is claimed that may be given up for fewer mappings.
const GAPS: usize = 64;

/// A loader's search: room for a block, and more if there is some.
#[derive(Clone, Copy)]
pub(in crate::code) struct Search {
    pub(in crate::code) end: End,
    pub(in crate::code) block: Layout,
    /// The room that the loader may wish for, see [`CodePages::lend`].
    pub(in crate::code) wish: usize,
    /// `true` if the module has no block yet.
    pub(in crate::code) first: bool,
    /// Bytes of the module so far, where huge pages are asked for.
    pub(in crate::code) own: usize,
}

impl CodePages {
    // ── what was given up ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes a piece of a tail that waits and has room for the block.
    pub(in crate::code) fn take(&self, search: Search) -> Option<Tail<'_>> {
        let shelf = self.shelf(search.end);
        if search.end == End::Back {
            let mut held = shelf.take(search.block.size(), 0, |range| self.last_pages(search, range).is_some())?;
            let start = self.last_pages(search, &held.range()).unwrap_or(held.range().start);
            let range = held.split_back(start);
            self.put_back(search.end, held);
            // SAFETY: the end of a tail that was taken, from a page's beginning or from where that tail began.
            return Some(unsafe { Tail::new(range, None) });
        }
        let fits = |range: &Range<usize>| self.need(range, search.block).is_some_and(|need| need <= range.len());
        Some(self.cut(search, shelf.take(search.block.size(), search.wish, fits)?, 0))
    }

    /// Returns the start of the last pages of a range that a block of machine code gets, if they are in it. It gets
    /// what it needs, or a piece if its module has some already. They lie beside what was sealed before, so that all of
    /// it is one mapping.
    pub(in crate::code) fn last_pages(&self, search: Search, range: &Range<usize>) -> Option<usize> {
        let valid = range.start <= range.end && range.end <= self.len;
        let end = valid.then(|| self.at(range.end).addr().get())?;
        let need = align::need_below(end, search.block.size(), search.block.align())?;
        let start = |bytes: usize| self.page().floor(range.end.saturating_sub(bytes)).max(range.start);
        let piece = if search.first { need } else { align::piece(need, search.wish) };
        (need <= range.len()).then(|| start(piece))
    }

    /// Leaves the rest of a tail that was taken, if there is one.
    fn put_back(&self, end: End, held: Held<'_>) {
        let shelf = self.shelf(end);
        if held.range().is_empty() {
            shelf.vacate(held);
        } else {
            shelf.leave(held);
        }
    }

    /// Takes a piece of what waits right behind the rest of a loader's room, if both have room for the block.
    pub(in crate::code) fn take_behind<'l>(
        &'l self,
        search: Search,
        rest: &Range<usize>,
        behind: Option<Spot<'l>>,
    ) -> Option<Tail<'l>> {
        let need = self.need(rest, search.block)?;
        let fits = |range: &Range<usize>| range.start == rest.end && need <= rest.len() + range.len();
        let held = self.shelf(search.end).take_at(behind?, fits)?;
        Some(self.cut(search, held, rest.len()))
    }

    /// The bytes that a block needs from where a range begins. `None` where no word holds them, or where it is no range of these pages.
    pub(super) fn need(&self, range: &Range<usize>, block: Layout) -> Option<usize> {
        let valid = range.start <= range.end && range.end <= self.len;
        align::need(valid.then(|| self.at(range.start).addr().get())?, block.size(), block.align())
    }

    /// A piece of a tail for the block, `before` bytes of which are the loader's already. The rest waits on.
    pub(super) fn cut<'l>(&'l self, search: Search, mut held: Held<'l>, before: usize) -> Tail<'l> {
        let range = held.range();
        debug_assert!(before == 0 || range.start == self.page().floor(range.start), "room ends with a page");
        let start = range.start - before;
        let need = self.need(&(start..range.end), search.block).unwrap_or(search.block.size());
        let piece = align::piece(need, search.wish + before);
        let end = self.ceil(start.saturating_add(piece).min(range.end));
        if end == range.end {
            // SAFETY: a tail that was taken, all of it.
            return unsafe { Tail::new(self.shelf(search.end).vacate(held), None) };
        }
        let (piece, behind) = (held.split_front(end), held.spot());
        self.shelf(search.end).leave(held);
        // SAFETY: the beginning of a tail that was taken.
        unsafe { Tail::new(piece, Some(behind)) }
    }

    // ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Leaves a tail for a later loader, together with what waits right behind it. What is too short to be worth it is given up, and so is a tail
    /// that there is no place for.
    pub(in crate::code) fn park<'l>(
        &'l self,
        end: End,
        tail: Tail<'l>,
        board: impl FnOnce() -> Option<Record<'l, Board>>,
    ) {
        let (shelf, (range, behind)) = (self.shelf(end), tail.into_room());
        if range.is_empty() {
            return;
        }
        if let Some(mut held) = behind.and_then(|spot| shelf.take_at(spot, |rest| rest.start == range.end)) {
            // SAFETY: the bytes of a tail, which nobody has any more.
            unsafe { held.extend_front(range.start) };
            return shelf.leave(held);
        }
        let vacant = if range.len() < LEAST { None } else { shelf.vacancy(board) };
        let Some(vacant) = vacant else {
            // SAFETY: as above. A tail ends with a page.
            return unsafe { self.give_up(range) };
        };
        if end == End::Front && range.end == self.claimed_from(end) {
            shelf.set_edge(vacant.spot());
        }
        // SAFETY: as above.
        shelf.leave(unsafe { vacant.fill(range) });
    }

    /// Pads tails that wait and begin in the middle of one of `pages`, so that this page can be sealed.
    pub(in crate::code) fn pad(&self, pages: PageRange) {
        let shelf = self.shelf(End::Front);
        let partial = |range: &Range<usize>| {
            range.start < range.end
                && range.start != self.page().floor(range.start)
                && pages.numbers().contains(&self.page().index(range.start))
        };
        for spot in shelf.ragged() {
            let Some(mut held) = shelf.take_at(spot, partial) else { continue };
            let padding = held.split_front(self.ceil(held.range().start));
            // SAFETY: bytes of a tail that was taken, in front of which nobody writes.
            unsafe { self.give_up(padding) };
            self.put_back(End::Front, held);
        }
    }

    /// Gives up waiting tails that lie between pages to be sealed, so that these become one mapping. It takes the
    /// shorter ones, as long as all that was given up for that is a small part of what is claimed.
    pub(in crate::code) fn close_gaps(&self) {
        let (shelf, claimed) = (self.shelf(End::Front), self.claimed_from(End::Front));
        let spare = || (claimed / GAPS).saturating_sub(self.closed_gaps.load(Relaxed));
        let inside = |range: &Range<usize>| range.start < range.end && range.end < claimed && range.len() <= spare();
        if spare() < LEAST {
            return;
        }
        for spot in shelf.short(spare()) {
            let Some(held) = shelf.take_at(spot, inside) else { continue };
            let gap = shelf.vacate(held);
            self.closed_gaps.fetch_add(gap.len(), Relaxed);
            // SAFETY: a tail that was taken, in front of which nobody writes.
            unsafe { self.give_up(gap) };
        }
    }
}
