//! Tails that wait for a loader: room that is committed and that no loader holds.
//!
//! ```text
//!   shelf ─▶ board: waiting, a bit a place for each class of sizes │ taken, ragged: a bit a place │ places: start..limit, … ─▶ board ─▶ …
//! ```
//!
//! A place with its bit in `taken` is in use. With its bit in `waiting`, too, a tail lies there and any thread may take
//! it: the one that clears that bit owns the place. Without, one thread owns it. It writes there which bytes the tail
//! has, and then sets the bit. Each change of owner is one atomic operation (invariant 5). A thread that vanishes loses
//! the tails that it held, and no other.
//!
//! Who takes a place has looked at it before, and looks again once it is its own: by then another tail may lie there. So a
//! place may be emptied and filled between the look and the taking. `loom/` tries that.
//!
//! Boards are records: any number of tails may wait. A look for room costs a load for each class. In a class with
//! tails it costs two more for each board, and two for each tail that it looks at. A tail that begins in the middle
//! of a page is *ragged*: that page cannot be sealed. A seal finds those with a load for each board.

use super::record::{AtomicRecord, Record};
use crate::base::atomics::AtomicUsize;
use crate::base::page::PageSize;
use crate::base::{align, bits};
use core::ops::Range;
use core::sync::atomic::Ordering::*;

/// Places on a board: a bit each in a word, which may have 32.
const PLACES: usize = 32;

/// Classes of sizes: the last one has all from 2 MiB on.
const CLASSES: usize = 16;

/// No more tails of one class are looked at for one that fits. Only in the class of the block's own size may many be too short.
const LOOKS: usize = 1024;

/// A shorter tail does not wait: it is not worth the record that a loader needs to go on there.
pub(in crate::code) const LEAST: usize = 64;

/// A place for a tail to wait.
struct Place {
    start: AtomicUsize,
    limit: AtomicUsize,
}

/// Some places, and what is known of them. Lies in the ledger.
pub(in crate::code) struct Board {
    waiting: [AtomicUsize; CLASSES],
    taken: AtomicUsize,
    /// The places whose tail begins in the middle of a page. The owner of a place says so of it.
    ragged: AtomicUsize,
    places: [Place; PLACES],
    next: AtomicRecord<Board>,
}

impl Board {
    /// A board that nothing waits on.
    ///
    /// # Safety
    ///
    /// The board goes to the ledger of the arena whose shelf it is given to.
    pub(in crate::code) const unsafe fn new() -> Self {
        Self {
            waiting: [const { AtomicUsize::new(0) }; CLASSES],
            taken: AtomicUsize::new(0),
            ragged: AtomicUsize::new(0),
            places: [const { Place { start: AtomicUsize::new(0), limit: AtomicUsize::new(0) } }; PLACES],
            // SAFETY: part of a record by the caller's promise; only boards of the same shelf follow.
            next: unsafe { AtomicRecord::empty() },
        }
    }

    fn range(&self, place: usize) -> Range<usize> {
        let Place { start, limit } = &self.places[place];
        start.load(Relaxed)..limit.load(Relaxed)
    }
}

/// One of the places of a shelf. Whoever has one knows where to look, and owns nothing.
#[derive(Clone, Copy)]
pub(in crate::code) struct Spot<'l> {
    board: Record<'l, Board>,
    place: usize,
}

impl<'l> Spot<'l> {
    fn bit(&self) -> usize {
        1 << self.place
    }

    /// Reads the place without owning it. The two ends may be of different tails: whoever takes it looks again.
    fn peek(&self) -> Range<usize> {
        self.board.range(self.place)
    }

    /// Says whether the tail there begins in the middle of a page. The place is the caller's, so nobody else changes its bit.
    fn set_ragged(&self, ragged: bool) {
        let board = self.board.get();
        if (board.ragged.load(Relaxed) & self.bit() != 0) != ragged {
            board.ragged.fetch_xor(self.bit(), Relaxed);
        }
    }

    /// The word that says whether a tail of this size waits there.
    fn waiting(&self, size: usize) -> &'l AtomicUsize {
        &self.board.get().waiting[align::class(size, LEAST, CLASSES)]
    }

    /// Takes what waits there among tails of this class, if something does.
    fn take(self, class: usize) -> Option<Held<'l>> {
        // Acquire: after all that was done to the bytes before they were left here.
        let before = self.board.waiting[class].fetch_and(!self.bit(), Acquire);
        (before & self.bit() != 0).then(|| Held { range: self.peek(), spot: self })
    }
}

/// A place that the holder of this owns, without a tail.
#[must_use = "a place that nobody leaves a tail at is lost"]
pub(in crate::code) struct Vacant<'l>(Spot<'l>);

impl<'l> Vacant<'l> {
    pub(in crate::code) fn spot(&self) -> Spot<'l> {
        self.0
    }

    /// The place with a tail.
    ///
    /// # Safety
    ///
    /// 1. The caller owns these bytes, and gives them up: they are claimed, committed, zero, nobody else's.
    /// 2. On the page where they begin, nobody writes in front of them.
    pub(in crate::code) unsafe fn fill(self, range: Range<usize>) -> Held<'l> {
        Held { spot: self.0, range }
    }
}

/// A tail that the holder of this owns, with its place. It is claimed, committed and zero, and nobody writes in front
/// of it on its first page.
#[must_use = "a tail that nobody leaves is lost"]
pub(in crate::code) struct Held<'l> {
    spot: Spot<'l>,
    range: Range<usize>,
}

impl<'l> Held<'l> {
    pub(in crate::code) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    pub(in crate::code) fn spot(&self) -> Spot<'l> {
        self.spot
    }

    /// Takes the bytes up to `end`, not above the limit, out of the tail: they are the caller's.
    pub(in crate::code) fn split_front(&mut self, end: usize) -> Range<usize> {
        debug_assert!(self.range.start <= end && end <= self.range.end);
        let front = self.range.start..end;
        self.range.start = end;
        front
    }

    /// Takes the bytes from `start` on, not below where it begins, out of the tail: they are the caller's.
    pub(in crate::code) fn split_back(&mut self, start: usize) -> Range<usize> {
        debug_assert!(self.range.start <= start && start <= self.range.end);
        let back = start..self.range.end;
        self.range.end = start;
        back
    }

    /// Adds bytes in front of the tail.
    ///
    /// # Safety
    ///
    /// As for [`Vacant::fill`], for the bytes from `start` to where the tail begins.
    pub(in crate::code) unsafe fn extend_front(&mut self, start: usize) {
        debug_assert!(start <= self.range.start);
        self.range.start = start;
    }

    /// Adds bytes behind the tail.
    ///
    /// # Safety
    ///
    /// The bytes from its limit to this one are the caller's own: claimed, committed, zero.
    pub(in crate::code) unsafe fn extend_back(&mut self, limit: usize) {
        debug_assert!(limit >= self.range.end);
        self.range.end = limit;
    }
}

/// All tails of one kind that wait.
pub(in crate::code) struct Shelf {
    first: AtomicRecord<Board>,
    /// A tail that lay at the edge of what is claimed when it was left: its board and its place. A hint, and two words that need not agree.
    edge: (AtomicRecord<Board>, AtomicUsize),
    /// Tails that wait, of each class, or more than that: while one is left or taken, and for ever where a thread vanished then. A class
    /// without any is not looked for.
    counts: [AtomicUsize; CLASSES],
    /// The board where a vacant place was found last. A hint: any board will do.
    recent: AtomicRecord<Board>,
    page: PageSize,
}

impl Shelf {
    /// # Safety
    ///
    /// The shelf becomes part of an arena, and every board that it is given is a record of that arena's ledger.
    pub(in crate::code) const unsafe fn new(page: PageSize) -> Self {
        // SAFETY: the caller's promise; only boards that the shelf was given are published there.
        unsafe {
            Self {
                first: AtomicRecord::empty(),
                edge: (AtomicRecord::empty(), AtomicUsize::new(0)),
                counts: [const { AtomicUsize::new(0) }; CLASSES],
                recent: AtomicRecord::empty(),
                page,
            }
        }
    }

    fn boards(&self) -> impl Iterator<Item = Record<'_, Board>> {
        Self::boards_from(self.first.get())
    }

    fn boards_from(first: Option<Record<'_, Board>>) -> impl Iterator<Item = Record<'_, Board>> {
        core::iter::successors(first, |board| board.get().next.get())
    }

    // ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes a free place; if all boards are full, on a new one that `make` makes, if it does.
    pub(in crate::code) fn vacancy<'l>(
        &'l self,
        make: impl FnOnce() -> Option<Record<'l, Board>>,
    ) -> Option<Vacant<'l>> {
        // From the board where one was found last, to pass over full ones. Then all, before a new one is made.
        let boards = Self::boards_from(self.recent.get()).chain(self.boards());
        if let Some(vacant) = { boards }.find_map(Self::vacant) {
            self.recent.set(vacant.0.board);
            return Some(vacant);
        }
        let board = make()?;
        let mut end = &self.first;
        while let Err(other) = end.set_if_empty(board) {
            end = &other.get().next;
        }
        Self::vacant(board).or_else(|| self.boards().find_map(Self::vacant))
    }

    fn vacant(board: Record<'_, Board>) -> Option<Vacant<'_>> {
        let mut taken = board.taken.load(Relaxed);
        loop {
            let place = (!taken).trailing_zeros() as usize;
            if place >= PLACES {
                return None;
            }
            // Acquire: after all that the place's last owner did there.
            taken = board.taken.fetch_or(1 << place, Acquire);
            if taken & 1 << place == 0 {
                return Some(Vacant(Spot { board, place }));
            }
        }
    }

    /// Leaves a tail to wait, of [`LEAST`] bytes at least.
    pub(in crate::code) fn leave(&self, held: Held<'_>) {
        let Held { spot, range } = held;
        let Place { start, limit } = &spot.board.get().places[spot.place];
        start.store(range.start, Relaxed);
        limit.store(range.end, Relaxed);
        spot.set_ragged(range.start != self.page.floor(range.start));
        // Before the bit is set, and counted out after it is cleared: nobody counts out what is not counted yet.
        self.counts[align::class(range.len(), LEAST, CLASSES)].fetch_add(1, Relaxed);
        // Release: whoever takes it does so after all that was done to its bytes, and finds what is said of it here.
        spot.waiting(range.len()).fetch_or(spot.bit(), Release);
    }

    /// Empties a place: what was there is the caller's.
    pub(in crate::code) fn vacate(&self, held: Held<'_>) -> Range<usize> {
        let Held { spot, range } = held;
        spot.set_ragged(false);
        // Release: what this owner read of the place was read before the next one, which acquires it, writes there. Loom tries no load that sees a
        // later store, so it cannot show the need for this.
        spot.board.taken.fetch_and(!spot.bit(), Release);
        range
    }

    // ── taking ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes a tail that `fits`. It looks among those of about `wish` bytes first, then among longer ones, then among shorter ones, down to about
    /// `size`.
    pub(in crate::code) fn take<'l>(
        &'l self,
        size: usize,
        wish: usize,
        fits: impl Fn(&Range<usize>) -> bool,
    ) -> Option<Held<'l>> {
        // Without a board, nothing was ever left.
        self.first.get()?;
        let class = |size| align::class(size, LEAST, CLASSES);
        let wished = class(wish.max(size));
        (wished..CLASSES).chain((class(size)..wished).rev()).find_map(|class| self.take_of(class, &fits))
    }

    fn take_of<'l>(&'l self, class: usize, fits: &impl Fn(&Range<usize>) -> bool) -> Option<Held<'l>> {
        self.spots_of(class).find_map(|spot| {
            let taken = if fits(&spot.peek()) { self.take_spot(spot, class) } else { None };
            taken.and_then(|held| self.ensure(held, fits))
        })
    }

    /// Returns `true` if any tail of a class waits.
    fn has(&self, class: usize) -> bool {
        self.counts[class].load(Relaxed) != 0
    }

    /// The first places where tails of a class wait.
    fn spots_of(&self, class: usize) -> impl Iterator<Item = Spot<'_>> {
        let boards = Self::boards_from(if self.has(class) { self.first.get() } else { None });
        boards.flat_map(move |board| Self::spots(board, board.get().waiting[class].load(Relaxed))).take(LOOKS)
    }

    /// Takes what waits at a spot, if it is of this class.
    fn take_spot<'l>(&self, spot: Spot<'l>, class: usize) -> Option<Held<'l>> {
        let held = spot.take(class)?;
        self.counts[class].fetch_sub(1, Relaxed);
        Some(held)
    }

    /// Takes the tail that waits at a spot, if there is one that `fits`.
    pub(in crate::code) fn take_at<'l>(
        &'l self,
        spot: Spot<'l>,
        fits: impl Fn(&Range<usize>) -> bool,
    ) -> Option<Held<'l>> {
        let range = spot.peek();
        if !fits(&range) {
            return None;
        }
        self.ensure(self.take_spot(spot, align::class(range.len(), LEAST, CLASSES))?, &fits)
    }

    /// Looks again, once the tail is held: it may be another one than when it was looked at.
    fn ensure<'l>(&self, held: Held<'l>, fits: &impl Fn(&Range<usize>) -> bool) -> Option<Held<'l>> {
        if fits(&held.range) {
            return Some(held);
        }
        self.leave(held);
        None
    }

    fn spots(board: Record<'_, Board>, bits: usize) -> impl Iterator<Item = Spot<'_>> {
        bits::ones(bits as u64).map(move |place| Spot { board, place })
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The tails that wait, with their places.
    pub(in crate::code) fn waiting(&self) -> impl Iterator<Item = (Spot<'_>, Range<usize>)> {
        self.boards().flat_map(|board| {
            let bits = board.get().waiting.iter().fold(0, |bits, waiting| bits | waiting.load(Relaxed));
            Self::spots(board, bits).map(|spot| (spot, spot.peek()))
        })
    }

    /// The places whose tail begins in the middle of a page, waiting or not.
    pub(in crate::code) fn ragged(&self) -> impl Iterator<Item = Spot<'_>> {
        self.boards().flat_map(|board| Self::spots(board, board.get().ragged.load(Relaxed)))
    }

    /// The places where tails wait of the class of `size` and of those below it, the shorter ones first. All from 2 MiB on are one class.
    pub(in crate::code) fn short(&self, size: usize) -> impl Iterator<Item = Spot<'_>> {
        (0..=align::class(size, LEAST, CLASSES)).filter(|&class| self.has(class)).flat_map(|class| self.spots_of(class))
    }

    /// Remembers that the tail there lies at the edge of what is claimed.
    pub(in crate::code) fn set_edge(&self, spot: Spot<'_>) {
        self.edge.1.store(spot.place, Relaxed);
        self.edge.0.set(spot.board);
    }

    /// Returns the place of a tail at the edge of what is claimed.
    pub(in crate::code) fn edge(&self) -> Option<Spot<'_>> {
        let board = self.edge.0.get()?;
        Some(Spot { board, place: self.edge.1.load(Relaxed) })
    }
}
