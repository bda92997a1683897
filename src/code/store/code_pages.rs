//! The code pages of one arena: claimed by loaders, left to wait between them, closed, sealed.
//!
//! ```text
//!   0                                               front              back                             len
//!   ├ sealed ┼ closed ┼ loader's ┼ waits ┼ loader's ┤┄┄┄ no access ┄┄┄├ machine code ┼ waits ┼ sealed ┼ records ┤
//! ```
//!
//! Code pages only ever move to the right in this line:
//!
//! - *no access*
//! - *claimed*, by a compare-exchange on the watermark, and then committed; the first few are writable before they are
//!   claimed
//! - *closed*: nobody writes there again
//! - *sealed*
//! - *replaced* by a sealed memory file, and *fixed*, at the levels above protection
//!
//! What a finished loader did not fill *waits* for later ones: `tails.rs` says who gets which room. Each step is one
//! atomic operation, so nobody waits for anybody (invariant 5). A step that a vanished thread did not finish leaves
//! pages that are claimed for ever. It hurts nothing else.

use super::extent::Extent;
use super::ledger::Memory;
use super::page_groups::{PageFlag, PageGroups};
use super::page_table::PageTable;
use super::plan::StorePlan;
use super::protection::Protection;
use super::record::Record;
use super::refusal::LastRefusal;
use super::shelf::{Board, Shelf, Spot};
use super::tail::Tail;
use super::watermark::{End, Watermark};
use crate::base::align;
use crate::base::page::PageSize;
use crate::base::page_range::PageRange;
use crate::error::PageError;
use crate::pages::{HUGE, Reservation, Sealable, Step};
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The length that a loader wishes for its first run.
pub(in crate::code) const FIRST_RUN: usize = 16 << 10;

/// No run is wished longer than this.
pub(in crate::code) const LONGEST_RUN: usize = 1 << 20;

/// The part of what is claimed that is spare: open loaders may have so much together beyond their first runs.
const SPARE: usize = 40;

pub(in crate::code) struct CodePages {
    pub(in crate::code) reservation: Reservation<Sealable>,
    pub(in crate::code) table: PageTable,
    /// The start of all code in the reservation: of the prefix, if there is one.
    first: usize,
    /// The start of the code pages in the reservation.
    start: usize,
    /// Bytes of code pages in the reservation.
    pub(in crate::code) len: usize,
    /// Those of them that records have not taken. It only falls.
    end: AtomicUsize,
    /// The start of the page table's part behind the code, in the reservation.
    pub(in crate::code) rest: usize,
    /// Bytes of code pages that were made writable together with the arena's records, so that its first run costs no call.
    pub(in crate::code) ready: usize,
    /// Bytes that may be claimed: `len`, or the user's limit in whole pages.
    pub(in crate::code) cap: usize,
    /// The user's limit, as it was given.
    pub(in crate::code) limit: Option<usize>,
    /// The claims, in units of `grain`.
    pub(in crate::code) watermark: Watermark,
    /// The unit of claims, in bytes: a page, or some.
    pub(in crate::code) grain: usize,
    /// The tails that wait: of data and of machine code.
    shelves: [Shelf; 2],
    /// Spare room that open loaders have. What a forgotten one had counts for ever, and leaves less for others.
    lent: AtomicUsize,
    /// Open loaders that fill the rest of a finished module's last page.
    held: AtomicUsize,
    /// Bytes behind finished modules that nobody will fill: paddings and tails given up.
    pub(in crate::code) closed_tails: AtomicUsize,
    /// Those of them that seals gave up, so that what they sealed is one mapping.
    pub(in crate::code) closed_gaps: AtomicUsize,
    pub(in crate::code) seals: AtomicUsize,
    /// The level that a seal tries to reach.
    pub(in crate::code) level: Protection,
    /// `true` if a seal that does not reach it is an error.
    pub(in crate::code) strict: bool,
    /// `true` to ask for huge pages.
    pub(in crate::code) huge: bool,
    /// The last refusal of a level that was asked for.
    pub(in crate::code) refusal: LastRefusal,
}

/// The one who may seal the pages that a finished loader leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::code) enum SealBy {
    /// The next seal of the arena, whoever calls it.
    AnySeal,
    /// The loader itself, which makes them executable: another's seal would take that away again.
    OwnSeal,
}

/// Choices for the code pages of an arena.
#[derive(Clone, Copy)]
pub(in crate::code) struct StoreOptions {
    pub(in crate::code) limit: Option<usize>,
    pub(in crate::code) level: Protection,
    pub(in crate::code) strict: bool,
    pub(in crate::code) huge: bool,
}

impl CodePages {
    /// # Safety
    ///
    /// 1. `reservation` was made for `geometry`.
    /// 2. The page table's memory and the [first](Self::ready) code pages are committed, zero, and used by nobody else.
    /// 3. The code pages become part of an arena, and every record that they are told of is of its ledger.
    pub(in crate::code) unsafe fn new(
        reservation: Reservation<Sealable>,
        geometry: StorePlan,
        choices: StoreOptions,
    ) -> Self {
        let StoreOptions { limit, level, strict, huge } = choices;
        let page = reservation.page();
        // SAFETY: the geometry made room for the table before its end, which is aligned as records are, hence to a word, and behind its rest,
        // which is a page's beginning.
        let table = unsafe {
            let (end, rest) = (reservation.at(geometry.table), reservation.at(geometry.rest));
            PageTable::new(PageGroups::new(end, rest, page.index(geometry.code)))
        };
        let grain = align::grain(geometry.code, page.bytes());
        // SAFETY: the caller's promise; `park` hands on boards of the arena that these pages are part of.
        let shelves = unsafe { [Shelf::new(page), Shelf::new(page)] };
        Self {
            table,
            first: geometry.first(),
            start: geometry.start,
            len: geometry.code,
            end: AtomicUsize::new(geometry.code),
            rest: geometry.rest,
            ready: Self::ready(&reservation, geometry),
            cap: limit.map_or(geometry.code, |limit| page.floor(limit).min(geometry.code)),
            limit,
            watermark: Watermark::new(),
            grain,
            shelves,
            lent: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            closed_tails: AtomicUsize::new(0),
            closed_gaps: AtomicUsize::new(0),
            seals: AtomicUsize::new(0),
            level,
            strict,
            huge,
            refusal: LastRefusal::none(),
            reservation,
        }
    }

    /// Bytes of code pages to be writable from the beginning. Behind a prefix they would take a call of their own.
    pub(in crate::code) fn ready(reservation: &Reservation<Sealable>, geometry: StorePlan) -> usize {
        if geometry.prefix != 0 {
            return 0;
        }
        reservation.page().ceil(FIRST_RUN).map_or(geometry.code, |bytes| bytes.min(geometry.code))
    }

    pub(in crate::code) fn reservation(&self) -> &Reservation<Sealable> {
        &self.reservation
    }

    pub(in crate::code) fn page(&self) -> PageSize {
        self.reservation.page()
    }

    /// Bytes of code pages, used or not, but for those that records took.
    #[inline]
    pub(in crate::code) fn len(&self) -> usize {
        self.end.load(Relaxed)
    }

    /// Bytes claimed from both ends, and those of them from the back.
    pub(in crate::code) fn claimed(&self) -> (usize, usize) {
        let [front, back] = self.claimed_ranges();
        (front.len() + back.len(), back.len())
    }

    /// The tails that wait for what is claimed from one end.
    pub(in crate::code) fn shelf(&self, end: End) -> &Shelf {
        let [data, machine] = &self.shelves;
        if end == End::Front { data } else { machine }
    }

    /// The address of the code byte at `offset`, which is at most `len`.
    #[inline]
    pub(in crate::code) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len);
        // SAFETY: code, and records that took its place, lie there in the reservation, `len` bytes of them.
        unsafe { self.reservation.at(self.start + offset) }
    }

    /// The offset of an address among the code pages.
    #[inline]
    pub(in crate::code) fn offset(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.reservation.base().addr().get() + self.start);
        (offset < self.len()).then_some(offset)
    }

    /// The offset of an address from the beginning of all code, that of a prefix too.
    #[inline]
    pub(in crate::code) fn position(&self, address: usize) -> Option<usize> {
        let position = address.wrapping_sub(self.reservation.base().addr().get() + self.first);
        (position < self.prefix() + self.len()).then_some(position)
    }

    /// Bytes of the prefix, whole pages.
    #[inline]
    pub(in crate::code) fn prefix(&self) -> usize {
        self.start - self.first
    }

    /// The byte of the prefix at an offset, which is at most its length.
    pub(in crate::code) fn prefix_at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.prefix());
        // SAFETY: it lies in the reservation, in front of the code pages.
        unsafe { self.reservation.at(self.first + offset) }
    }

    /// Bytes of the reservation before and behind all code.
    pub(in crate::code) fn around(&self) -> (usize, usize) {
        (self.first, self.reservation.len() - self.start - self.len())
    }

    /// Takes a step with whole pages of the prefix.
    ///
    /// # Safety
    ///
    /// What the [step](Step) asks for under *Safety*.
    pub(super) unsafe fn apply_to_prefix(&self, step: Step, pages: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { self.reservation.apply(step, self.first + pages.start..self.first + pages.end) }
    }

    /// Takes a step with whole pages of code.
    ///
    /// # Safety
    ///
    /// What the [step](Step) asks for under *Safety*.
    pub(super) unsafe fn apply(&self, step: Step, code: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { self.reservation.apply(step, self.start + code.start..self.start + code.end) }
    }

    /// As [`apply`](Self::apply), by the pages' numbers.
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn apply_to_pages(&self, step: Step, pages: PageRange) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { self.apply(step, self.page().span(pages)) }
    }

    /// The part of a range that whole huge pages can lie in.
    pub(in crate::code) fn huge_part(&self, range: Range<usize>) -> Range<usize> {
        let base = self.at(0).addr().get();
        let start = align::align_up(base + range.start, HUGE).map_or(range.end, |start| start - base);
        let end = align::align_down(base + range.end, HUGE).max(base) - base;
        start..end.max(start)
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Counts a loader in that continues on the last page of a finished module.
    pub(in crate::code) fn add_held(&self) {
        self.held.fetch_add(1, Relaxed);
    }

    /// Counts a loader out: whether it was [held](Self::add_held), and what was [lent](Self::lend) to it.
    pub(in crate::code) fn release_held(&self, held: bool, lent: usize) {
        if held {
            self.held.fetch_sub(1, Relaxed);
        }
        if lent != 0 {
            self.lent.fetch_sub(lent, Relaxed);
        }
    }

    /// Open loaders that hold the tail of a finished module.
    pub(in crate::code) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Returns the room that a loader may wish for: a first run, and half of the spare room that nobody else has.
    /// `lent` is the part that this loader has, and is changed.
    pub(in crate::code) fn lend(&self, end: End, lent: &Cell<usize>) -> usize {
        let spare = self.claimed_from(end) / SPARE;
        if spare >= self.page().bytes() || lent.get() != 0 {
            // Machine code is sealed module by module: what it has ahead lies between executable pages for long.
            let longest = if end == End::Front { LONGEST_RUN } else { 2 * FIRST_RUN };
            let mine = |all: usize| (spare.saturating_sub(all - lent.get()) / 2).min(longest - FIRST_RUN);
            let all = self.lent.fetch_update(Relaxed, Relaxed, |all| Some(all - lent.get() + mine(all)));
            lent.set(all.map_or(0, mine));
        }
        FIRST_RUN + lent.get()
    }

    /// Closes what a finished loader filled, and leaves or gives up what it did not. With `padded`, the tail begins at the next page. What may
    /// wait right `behind` the extent's limit is a hint.
    ///
    /// # Safety
    ///
    /// 1. The caller's module filled the extent and holds its room. It closes each extent once.
    /// 2. The module is finished: nobody writes to what it filled.
    pub(in crate::code) unsafe fn close_extent<'l>(
        &'l self,
        extent: Record<'l, Extent>,
        padded: bool,
        seal_by: SealBy,
        side: End,
        behind: Option<Spot<'l>>,
        board: impl FnOnce() -> Option<Record<'l, Board>>,
    ) {
        let end = extent.end();
        let resume = if padded { self.ceil(end) } else { end };
        self.table.own(self.page().touched(extent.start()..end), extent);
        if seal_by == SealBy::AnySeal {
            // SAFETY: the caller's promise for the extent; what lies before it on its first page is finished too, or it would not have been
            // left; the padding behind it is nobody's.
            unsafe { self.table.set(PageFlag::Closed, self.page().filled(extent.start()..resume)) };
        }
        self.closed_tails.fetch_add(resume - end, Relaxed);
        // SAFETY: the caller holds the room and gives it away here. Behind the extent and its padding nothing was written; what lies in
        // front of the tail is finished.
        let tail = unsafe { Tail::new(resume..extent.limit(), behind) };
        self.park(side, tail, board);
    }

    /// Only a tail begins in the middle of a page.
    pub(in crate::code) fn shares_its_first_page(&self, extent: &Extent) -> bool {
        extent.start() != self.page().floor(extent.start())
    }

    /// Closes bytes that nobody will fill.
    ///
    /// # Safety
    ///
    /// 1. The bytes are a tail that the caller holds, or its beginning, and nobody writes there from now on.
    /// 2. On the page where they begin, nobody writes in front of them. They end with a page.
    pub(in crate::code) unsafe fn give_up(&self, tail: Range<usize>) {
        self.closed_tails.fetch_add(tail.len(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { self.table.set(PageFlag::Closed, self.page().touched(tail)) };
    }

    pub(in crate::code) fn ceil(&self, offset: usize) -> usize {
        // Offsets are not above `len`, a multiple of the page size.
        self.page().ceil(offset).unwrap_or(self.len)
    }
}

impl Memory for CodePages {
    fn pages(&self) -> &Reservation<Sealable> {
        &self.reservation
    }

    fn take_from_code(&self, bytes: usize) -> bool {
        // Code never takes the bytes behind the last whole unit.
        let units = bytes.saturating_sub(self.len % self.grain).div_ceil(self.grain);
        // A first run is left, so that a loader that has records can go on where they fill what there is.
        let all = (self.len / self.grain).saturating_sub(FIRST_RUN.min(self.len).div_ceil(self.grain));
        let has = bytes <= self.len - self.len() || self.watermark.reach(units, all);
        if has {
            self.end.fetch_min((self.len / self.grain - units) * self.grain, Relaxed);
        }
        has
    }
}
