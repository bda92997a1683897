//! A place for one reservation of a pool, and its owner.
//!
//! ```text
//!                 ┌─────── take ───────┐
//!                 ▼                    │
//!   VACANT ─▶ BUSY ─▶ LIVE ─▶ BUSY ─▶ SPARE
//!      ▲       │  made   stop  │ renewed
//!      └───────┘               └ stays so where that was refused: nobody's for ever
//! ```
//!
//! * Base and length are set once, before the place is first LIVE: whoever sees it LIVE or SPARE reads them as they are.
//! * Whoever made a place BUSY, or has its LIVE reservation, alone changes it. Each step is one compare-exchange, or one store by that owner:
//!   nobody waits (invariant 5).

use crate::base::atomics::{AtomicPtr, AtomicUsize};
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

/// No reservation has it.
const VACANT: usize = 0;
/// Somebody is about to reserve for it, or to give back what it was; or gave up.
const BUSY: usize = 1;
/// Somebody uses its reservation.
const LIVE: usize = 2;
/// Its reservation is nobody's, without access and contents.
const SPARE: usize = 3;

pub(super) struct PoolSlot {
    state: AtomicUsize,
    base: AtomicPtr<u8>,
    len: AtomicUsize,
    /// Addresses: what was made accessible since it is LIVE lies from the first to the second.
    used: [AtomicUsize; 2],
}

impl PoolSlot {
    pub(super) const fn vacant() -> Self {
        Self {
            state: AtomicUsize::new(VACANT),
            base: AtomicPtr::new(ptr::null_mut()),
            len: AtomicUsize::new(0),
            used: [AtomicUsize::new(usize::MAX), AtomicUsize::new(0)],
        }
    }

    fn becomes(&self, from: usize, to: usize) -> bool {
        // Acquire: what the last owner did is done. Nothing that `made` or `renewed` released is lost, because an exchange goes on from it.
        self.state.compare_exchange(from, to, Acquire, Relaxed).is_ok()
    }

    /// Takes a vacant place; the caller says what it [`made`](Self::made).
    pub(super) fn claim(&self) -> bool {
        self.becomes(VACANT, BUSY)
    }

    /// Notes the reservation that the caller, who claimed this place, uses from here on. Nothing leaves it vacant.
    pub(super) fn made(&self, reservation: Option<(NonNull<u8>, usize)>) {
        if let Some((base, len)) = reservation {
            self.base.store(base.as_ptr(), Relaxed);
            self.len.store(len, Relaxed);
        }
        self.state.store(if reservation.is_some() { LIVE } else { VACANT }, Release);
    }

    /// The spare, if it is of this length: the caller's from here on.
    pub(super) fn take(&self, len: usize) -> Option<NonNull<u8>> {
        // A length that is not seen yet is 0, which no reservation has.
        let fits = self.state.load(Relaxed) == SPARE && self.len.load(Relaxed) == len;
        if fits && self.becomes(SPARE, LIVE) { NonNull::new(self.base.load(Relaxed)) } else { None }
    }

    /// The spare, if it is of this length and lies at this address: the caller's from here on.
    pub(super) fn take_at(&self, len: usize, address: usize) -> Option<NonNull<u8>> {
        // Acquire: whoever sees it spare sees where it lies. A place keeps its base, so what is taken then is what was looked at.
        let fits = self.state.load(Acquire) == SPARE && self.base.load(Relaxed).addr() == address;
        if fits { self.take(len) } else { None }
    }

    /// The length of the spare, if there is one.
    pub(super) fn spare(&self) -> Option<usize> {
        // Acquire: whoever sees it spare sees its length.
        (self.state.load(Acquire) == SPARE).then(|| self.len.load(Relaxed))
    }

    /// Whatever spare there is, with its length.
    pub(super) fn take_any(&self) -> Option<(NonNull<u8>, usize)> {
        let len = self.len.load(Relaxed);
        self.take(len).map(|base| (base, len))
    }

    /// Returns `true` if an address lies in a reservation that somebody uses.
    pub(super) fn holds(&self, at: NonNull<u8>) -> bool {
        self.state.load(Acquire) == LIVE
            && at.addr().get().wrapping_sub(self.base.load(Relaxed).addr()) < self.len.load(Relaxed)
    }

    /// Notes what a user of the reservation is about to make accessible.
    pub(super) fn note_use(&self, at: NonNull<u8>, bytes: usize) {
        self.used[0].fetch_min(at.addr().get(), Relaxed);
        self.used[1].fetch_max(at.addr().get() + bytes, Relaxed);
    }

    /// Nobody uses the reservation any more, says its last user: what it was accessible in, as offsets. The caller maps that anew and says
    /// so, or leaves the place as it is.
    pub(super) fn stop(&self) -> Range<usize> {
        // First: a refusal may leave a hole, and what somebody else is given there is not this place's.
        self.state.store(BUSY, Relaxed);
        let base = self.base.load(Relaxed).addr();
        let [start, end] = [&self.used[0], &self.used[1]].map(|bound| bound.load(Relaxed));
        if start < end { start - base..end - base } else { 0..0 }
    }

    /// The caller, who [stopped](Self::stop) this place, has mapped its reservation anew.
    pub(super) fn renewed(&self) {
        self.used[0].store(usize::MAX, Relaxed);
        self.used[1].store(0, Relaxed);
        self.state.store(SPARE, Release);
    }
}
