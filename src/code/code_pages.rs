//! The code pages of one arena: claimed by loaders, parked between them, closed, sealed.
//!
//! ```text
//!   0                                             watermark            code
//!   ├ sealed ┼ sealed ┼ closed ┼ run of a loader ┼ parked ┤┄┄ no access ┄┤
//! ```
//!
//! Code pages only ever move to the right in: *no access* → *claimed* (by compare-exchange on the watermark, then committed; the first few
//! are writable before they are claimed) → *closed* (nobody writes there again) → *sealed* → *replaced* by a sealed memory file → *fixed*,
//! the latter two where a level of hardening above protection is asked for. At most one run's tail is *parked*: left by a finished loader,
//! to be taken by a later one. Each step is one atomic operation, so nobody waits for anybody (invariant 5); a step that a vanished thread
//! did not finish leaves pages that are claimed for ever and hurts nothing else.

use super::extent::{Extent, Run};
use super::hardening::Hardening;
use super::page_table::{Mark, PageTable};
use super::published::{Published, Record};
use super::refusal::Refusal;
use super::watermark::Watermark;
use crate::error::{Error, PageError};
use crate::layout::{self, Geometry, PageSize};
use crate::pages::{HUGE, Reservation};
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// How long a loader wishes its first run to be.
pub(super) const FIRST_RUN: usize = 16 << 10;

pub(super) struct CodePages {
    pub(super) reservation: Reservation,
    pub(super) table: PageTable,
    /// Where code pages begin in the reservation.
    start: usize,
    /// Bytes of code pages in the reservation.
    pub(super) len: usize,
    /// Bytes of code pages that were made writable together with the arena's records, so that its first run costs no call.
    ready: usize,
    /// Bytes that may be claimed: `len`, or the user's limit in whole pages.
    cap: usize,
    /// The user's limit, as it was given.
    limit: Option<usize>,
    /// Bytes claimed so far; a multiple of the page size.
    watermark: Watermark,
    /// The tail that waits for a loader.
    pub(super) parked: Published<Run>,
    /// Open loaders that fill the rest of a finished module's last page.
    held: AtomicUsize,
    /// Bytes behind finished modules that nobody will fill: paddings and tails given up.
    closed_tails: AtomicUsize,
    pub(super) seals: AtomicUsize,
    /// What a seal tries to reach.
    pub(super) level: Hardening,
    /// Whether a seal that does not reach it is an error.
    pub(super) strict: bool,
    /// Whether to ask for huge pages.
    pub(super) huge: bool,
    /// Why the level asked for was last not reached.
    pub(super) refusal: Refusal,
}

/// Who may seal the pages that a finished loader leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next seal of the arena, whoever calls it.
    AnySeal,
    /// The loader itself, which makes them executable: another's seal would take that away again.
    OwnSeal,
}

/// What was chosen for the code pages of an arena.
#[derive(Clone, Copy)]
pub(super) struct Choices {
    pub(super) limit: Option<usize>,
    pub(super) level: Hardening,
    pub(super) strict: bool,
    pub(super) huge: bool,
}

impl CodePages {
    /// # Safety
    ///
    /// 1. `reservation` was made for `geometry`.
    /// 2. The page table's memory and the [first](Self::ready) code pages are committed, zero, and used by nobody else.
    /// 3. The code pages become part of an arena, and every record that they are told of is of its ledger.
    pub(super) unsafe fn new(reservation: Reservation, geometry: Geometry, choices: Choices) -> Self {
        let Choices { limit, level, strict, huge } = choices;
        let page = reservation.page();
        // SAFETY: the geometry made room for the table before its end, which is aligned as records are, hence to a word.
        let table = unsafe { PageTable::new(reservation.at(geometry.table), page.index(geometry.code)) };
        Self {
            table,
            start: geometry.start,
            len: geometry.code,
            ready: Self::ready(&reservation, geometry),
            cap: limit.map_or(geometry.code, |limit| page.floor(limit).min(geometry.code)),
            limit,
            watermark: Watermark::new(),
            // SAFETY: the caller's promise; `park` takes runs of the arena that these pages are part of.
            parked: unsafe { Published::empty() },
            held: AtomicUsize::new(0),
            closed_tails: AtomicUsize::new(0),
            seals: AtomicUsize::new(0),
            level,
            strict,
            huge,
            refusal: Refusal::none(),
            reservation,
        }
    }

    /// Bytes of code pages to be writable from the beginning.
    pub(super) fn ready(reservation: &Reservation, geometry: Geometry) -> usize {
        reservation.page().ceil(FIRST_RUN).map_or(geometry.code, |bytes| bytes.min(geometry.code))
    }

    pub(super) fn reservation(&self) -> &Reservation {
        &self.reservation
    }

    pub(super) fn page(&self) -> PageSize {
        self.reservation.page()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn claimed(&self) -> usize {
        self.watermark.get()
    }

    /// The address of the code byte at `offset`, which is at most `len`.
    #[inline]
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len);
        // SAFETY: code lies there in the reservation, `len` bytes of it.
        unsafe { self.reservation.at(self.start + offset) }
    }

    /// The offset of an address among the code pages.
    #[inline]
    pub(super) fn offset(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.reservation.base().addr().get() + self.start);
        (offset < self.len).then_some(offset)
    }

    /// Bytes of the reservation before and behind the code pages.
    pub(super) fn around(&self) -> (usize, usize) {
        (self.start, self.reservation.len() - self.start - self.len)
    }

    /// A range among the code pages as one of the reservation.
    pub(super) fn reserved(&self, code: Range<usize>) -> Range<usize> {
        self.start + code.start..self.start + code.end
    }

    // ── claiming ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Claims and commits a new run: room for `size` bytes at `align` from wherever it starts, `wish` bytes if there are so many.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], [`Error::Limit`], or the system's refusal; nothing is claimed then.
    pub(super) fn claim(&self, size: usize, align: usize, wish: usize) -> Result<Range<usize>, Error> {
        let claimed = self.watermark.claim(|start| {
            let address = self.at(start).addr().get();
            let too_large = Error::TooLarge { len: size, element: 1 };
            let needed = layout::need(address, size, align).ok_or(too_large)?;
            let left = self.cap - start;
            let wish = self.wish(start, needed, wish);
            layout::run_length(needed, wish, left, self.page().bytes()).ok_or(match self.limit {
                Some(limit) if self.cap < self.len => Error::Limit { limit, needed, left },
                _ => Error::Exhausted { needed, left },
            })
        })?;
        self.commit(claimed).map_err(Error::Pages)
    }

    /// Makes the run that ends at `limit` longer, by at least `more` bytes and by `wish` if there are so many. `None` where something
    /// else lies behind it or too little is left.
    pub(super) fn extend(&self, limit: usize, more: usize, wish: usize) -> Result<Option<usize>, PageError> {
        let wish = self.wish(limit, more, wish);
        let Some(length) = layout::run_length(more, wish, self.cap - limit, self.page().bytes()) else {
            return Ok(None);
        };
        match self.watermark.extend(limit, length) {
            None => Ok(None),
            Some(added) => self.commit(added).map(|added| Some(added.end)),
        }
    }

    /// How much to wish for at `start`: with huge pages, and where there is a huge page's worth of code already, as much as ends with one.
    fn wish(&self, start: usize, needed: usize, wish: usize) -> usize {
        if !self.huge || start < HUGE && needed < HUGE {
            return wish;
        }
        let end = self.at(start).addr().get().checked_add(needed.max(wish));
        let end = end.and_then(|end| layout::align_up(end, HUGE));
        end.map_or(wish, |end| end - self.at(start).addr().get())
    }

    /// The part of a range that whole huge pages can lie in.
    pub(super) fn huge_part(&self, range: Range<usize>) -> Range<usize> {
        let base = self.at(0).addr().get();
        let start = layout::align_up(base + range.start, HUGE).map_or(range.end, |start| start - base);
        let end = layout::align_down(base + range.end, HUGE).max(base) - base;
        start..end.max(start)
    }

    fn commit(&self, claimed: Range<usize>) -> Result<Range<usize>, PageError> {
        // SAFETY: whole pages that the caller alone has claimed just now, so they were never sealed (invariant 4).
        match unsafe { self.reservation.commit(self.reserved(self.unready(claimed.clone()))) } {
            Ok(()) => {
                if self.huge {
                    // SAFETY: committed just now. A refusal changes nothing but how fast it is.
                    self.refusal
                        .note(&unsafe { self.reservation.huge(self.reserved(self.huge_part(claimed.clone())), false) });
                }
                Ok(claimed)
            }
            Err(error) => {
                // SAFETY: claimed just now, and nobody was told.
                unsafe { self.give_back(claimed) };
                Err(error)
            }
        }
    }

    /// The part of a claim that was not writable from the beginning.
    fn unready(&self, claimed: Range<usize>) -> Range<usize> {
        claimed.start.max(self.ready).min(claimed.end)..claimed.end
    }

    /// Gives a claim back that nothing was written to. If others claimed behind it, it stays claimed: pages that are nobody's, without
    /// access but for those that had it before, counted as a tail, and never to be sealed.
    ///
    /// # Safety
    ///
    /// The caller's own claim, which nobody refers to.
    pub(super) unsafe fn give_back(&self, claimed: Range<usize>) {
        // SAFETY: the caller's promise; what is claimed was never sealed. A refusal changes nothing that matters: the pages
        // are zero, and whoever claims them next commits them again.
        let _ = unsafe { self.reservation.decommit(self.reserved(self.unready(claimed.clone()))) };
        if !self.watermark.give_back(&claimed) {
            self.closed_tails.fetch_add(claimed.len(), Relaxed);
        }
    }

    /// Gives the pages of a claim their memory now.
    ///
    /// # Safety
    ///
    /// The caller's own claim.
    pub(super) unsafe fn populate(&self, claimed: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise; what is claimed is committed and not sealed.
        unsafe { self.reservation.populate(self.reserved(claimed)) }
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes the parked tail, if there is one.
    pub(super) fn take_parked(&self) -> Option<Record<'_, Run>> {
        self.parked.take()
    }

    /// Leaves the tail of a run for a later loader. Where another one waits, the roomier stays and the fuller is given up.
    ///
    /// # Safety
    ///
    /// 1. The caller holds the run, and does not from now on.
    /// 2. On the page where the tail begins, nobody writes in front of it.
    pub(super) unsafe fn park<'l>(&'l self, run: Record<'l, Run>) {
        let mut mine = run;
        if mine.room() == 0 {
            return;
        }
        loop {
            if let Some(other) = self.parked.take() {
                let (roomier, fuller) = if other.room() > mine.room() { (other, mine) } else { (mine, other) };
                // SAFETY: both runs are held here: one by the caller's promise, the other since it was taken.
                unsafe { self.give_up(fuller.resume()..fuller.limit()) };
                mine = roomier;
            }
            if self.parked.set_if_empty(mine).is_ok() {
                return;
            }
        }
    }

    /// Counts a loader in that continues on the last page of a finished module.
    pub(super) fn hold(&self, extent: &Extent) {
        self.held.fetch_add(usize::from(self.shares_its_first_page(extent)), Relaxed);
    }

    /// Closes what a finished loader filled, and parks or gives up what it did not. With `padded`, the tail begins at the next page.
    ///
    /// # Safety
    ///
    /// 1. The caller's module filled the extent and holds its run. It leaves each extent once.
    /// 2. The module is finished: nobody writes to what it filled.
    pub(super) unsafe fn leave<'l>(&'l self, extent: Record<'l, Extent>, padded: bool, next: Next) {
        let (run, end) = (extent.get().run(), extent.end());
        let resume = if padded { self.ceil(end) } else { end };
        self.table.own(self.page().touched(extent.start()..end), extent);
        if next == Next::AnySeal {
            // SAFETY: the caller's promise for the extent; what lies before it on its first page is finished too, or it would not have been
            // parked; the padding behind it is never parked.
            unsafe { self.table.set(Mark::Closed, self.page().filled(extent.start()..resume)) };
        }
        self.closed_tails.fetch_add(resume - end, Relaxed);
        // SAFETY: the caller holds the run and gives it away here. Behind the extent and its padding nothing was written.
        unsafe {
            run.set_resume(resume);
            self.park(run);
        }
        self.held.fetch_sub(usize::from(self.shares_its_first_page(&extent)), Relaxed);
    }

    /// Only a tail begins in the middle of a page.
    fn shares_its_first_page(&self, extent: &Extent) -> bool {
        extent.start() != self.page().floor(extent.start())
    }

    /// Closes bytes that nobody will fill.
    ///
    /// # Safety
    ///
    /// The tail of a run that the caller holds, or its beginning; nobody writes there from now on.
    pub(super) unsafe fn give_up(&self, tail: Range<usize>) {
        self.closed_tails.fetch_add(tail.len(), Relaxed);
        // SAFETY: the caller's promise; in front of a tail, on its first page, everything is finished (`park`).
        unsafe { self.table.set(Mark::Closed, self.page().touched(tail)) };
    }

    pub(super) fn ceil(&self, offset: usize) -> usize {
        // Offsets are not above `len`, a multiple of the page size.
        self.page().ceil(offset).unwrap_or(self.len)
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// What holds for every page of the bytes.
    pub(super) fn hardening(&self, bytes: Range<usize>) -> Hardening {
        let pages = self.page().touched(bytes);
        let is_set = |mark| self.table.is_set(mark, pages.clone());
        match () {
            () if !self.reservation.protects() || !is_set(Mark::Sealed) => Hardening::ByType,
            () if !is_set(Mark::Replaced) => Hardening::Protect,
            () if !is_set(Mark::Fixed) => Hardening::MemFile,
            () => Hardening::Forever,
        }
    }

    /// The pages that an extent is the first to have bytes on.
    pub(super) fn fresh(&self, extent: &Extent) -> usize {
        let touched = self.page().touched(extent.start()..extent.end()).len();
        touched.saturating_sub(usize::from(self.shares_its_first_page(extent)))
    }

    /// The highest finished extent on the page of `offset`.
    pub(super) fn owner(&self, offset: usize) -> Option<Record<'_, Extent>> {
        self.table.owner(self.page().index(offset))
    }

    /// Open loaders that hold the tail of a finished module.
    pub(super) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Bytes behind finished modules: parked, padded or given up.
    pub(super) fn tails(&self) -> usize {
        self.closed_tails.load(Relaxed) + self.parked.get().map_or(0, |run| run.room())
    }

    /// Pages that are closed and not sealed, and the page that a parked tail begins on.
    pub(super) fn unsealed(&self) -> usize {
        let partial = self.parked.get().is_some_and(|run| run.resume() != self.page().floor(run.resume()));
        self.table.count_unsealed(self.page().index(self.claimed())) + usize::from(partial)
    }

    pub(super) fn seals(&self) -> usize {
        self.seals.load(Relaxed)
    }

    /// How many mappings of the kernel the accessible pages make up.
    pub(super) fn mappings(&self) -> usize {
        self.table.mappings(self.page().index(self.claimed().max(self.ready)))
    }
}
