//! Finding room: what was given up is used before new pages are claimed.
//!
//! ```text
//!   0                                        front                     back                              len
//!   ├ sealed ┼ loader's ┼ waiting ┼ loader's ┤┄┄┄┄┄ no access ┄┄┄┄┄┄┄┄┄┄├ machine code ┼ waiting ┼ sealed ┤
//! ```
//!
//! A loader that needs room is given, in this order: what waits right behind its own room, a tail that waits elsewhere, pages claimed right
//! behind its own room or behind the tail that waits at the edge, pages claimed anew. Of what is more than it needs it gets a *piece*: a first
//! run, and half of what is left of the spare room, a fortieth of what is claimed that all open loaders share. The rest waits for others. So what is claimed stays within one and a half times what is filled, and a first run for each loader that is
//! open (soundness S21).
//!
//! Data is claimed from the front, machine code from the back, each in room of its own: neither cuts the other's mappings in pieces.

use super::code_pages::{CodePages, LONGEST_RUN};
use super::record::Record;
use super::shelf::{Board, Held, LEAST, Spot};
use super::watermark::{Claimed, End};
use crate::base::align;
use crate::error::{Error, PageError};
use crate::pages::{HUGE, Step};
use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

/// How much of what is claimed may be claimed ahead.
const AHEAD: usize = 10;

/// Which part of what is claimed may be given up for fewer mappings.
const GAPS: usize = 64;

/// What a loader looks for: room for a block, and more if there is some.
#[derive(Clone, Copy)]
pub(in crate::code) struct Search {
    pub(in crate::code) end: End,
    pub(in crate::code) block: Layout,
    /// How much the loader may wish for, see [`CodePages::lend`].
    pub(in crate::code) wish: usize,
    /// Whether the module has no block yet.
    pub(in crate::code) first: bool,
    /// Bytes of the module so far, where huge pages are asked for.
    pub(in crate::code) own: usize,
}

/// Room that its holder alone may write to: claimed, committed, zero. What may wait right behind it is a hint.
pub(in crate::code) struct Tail<'l> {
    pub(in crate::code) range: Range<usize>,
    pub(in crate::code) behind: Option<Spot<'l>>,
}

/// Pages that were claimed and committed just now, for the holder of this alone. Dropped, they are given back.
pub(in crate::code) struct Claim<'l> {
    pages: &'l CodePages,
    end: End,
    range: Range<usize>,
}

impl Claim<'_> {
    pub(in crate::code) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Gives the pages their memory now.
    pub(in crate::code) fn populate(&self) -> Result<(), PageError> {
        // SAFETY: claimed and committed, nobody else's, and so not sealed.
        unsafe { self.pages.reservation.apply(Step::Populate, self.pages.reserved(self.range())) }
    }

    /// Keeps the pages: from here on they are to be filled or left.
    pub(in crate::code) fn keep(self) -> Range<usize> {
        ManuallyDrop::new(self).range()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.pages.give_back(self.end, self.range());
    }
}

impl CodePages {
    // ── what was given up ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes a piece of a tail that waits and has room for the block.
    pub(in crate::code) fn take(&self, search: Search) -> Option<Tail<'_>> {
        let shelf = self.shelf(search.end);
        if search.end == End::Back {
            let mut held = shelf.take(search.block.size(), 0, |range| self.last_pages(search, range).is_some())?;
            let start = self.last_pages(search, &held.range()).unwrap_or(held.range().start);
            let range = held.split_off(start);
            self.put_back(search.end, held);
            return Some(Tail { range, behind: None });
        }
        let fits = |range: &Range<usize>| self.need(range, search.block).is_some_and(|need| need <= range.len());
        Some(self.cut(search, shelf.take(search.block.size(), search.wish, fits)?, 0))
    }

    /// Where the last pages of a range begin that a block of machine code gets, if they are in it: what it needs, or for a module that has some already
    /// a piece. They lie beside what was sealed before, so that all of it is one mapping.
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
            shelf.empty(held);
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
    fn need(&self, range: &Range<usize>, block: Layout) -> Option<usize> {
        let valid = range.start <= range.end && range.end <= self.len;
        align::need(valid.then(|| self.at(range.start).addr().get())?, block.size(), block.align())
    }

    /// A piece of a tail for the block, `before` bytes of which are the loader's already. The rest waits on.
    fn cut<'l>(&'l self, search: Search, mut held: Held<'l>, before: usize) -> Tail<'l> {
        let range = held.range();
        let start = range.start - before;
        let need = self.need(&(start..range.end), search.block).unwrap_or(search.block.size());
        let piece = align::piece(need, search.wish + before);
        let end = self.ceil(start.saturating_add(piece).min(range.end));
        if end == range.end {
            return Tail { range: self.shelf(search.end).empty(held), behind: None };
        }
        let (piece, behind) = (held.split(end), held.spot());
        self.shelf(search.end).leave(held);
        Tail { range: piece, behind: Some(behind) }
    }

    // ── what nobody has claimed ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// Claims pages right behind the rest of a loader's room, or behind what waits there. `None` where others have claimed them, or where too
    /// little is left.
    ///
    /// # Errors
    ///
    /// The system's refusal; nothing is claimed then.
    pub(in crate::code) fn claim_behind<'l>(
        &'l self,
        search: Search,
        rest: &Range<usize>,
        behind: Option<Spot<'l>>,
        board: impl FnOnce() -> Option<Record<'l, Board>>,
    ) -> Result<Option<Tail<'l>>, PageError> {
        if search.end == End::Back {
            return Ok(None);
        }
        let shelf = self.shelf(search.end);
        let held = behind.and_then(|spot| shelf.take_at(spot, |range| range.start == rest.end));
        let edge = held.as_ref().map_or(rest.end, |held| held.range().end);
        match self.claim_at(search, rest.start..edge) {
            Ok(Some(claim)) => {
                let limit = claim.keep().end;
                let held = held.or_else(|| {
                    let vacant = shelf.vacancy(board)?;
                    // SAFETY: nothing lies there yet.
                    Some(unsafe { vacant.with(edge..edge) })
                });
                let Some(mut held) = held else { return Ok(Some(Tail { range: edge..limit, behind: None })) };
                // SAFETY: claimed just now, right behind.
                unsafe { held.lengthen(limit) };
                shelf.set_edge(held.spot());
                Ok(Some(self.cut(search, held, rest.len())))
            }
            other => {
                held.into_iter().for_each(|held| shelf.leave(held));
                other.map(|_| None)
            }
        }
    }

    /// Claims pages right behind the tail that waits at the edge of what is claimed, and takes a piece of both. `None` where none waits there,
    /// or where too little is left.
    ///
    /// # Errors
    ///
    /// The system's refusal; nothing is claimed then.
    pub(in crate::code) fn claim_at_edge(&self, search: Search) -> Result<Option<Tail<'_>>, PageError> {
        let shelf = self.shelf(search.end);
        let at_edge = |range: &Range<usize>| range.start < range.end && range.end == self.claimed_from(End::Front);
        let Some(mut held) = shelf.edge().and_then(|spot| shelf.take_at(spot, at_edge)) else { return Ok(None) };
        match self.claim_at(search, held.range()) {
            Ok(Some(claim)) => {
                // SAFETY: claimed just now, right behind.
                unsafe { held.lengthen(claim.keep().end) };
                Ok(Some(self.cut(search, held, 0)))
            }
            other => {
                shelf.leave(held);
                other.map(|_| None)
            }
        }
    }

    /// Claims at least what the block needs behind `rest`, if that ends where nobody has claimed yet.
    fn claim_at(&self, search: Search, rest: Range<usize>) -> Result<Option<Claim<'_>>, PageError> {
        let Some(need) = self.need(&rest, search.block) else { return Ok(None) };
        let more = need.saturating_sub(rest.len()).max(1);
        let ahead = search.wish.max((rest.end / AHEAD).min(LONGEST_RUN));
        let wish = self.wish(search.own, rest.end, more.max(search.wish), more.max(ahead));
        let claimed = self.watermark.claim(End::Front, |claimed| {
            let here = claimed.front * self.grain == rest.end;
            let length = align::run_length(more, wish, self.left(claimed), self.grain);
            length.filter(|_| here).map(|length| length / self.grain).ok_or(())
        });
        claimed.map_or(Ok(None), |units| self.commit(End::Front, units).map(Some))
    }

    /// Claims and commits pages for a block, a piece as long as [`piece`](align::piece) says.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], [`Error::Limit`], or the system's refusal; nothing is claimed then.
    pub(in crate::code) fn claim(&self, search: Search) -> Result<Claim<'_>, Error> {
        let Search { end, block, wish, .. } = search;
        let units = self.watermark.claim(end, |claimed| {
            let needed = match end {
                End::Front => self.need(&(claimed.front * self.grain..self.len), block),
                End::Back => {
                    let edge = self.at(self.back(claimed.back)).addr().get();
                    align::need_below(edge, block.size(), block.align())
                }
            };
            let needed = needed.ok_or(Error::TooLarge { len: block.size(), element: 1 })?;
            let left = self.left(claimed);
            let piece = align::piece(needed, wish);
            let wish = match end {
                // A loader that others cut off from its room gets no more than a piece.
                End::Front if needed >= HUGE => self.wish(search.own, claimed.front * self.grain, needed, piece),
                _ => piece,
            };
            let length = align::run_length(needed, wish, left, self.grain).ok_or(self.full(needed, left))?;
            Ok::<_, Error>(length / self.grain)
        })?;
        self.commit(end, units).map_err(Error::Pages)
    }

    /// Claims, commits and populates pages ahead of the first load, and leaves them for it.
    ///
    /// # Errors
    ///
    /// As for [`claim`](Self::claim).
    pub(in crate::code) fn prefault<'l>(
        &'l self,
        bytes: usize,
        board: impl FnOnce() -> Option<Record<'l, Board>>,
    ) -> Result<(), Error> {
        let block = Layout::from_size_align(bytes, 1);
        let block = block.map_err(|_| self.full(bytes, self.left(self.watermark.get())))?;
        let claim = self.claim(Search { end: End::Front, block, wish: bytes, first: true, own: 0 })?;
        claim.populate()?;
        let tail = Tail { range: claim.keep(), behind: None };
        // SAFETY: claimed just now, and nobody else has heard of it.
        unsafe { self.park(End::Front, tail, board) };
        Ok(())
    }

    /// The error where so much is needed and no more is left.
    fn full(&self, needed: usize, left: usize) -> Error {
        match self.limit {
            Some(limit) if self.cap < self.len => Error::Limit { limit, needed, left },
            _ => Error::Exhausted { needed, left },
        }
    }

    /// How much to claim at `start`: `wish`, or with huge pages as much more than the `needed` bytes as ends with one. That is for a module that has
    /// twice as much, its `own` bytes, or where it is a tenth of what is claimed.
    fn wish(&self, own: usize, start: usize, needed: usize, wish: usize) -> usize {
        if !self.huge {
            return wish;
        }
        // Tails are claimed and not filled: of what is claimed then, they and the rest are to be a third.
        let before = own.max(start / (AHEAD / 2)).saturating_sub(3 * self.tails());
        match align::rest_of_huge_page(self.at(start).addr().get(), before, needed, HUGE) {
            0 => wish,
            rest => needed + rest,
        }
    }

    /// Bytes that may still be claimed.
    fn left(&self, claimed: Claimed) -> usize {
        let all = (claimed.front + claimed.back) * self.grain;
        // What records took does not count towards the limit, but is not there.
        let code = all.saturating_sub(self.back(0) - self.edge());
        self.cap.saturating_sub(code).min(self.back(0).saturating_sub(all))
    }

    /// Where the last `units` begin.
    fn back(&self, units: usize) -> usize {
        (self.len / self.grain - units) * self.grain
    }

    /// Where claims for code begin from the back: at the last whole unit, or before what records took.
    fn edge(&self) -> usize {
        self.back(0).min(self.len())
    }

    /// Bytes claimed from one end.
    pub(in crate::code) fn claimed_from(&self, end: End) -> usize {
        let [front, back] = self.claimed_ranges();
        if end == End::Front { front.len() } else { back.len() }
    }

    /// The claimed bytes: from the front, and from the back, without those that records took.
    pub(in crate::code) fn claimed_ranges(&self) -> [Range<usize>; 2] {
        let claimed = self.watermark.get();
        let edge = self.edge();
        [0..claimed.front * self.grain, self.back(claimed.back).min(edge)..edge]
    }

    /// Commits units that the caller has claimed just now.
    fn commit(&self, end: End, units: Range<usize>) -> Result<Claim<'_>, PageError> {
        let range = match end {
            End::Front => units.start * self.grain..units.end * self.grain,
            End::Back => self.back(units.end)..self.back(units.start),
        };
        let claim = Claim { pages: self, end, range };
        self.commit_table(end, claim.range())?;
        // SAFETY: whole pages that the caller alone has claimed just now, so they were never sealed (invariant 4).
        unsafe { self.reservation.apply(Step::Commit, self.reserved(self.unready(claim.range()))) }?;
        if self.huge && end == End::Front {
            // SAFETY: committed just now. A refusal changes nothing but how fast it is.
            self.refusal.note(&unsafe {
                self.reservation.apply(Step::Huge { sealed: false }, self.reserved(self.huge_part(claim.range())))
            });
        }
        Ok(claim)
    }

    /// Makes the page table of claimed pages writable.
    fn commit_table(&self, end: End, claimed: Range<usize>) -> Result<(), PageError> {
        let Some(bytes) = self.table.missing(end, self.page().touched(claimed), self.page()) else { return Ok(()) };
        // SAFETY: whole pages of the table's part of the reservation, never sealed; they may be writable and used already (`PageSource::commit`).
        // Then they are there for the table, which the geometry made room for.
        unsafe {
            self.reservation.apply(Step::Commit, self.rest + bytes.start..self.rest + bytes.end)?;
            self.table.grow(end, bytes);
        }
        Ok(())
    }

    /// The part of a claim that was not writable from the beginning.
    fn unready(&self, claimed: Range<usize>) -> Range<usize> {
        claimed.start.max(self.ready).min(claimed.end)..claimed.end
    }

    /// Gives a claim back. If others claimed behind it, it stays claimed: pages that are nobody's, without access but for those that had
    /// it before, counted as a tail, and never to be sealed.
    fn give_back(&self, end: End, range: Range<usize>) {
        // SAFETY: a claim that is being dropped: nobody refers to it, nothing was written there, and it was never sealed. A refusal changes
        // nothing that matters: the pages are zero, and whoever claims them next commits them again.
        let _ = unsafe { self.reservation.apply(Step::Decommit, self.reserved(self.unready(range.clone()))) };
        let units = match end {
            End::Front => range.start / self.grain..range.end / self.grain,
            End::Back => (self.back(0) - range.end) / self.grain..(self.back(0) - range.start) / self.grain,
        };
        if !self.watermark.give_back(end, &units) {
            self.closed_tails.fetch_add(range.len(), Relaxed);
        }
    }

    // ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Leaves a tail for a later loader, together with what waits right behind it. What is too short to be worth it is given up, and so is a tail
    /// that there is no place for.
    ///
    /// # Safety
    ///
    /// 1. The caller holds the tail's bytes, and does not from now on: they are claimed, committed, zero, nobody else's.
    /// 2. On the page where they begin, nobody writes in front of them.
    pub(in crate::code) unsafe fn park<'l>(
        &'l self,
        end: End,
        tail: Tail<'l>,
        board: impl FnOnce() -> Option<Record<'l, Board>>,
    ) {
        let (shelf, Tail { range, behind }) = (self.shelf(end), tail);
        if range.is_empty() {
            return;
        }
        if let Some(mut held) = behind.and_then(|spot| shelf.take_at(spot, |rest| rest.start == range.end)) {
            // SAFETY: the caller's promise.
            unsafe { held.begin(range.start) };
            return shelf.leave(held);
        }
        let vacant = if range.len() < LEAST { None } else { shelf.vacancy(board) };
        let Some(vacant) = vacant else {
            // SAFETY: the caller's promise.
            return unsafe { self.give_up(range) };
        };
        if end == End::Front && range.end == self.claimed_from(end) {
            shelf.set_edge(vacant.spot());
        }
        // SAFETY: the caller's promise.
        shelf.leave(unsafe { vacant.with(range) });
    }

    /// Pads tails that wait and begin in the middle of one of `pages`, so that this page can be sealed.
    pub(in crate::code) fn pad(&self, pages: Range<usize>) {
        let shelf = self.shelf(End::Front);
        let partial = |range: &Range<usize>| {
            range.start < range.end
                && range.start != self.page().floor(range.start)
                && pages.contains(&self.page().index(range.start))
        };
        for (spot, _) in shelf.waiting().filter(|(_, range)| partial(range)) {
            let Some(mut held) = shelf.take_at(spot, partial) else { continue };
            let padding = held.split(self.ceil(held.range().start));
            // SAFETY: bytes of a tail that was taken, in front of which nobody writes.
            unsafe { self.give_up(padding) };
            self.put_back(End::Front, held);
        }
    }

    /// Gives up waiting tails that lie between pages to be sealed, so that these become one mapping: the shorter ones, as long as all that was
    /// given up for that is a small part of what is claimed.
    pub(in crate::code) fn close_gaps(&self) {
        let (shelf, claimed) = (self.shelf(End::Front), self.claimed_from(End::Front));
        let inside = |range: &Range<usize>| {
            let closed = self.closed_gaps.load(Relaxed) + range.len();
            range.start < range.end && range.end < claimed && closed <= claimed / GAPS
        };
        for (spot, _) in shelf.waiting().filter(|(_, range)| inside(range)) {
            let Some(held) = shelf.take_at(spot, inside) else { continue };
            let gap = shelf.empty(held);
            self.closed_gaps.fetch_add(gap.len(), Relaxed);
            // SAFETY: a tail that was taken, in front of which nobody writes.
            unsafe { self.give_up(gap) };
        }
    }
}
