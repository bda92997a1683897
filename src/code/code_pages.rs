//! The code pages of one arena: claimed by loaders, parked between them, closed, sealed.
//!
//! ```text
//!   0                                             watermark            code
//!   ├ sealed ┼ sealed ┼ closed ┼ run of a loader ┼ parked ┤┄┄ no access ┄┤
//! ```
//!
//! Code pages only ever move to the right in: *no access* → *claimed* (by compare-exchange on the watermark, then committed) →
//! *closed* (nobody writes there again) → *sealed*. At most one run's tail is *parked*: left by a finished loader, to be taken by a
//! later one. Each step is one atomic operation, so nobody waits for anybody (invariant 5); a step that a vanished thread did not
//! finish leaves pages that are claimed for ever and hurts nothing else.

use super::extent::{Extent, Run};
use super::page_table::PageTable;
use super::published::{Published, Record};
use super::watermark::Watermark;
use crate::error::{Error, PageError};
use crate::layout::{self, Geometry, PageSize};
use crate::pages::Reservation;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

pub(super) struct CodePages {
    reservation: Reservation,
    table: PageTable,
    /// Bytes of code pages in the reservation.
    len: usize,
    /// Bytes that may be claimed: `len`, or the user's limit in whole pages.
    cap: usize,
    /// The user's limit, as it was given.
    limit: Option<usize>,
    /// Bytes claimed so far; a multiple of the page size.
    watermark: Watermark,
    /// The tail that waits for a loader.
    parked: Published<Run>,
    /// Open loaders that fill the rest of a finished module's last page.
    held: AtomicUsize,
    /// Bytes behind finished modules that nobody will fill: paddings and tails given up.
    closed_tails: AtomicUsize,
    seals: AtomicUsize,
}

impl CodePages {
    /// # Safety
    ///
    /// `reservation` was made for `geometry`; the page table's memory is committed, zero, and used by nobody else.
    pub(super) unsafe fn new(reservation: Reservation, geometry: Geometry, limit: Option<usize>) -> Self {
        let page = reservation.page();
        // SAFETY: `ledger_top` is a page boundary of the reservation, behind it lies the table that the geometry made room for.
        let table = unsafe { PageTable::new(reservation.at(geometry.ledger_top), page.index(geometry.code)) };
        Self {
            table,
            len: geometry.code,
            cap: limit.map_or(geometry.code, |limit| page.floor(limit).min(geometry.code)),
            limit,
            watermark: Watermark::new(),
            parked: Published::empty(),
            held: AtomicUsize::new(0),
            closed_tails: AtomicUsize::new(0),
            seals: AtomicUsize::new(0),
            reservation,
        }
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
        // SAFETY: code lies at the reservation's beginning, `len` bytes of it.
        unsafe { self.reservation.at(offset) }
    }

    /// The offset of an address among the code pages.
    #[inline]
    pub(super) fn offset(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.reservation.base().addr().get());
        (offset < self.len).then_some(offset)
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
        let Some(length) = layout::run_length(more, wish, self.cap - limit, self.page().bytes()) else {
            return Ok(None);
        };
        match self.watermark.extend(limit, length) {
            None => Ok(None),
            Some(added) => self.commit(added).map(|added| Some(added.end)),
        }
    }

    fn commit(&self, claimed: Range<usize>) -> Result<Range<usize>, PageError> {
        // SAFETY: whole pages that the caller alone has claimed just now, so they were never sealed (invariant 4).
        match unsafe { self.reservation.commit(claimed.clone()) } {
            Ok(()) => Ok(claimed),
            Err(error) => {
                // SAFETY: claimed just now, and nobody was told.
                unsafe { self.give_back(claimed) };
                Err(error)
            }
        }
    }

    /// Gives a claim back that nothing was written to. If others claimed behind it, it stays claimed: pages without access that are
    /// nobody's, counted as a tail, and never to be sealed.
    ///
    /// # Safety
    ///
    /// The caller's own claim, which nobody refers to.
    pub(super) unsafe fn give_back(&self, claimed: Range<usize>) {
        // SAFETY: the caller's promise; what is claimed was never sealed. A refusal changes nothing that matters: the pages
        // are zero, and whoever claims them next commits them again.
        let _ = unsafe { self.reservation.decommit(claimed.clone()) };
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
        unsafe { self.reservation.populate(claimed) }
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes the parked tail, if there is one.
    pub(super) fn take_parked(&self) -> Option<Record<'_, Run>> {
        self.parked.take()
    }

    /// Leaves the tail of a run, held by the caller, for a later loader. Where another one waits, the roomier stays and the fuller is
    /// given up.
    pub(super) fn park<'l>(&'l self, run: Record<'l, Run>) {
        let mut mine = run;
        if mine.room() == 0 {
            return;
        }
        loop {
            if let Some(other) = self.parked.take() {
                let (roomier, fuller) = if other.room() > mine.room() { (other, mine) } else { (mine, other) };
                self.give_up(fuller.resume()..fuller.limit());
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
    pub(super) fn leave<'l>(&'l self, extent: Record<'l, Extent>, padded: bool) {
        let (run, end) = (extent.get().run(), extent.end());
        let resume = if padded { self.ceil(end) } else { end };
        self.table.own(self.page().touched(extent.start()..end), extent);
        self.table.close(self.page().filled(extent.start()..resume));
        self.closed_tails.fetch_add(resume - end, Relaxed);
        run.set_resume(resume);
        self.park(run);
        self.held.fetch_sub(usize::from(self.shares_its_first_page(&extent)), Relaxed);
    }

    /// Only a tail begins in the middle of a page.
    fn shares_its_first_page(&self, extent: &Extent) -> bool {
        extent.start() != self.page().floor(extent.start())
    }

    /// Closes bytes that nobody will fill.
    fn give_up(&self, tail: Range<usize>) {
        self.closed_tails.fetch_add(tail.len(), Relaxed);
        self.table.close(self.page().touched(tail));
    }

    fn ceil(&self, offset: usize) -> usize {
        // Offsets are not above `len`, a multiple of the page size.
        self.page().ceil(offset).unwrap_or(self.len)
    }

    // ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Seals the pages of an extent that was left padded.
    pub(super) fn seal_extent(&self, extent: &Extent) -> Result<(), PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        if pages.is_empty() { Ok(()) } else { self.seal(pages).map(|_| ()) }
    }

    /// Pads the parked tail to its next page, and seals every page that is closed and not sealed. Returns how many. If the system
    /// refuses a stretch, the others are sealed all the same.
    pub(super) fn seal_closed(&self) -> Result<usize, PageError> {
        if let Some(run) = self.parked.take() {
            let (resume, padded) = (run.resume(), self.ceil(run.resume()));
            self.give_up(resume..padded);
            run.set_resume(padded);
            self.park(run);
        }
        let end = self.page().index(self.claimed());
        let (mut from, mut sealed, mut refused) = (0, 0, None);
        while let Some(stretch) = self.table.next_unsealed(from..end) {
            from = stretch.end;
            match self.seal(stretch) {
                Ok(pages) => sealed += pages,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(sealed), Err)
    }

    fn seal(&self, pages: Range<usize>) -> Result<usize, PageError> {
        let count = pages.len();
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: closed pages: whoever could write there is finished. Sealing a sealed page again changes nothing, so two threads may
        // seal the same stretch. If this fails half-way, the pages stay closed and are tried again.
        unsafe { self.reservation.seal(self.page().span(pages.clone())) }?;
        self.table.seal(pages);
        Ok(count)
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whether the hardware protects every page of the bytes.
    pub(super) fn protects(&self, bytes: Range<usize>) -> bool {
        self.reservation.protects() && self.table.is_sealed(self.page().touched(bytes))
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

    /// How many mappings of the kernel the claimed pages make up: maximal stretches of pages that are all sealed or all not.
    pub(super) fn mappings(&self) -> usize {
        let end = self.page().index(self.claimed());
        let (mut from, mut mappings) = (0, 0);
        while let Some(sealed) = self.table.next_sealed(from..end) {
            mappings += 1 + usize::from(sealed.start > from);
            from = sealed.end;
        }
        mappings + usize::from(from < end)
    }
}
