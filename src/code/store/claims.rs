//! Claiming pages that nobody has: from the front for data, from the back for machine code.
//!
//! ```text
//!   0                   front                       back                len
//!   ├ what is claimed ─▶ ┤┄┄┄┄┄┄┄ no access ┄┄┄┄┄┄┄├ ◀─ what is claimed ┤
//!                        └ a claim ─▶       ◀─ a claim ┘
//! ```
//!
//! Each kind has room of its own: neither cuts the other's mappings in pieces. A claim moves the watermark, makes the pages writable, and the part
//! of the page table that tells of them. If the system refuses that, the claim keeps no more than its block needs, and tries again. If that is refused
//! too, the rest is given back, unless another claim lies behind it already.

use super::code_pages::{CodePages, LONGEST_RUN};
use super::record::Record;
use super::shelf::{Board, Spot};
use super::tail::Tail;
use super::tails::Search;
use super::watermark::{Claimed, End};
use crate::base::align;
use crate::error::{Error, PageError};
use crate::pages::{HUGE, Step};
use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

/// The share of what is claimed that may be claimed ahead: a tenth.
const AHEAD: usize = 10;

/// Pages that were claimed and committed just now, for the holder of this alone. Dropped, they are given back.
pub(in crate::code) struct Claim<'l> {
    pages: &'l CodePages,
    end: End,
    /// Counted from the end, as the watermark does.
    units: Range<usize>,
}

impl<'l> Claim<'l> {
    pub(in crate::code) fn range(&self) -> Range<usize> {
        self.pages.bytes(self.end, &self.units)
    }

    /// Gives the pages their memory now.
    pub(in crate::code) fn populate(&self) -> Result<(), PageError> {
        // SAFETY: claimed and committed, nobody else's, and so not sealed.
        unsafe { self.pages.apply(Step::Populate, self.range()) }
    }

    /// Keeps the pages: from here on they are to be filled or left.
    pub(in crate::code) fn keep(self) -> Range<usize> {
        ManuallyDrop::new(self).range()
    }

    /// Keeps the pages: those from `start` on, which lies among them, are the caller's to fill. The others are a tail.
    pub(in crate::code) fn keep_from(self, start: usize) -> Tail<'l> {
        // SAFETY: claimed and committed just now, and nobody else has heard of it. It begins with a page.
        unsafe { Tail::new(self.keep().start..start, None) }
    }

    /// Keeps the pages as a tail.
    fn into_tail(self) -> Tail<'l> {
        let end = self.range().end;
        self.keep_from(end)
    }

    /// Gives back what is more than the first units, as the end counts them.
    fn shorten(&mut self, units: usize) {
        let end = self.units.start + units;
        self.pages.give_back(self.end, end..self.units.end);
        self.units.end = end;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.pages.give_back(self.end, self.units.clone());
    }
}

impl CodePages {
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
                let held = held.or_else(|| {
                    let vacant = shelf.vacancy(board)?;
                    // SAFETY: nothing lies there yet.
                    Some(unsafe { vacant.fill(edge..edge) })
                });
                let Some(mut held) = held else { return Ok(Some(claim.into_tail())) };
                // SAFETY: claimed just now, right behind.
                unsafe { held.extend_back(claim.keep().end) };
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
                unsafe { held.extend_back(claim.keep().end) };
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
        claimed.map_or(Ok(None), |units| self.commit(End::Front, units, more).map(Some))
    }

    /// Claims and commits pages for a block, a piece as long as [`piece`](align::piece) says.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], [`Error::Limit`], or the system's refusal; nothing is claimed then.
    pub(in crate::code) fn claim(&self, search: Search) -> Result<Claim<'_>, Error> {
        let Search { end, block, wish, .. } = search;
        let needed = |units| self.need_at(end, units, block).ok_or(Error::TooLarge { len: block.size(), element: 1 });
        let units = self.watermark.claim(end, |claimed| {
            let needed = needed(claimed.of(end))?;
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
        let needed = needed(units.start)?;
        self.commit(end, units, needed).map_err(Error::Pages)
    }

    /// The bytes that a block needs behind the first `units`.
    fn need_at(&self, end: End, units: usize, block: Layout) -> Option<usize> {
        match end {
            End::Front => self.need(&(units * self.grain..self.len), block),
            End::Back => align::need_below(self.at(self.back(units)).addr().get(), block.size(), block.align()),
        }
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
        self.park(End::Front, claim.into_tail(), board);
        Ok(())
    }

    /// The error where so much is needed and no more is left.
    fn full(&self, needed: usize, left: usize) -> Error {
        match self.limit {
            Some(limit) if self.cap < self.len => Error::Limit { limit, needed, left },
            _ => Error::Exhausted { needed, left },
        }
    }

    /// Returns the amount to claim at `start`: `wish`, or with huge pages enough beyond the `needed` bytes to end with
    /// one. That is for a module that has twice as much already, its `own` bytes, or if it is a tenth of what is
    /// claimed.
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
        // Memory of records does not count towards the limit, but is not there.
        let code = all.saturating_sub(self.back(0) - self.edge());
        self.cap.saturating_sub(code).min(self.back(0).saturating_sub(all))
    }

    /// Returns the start of the last `units`.
    fn back(&self, units: usize) -> usize {
        (self.len / self.grain - units) * self.grain
    }

    /// Returns the place from which claims go down from the back: the last whole unit, or the place before what records
    /// took.
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

    /// The bytes of units that are counted from an end.
    fn bytes(&self, end: End, units: &Range<usize>) -> Range<usize> {
        match end {
            End::Front => units.start * self.grain..units.end * self.grain,
            End::Back => self.back(units.end)..self.back(units.start),
        }
    }

    /// Commits units that the caller has claimed just now. If that is refused, it gives back those that are claimed ahead of the `needed` bytes,
    /// and tries once more.
    fn commit(&self, end: End, units: Range<usize>, needed: usize) -> Result<Claim<'_>, PageError> {
        let least = needed.div_ceil(self.grain);
        let mut claim = Claim { pages: self, end, units };
        if let Err(refused) = self.commit_claim(&claim) {
            if least >= claim.units.len() {
                return Err(refused);
            }
            claim.shorten(least);
            self.commit_claim(&claim)?;
        }
        if self.huge && end == End::Front {
            // SAFETY: committed just now. A refusal changes nothing but how fast it is.
            self.refusal.note(&unsafe { self.apply(Step::Huge { sealed: false }, self.huge_part(claim.range())) });
        }
        Ok(claim)
    }

    /// Makes the pages of a claim writable, and the part of the page table that tells of them.
    fn commit_claim(&self, claim: &Claim<'_>) -> Result<(), PageError> {
        self.commit_table(claim.end, claim.range())?;
        // SAFETY: whole pages that the claim's holder alone has claimed just now, so they were never sealed (invariant 4).
        unsafe { self.apply(Step::Commit, self.unready(claim.range())) }
    }

    /// Makes the page table of claimed pages writable.
    fn commit_table(&self, end: End, claimed: Range<usize>) -> Result<(), PageError> {
        let Some(bytes) = self.table.groups.missing(end, self.page().touched(claimed), self.page()) else {
            return Ok(());
        };
        // SAFETY: whole pages of the table's part of the reservation, never sealed; they may be writable and used already (`PageSource::commit`).
        // Then they are there for the table, which the geometry made room for.
        unsafe {
            self.reservation.apply(Step::Commit, self.rest + bytes.start..self.rest + bytes.end)?;
            self.table.groups.grow(end, bytes);
        }
        Ok(())
    }

    /// The part of a claim that was not writable from the beginning.
    fn unready(&self, claimed: Range<usize>) -> Range<usize> {
        claimed.start.max(self.ready).min(claimed.end)..claimed.end
    }

    /// Gives claimed units back. If others claimed behind them, they stay claimed: pages that are nobody's, counted as a tail,
    /// and never to be sealed. They have no access, but for those that had it before.
    fn give_back(&self, end: End, units: Range<usize>) {
        let range = self.bytes(end, &units);
        // SAFETY: a claim that is being dropped or shortened: nobody refers to it, nothing was written there, and it was never sealed. A refusal
        // changes nothing that matters: the pages are zero, and whoever claims them next commits them again.
        let _ = unsafe { self.apply(Step::Decommit, self.unready(range.clone())) };
        if !self.watermark.give_back(end, &units) {
            self.closed_tails.fetch_add(range.len(), Relaxed);
        }
    }
}
