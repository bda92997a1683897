//! The code pages of one arena: claimed by loaders, parked between them, closed, sealed.
//!
//! ```text
//!   0                                             watermark            code
//!   ├ sealed ┼ sealed ┼ closed ┼ run of a loader ┼ parked ┤┄┄ no access ┄┤
//! ```
//!
//! Code pages only ever move to the right in: *no access* → *claimed* (by compare-exchange on the watermark, then committed) →
//! *closed* (nobody writes there again) → *sealed* → *replaced* by a sealed memory file → *fixed*, the latter two where a level of
//! hardening above protection is asked for. At most one run's tail is *parked*: left by a finished loader, to be taken by a
//! later one. Each step is one atomic operation, so nobody waits for anybody (invariant 5); a step that a vanished thread did not
//! finish leaves pages that are claimed for ever and hurts nothing else.

use super::extent::{Extent, Run};
use super::ledger::{Published, Record};
use super::module::Hardening;
use super::page_table::{Mark, PageTable};
use super::refusal::Refusal;
use crate::error::{Error, PageError};
use crate::layout::{self, Geometry, PageSize};
use crate::pages::Reservation;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// Bytes of a huge page, where there are any.
const HUGE: usize = 2 << 20;

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
    watermark: AtomicUsize,
    /// The tail that waits for a loader.
    parked: Published<Run>,
    /// Open loaders that fill the rest of a finished module's last page.
    held: AtomicUsize,
    /// Bytes behind finished modules that nobody will fill: paddings and tails given up.
    closed_tails: AtomicUsize,
    seals: AtomicUsize,
    /// What a seal tries to reach.
    level: Hardening,
    /// Whether a seal that does not reach it is an error.
    strict: bool,
    /// Whether to ask for huge pages.
    huge: bool,
    /// Why the level asked for was last not reached.
    refusal: Refusal,
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
    /// `reservation` was made for `geometry`; the page table's memory is committed, zero, and used by nobody else.
    pub(super) unsafe fn new(reservation: Reservation, geometry: Geometry, choices: Choices) -> Self {
        let Choices { limit, level, strict, huge } = choices;
        let page = reservation.page();
        // SAFETY: `ledger_top` is a page boundary of the reservation, behind it lies the table that the geometry made room for.
        let table = unsafe { PageTable::new(reservation.at(geometry.ledger_top), page.index(geometry.code)) };
        Self {
            table,
            len: geometry.code,
            cap: limit.map_or(geometry.code, |limit| page.floor(limit).min(geometry.code)),
            limit,
            watermark: AtomicUsize::new(0),
            parked: Published::empty(),
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
        self.watermark.load(Relaxed)
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
        let mut start = self.watermark.load(Relaxed);
        loop {
            let address = self.at(start).addr().get();
            let too_large = Error::TooLarge { len: size, element: 1 };
            let needed = layout::need(address, size, align).ok_or(too_large)?;
            let left = self.cap - start;
            let wish = self.wish(start, needed, wish);
            let length = layout::run_length(needed, wish, left, self.page().bytes()).ok_or(match self.limit {
                Some(limit) if self.cap < self.len => Error::Limit { limit, needed, left },
                _ => Error::Exhausted { needed, left },
            })?;
            // Acquire: bytes that another loader gave back are claimed after what it did to them.
            match self.watermark.compare_exchange_weak(start, start + length, Acquire, Relaxed) {
                Ok(_) => return self.commit(start..start + length).map_err(Error::Pages),
                Err(now) => start = now,
            }
        }
    }

    /// Makes the run that ends at `limit` longer, by at least `more` bytes and by `wish` if there are so many. `None` where something
    /// else lies behind it or too little is left.
    pub(super) fn extend(&self, limit: usize, more: usize, wish: usize) -> Result<Option<usize>, PageError> {
        let wish = self.wish(limit, more, wish);
        let Some(length) = layout::run_length(more, wish, self.cap - limit, self.page().bytes()) else {
            return Ok(None);
        };
        // Acquire: as in `claim`.
        if self.watermark.compare_exchange(limit, limit + length, Acquire, Relaxed).is_err() {
            return Ok(None);
        }
        self.commit(limit..limit + length).map(|added| Some(added.end))
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
    fn huge_part(&self, range: Range<usize>) -> Range<usize> {
        let base = self.at(0).addr().get();
        let start = layout::align_up(base + range.start, HUGE).map_or(range.end, |start| start - base);
        let end = layout::align_down(base + range.end, HUGE).max(base) - base;
        start..end.max(start)
    }

    fn commit(&self, claimed: Range<usize>) -> Result<Range<usize>, PageError> {
        // SAFETY: whole pages that the caller alone has claimed just now, so they were never sealed (invariant 4).
        match unsafe { self.reservation.commit(claimed.clone()) } {
            Ok(()) => {
                if self.huge {
                    // SAFETY: committed just now. A refusal changes nothing but how fast it is.
                    self.refusal.note(&unsafe { self.reservation.huge(self.huge_part(claimed.clone()), false) });
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
        // Release: pairs with the acquire of whoever claims these bytes next.
        if self.watermark.compare_exchange(claimed.end, claimed.start, Release, Relaxed).is_err() {
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
    pub(super) fn leave<'l>(&'l self, extent: Record<'l, Extent>, padded: bool, next: Next) {
        let (run, end) = (extent.get().run(), extent.end());
        let resume = if padded { self.ceil(end) } else { end };
        self.table.own(self.page().touched(extent.start()..end), extent);
        if next == Next::AnySeal {
            self.table.set(Mark::Closed, self.page().filled(extent.start()..resume));
        }
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
        self.table.set(Mark::Closed, self.page().touched(tail));
    }

    fn ceil(&self, offset: usize) -> usize {
        // Offsets are not above `len`, a multiple of the page size.
        self.page().ceil(offset).unwrap_or(self.len)
    }

    // ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Seals the pages of an extent that was left padded. Others may seal, replace and fix the same pages meanwhile.
    pub(super) fn seal_extent(&self, extent: &Extent) -> Result<(), PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        let mut refused = None;
        let mut from = pages.start;
        while let Some(stretch) = self.table.next_unsealed(from..pages.end) {
            from = stretch.end;
            refused = refused.or(self.seal(stretch).err());
        }
        refused.map_or_else(|| self.raise(pages), Err)
    }

    /// Makes the pages of an extent executable that was left padded, for its loader alone to seal. Whatever comes of it, others may seal them
    /// from then on.
    pub(super) fn seal_executable_extent(&self, extent: &Extent) -> Result<(), PageError> {
        let pages = self.page().touched(extent.start()..extent.end());
        if pages.is_empty() {
            return Ok(());
        }
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: the loader that could write there is finished, and nobody else seals what is not marked as closed.
        let sealed = unsafe { self.reservation.seal_executable(self.page().span(pages.clone())) };
        if sealed.is_ok() {
            self.table.set(Mark::Executable, pages.clone());
            self.table.seal(pages.clone());
        }
        self.table.set(Mark::Closed, pages.clone());
        sealed.and_then(|()| self.raise(pages))
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
            match self.seal(stretch.clone()).and_then(|pages| self.raise(stretch).map(|()| pages)) {
                Ok(pages) => sealed += pages,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if self.strict && self.level >= Hardening::MemFile {
            // What an earlier seal did not reach.
            refused = refused.or(self.replace_sealed().err());
        }
        refused.map_or(Ok(sealed), Err)
    }

    fn seal(&self, pages: Range<usize>) -> Result<usize, PageError> {
        self.seals.fetch_add(1, Relaxed);
        // SAFETY: closed pages: whoever could write there is finished. Sealing a sealed page again changes nothing, so two threads may
        // seal the same stretch. If this fails half-way, the pages stay closed and are tried again.
        let sealed = unsafe { self.reservation.seal(self.page().span(pages.clone())) };
        // Another thread may have sealed them, and fixed them since: then the system refuses what is done already.
        if sealed.is_err() && !self.table.is_set(Mark::Sealed, pages.clone()) {
            sealed?;
        }
        self.table.seal(pages.clone());
        Ok(pages.len())
    }

    /// Makes sealed pages what the arena's seals are to reach beyond protection; an error only where that is wanted.
    fn raise(&self, pages: Range<usize>) -> Result<(), PageError> {
        let reached = if self.level >= Hardening::MemFile { self.replace_sealed_of(pages.clone()) } else { Ok(()) };
        if self.huge {
            self.collapse(pages);
        }
        if self.strict { reached } else { Ok(()) }
    }

    /// Asks that sealed pages lie on huge ones wherever a huge page's worth of them is sealed now.
    fn collapse(&self, pages: Range<usize>) {
        let bytes = self.page().span(pages);
        let around = bytes.start.saturating_sub(HUGE)..(bytes.end + HUGE).min(self.len);
        let part = self.huge_part(around);
        for start in part.clone().step_by(HUGE) {
            let huge = start..start + HUGE;
            let met = huge.start < bytes.end && bytes.start < huge.end;
            if met && huge.end <= part.end && self.table.is_set(Mark::Sealed, self.page().touched(huge.clone())) {
                // SAFETY: sealed pages. A refusal changes nothing but how fast it is.
                self.refusal.note(&unsafe { self.reservation.huge(huge, true) });
            }
        }
    }

    // ── hardening ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Puts a sealed memory file in the place of sealed pages, which are alike in being executable.
    fn replace(&self, pages: Range<usize>, executable: bool) -> Result<(), PageError> {
        let replaced = self.put_file(pages, executable);
        self.refusal.note(&replaced);
        replaced
    }

    fn put_file(&self, pages: Range<usize>, executable: bool) -> Result<(), PageError> {
        // SAFETY: sealed pages. Two threads may replace the same ones: the bytes are the same.
        unsafe { self.reservation.replace(self.page().span(pages.clone()), executable) }?;
        self.table.replace(pages);
        Ok(())
    }

    /// Replaces all sealed pages that are not yet, by stretches. If the system refuses one, the others are replaced all the same.
    pub(super) fn replace_sealed(&self) -> Result<(), PageError> {
        self.replace_sealed_of(0..self.page().index(self.claimed()))
    }

    fn replace_sealed_of(&self, pages: Range<usize>) -> Result<(), PageError> {
        self.each_stretch(pages, Mark::Replaced, |pages, executable| self.replace(pages, executable))
    }

    /// Fixes all sealed pages that are not yet, after replacing each stretch anew as a whole, so that it is one mapping.
    ///
    /// # Safety
    ///
    /// The reservation is never released.
    pub(super) unsafe fn fix_sealed(&self) -> Result<(), PageError> {
        self.each_stretch(0..self.page().index(self.claimed()), Mark::Fixed, |pages, executable| {
            let as_one = self.put_file(pages.clone(), executable);
            // Where they were replaced before, only that they become one mapping was refused.
            if as_one.is_err() && !self.table.is_set(Mark::Replaced, pages.clone()) {
                self.refusal.note(&as_one);
                as_one?;
            }
            // SAFETY: sealed pages; the caller's promise.
            let fixed = unsafe { self.reservation.fix(self.page().span(pages.clone())) };
            self.refusal.note(&fixed);
            fixed?;
            self.table.set(Mark::Fixed, pages);
            Ok(())
        })
    }

    /// Takes a step for every stretch of sealed pages that does not have a mark yet.
    fn each_stretch(
        &self,
        pages: Range<usize>,
        without: Mark,
        step: impl Fn(Range<usize>, bool) -> Result<(), PageError>,
    ) -> Result<(), PageError> {
        let (mut from, mut refused) = (pages.start, None);
        while let Some((stretch, executable)) = self.table.next_between(from..pages.end, Mark::Sealed, without) {
            from = stretch.end;
            if let Err(error) = step(stretch.clone(), executable) {
                // Another thread may have fixed a part of them, which cannot be replaced then: the rest is tried again.
                let left = self.table.next_between(stretch.clone(), Mark::Sealed, without);
                if left.as_ref().is_none_or(|(left, _)| *left != stretch) {
                    from = stretch.start;
                } else {
                    refused = refused.or(Some(error));
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Why a level that was asked for was last not reached.
    pub(super) fn refused(&self) -> Option<PageError> {
        self.refusal.get()
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

    /// How many mappings of the kernel the claimed pages make up.
    pub(super) fn mappings(&self) -> usize {
        self.table.mappings(self.page().index(self.claimed()))
    }
}
