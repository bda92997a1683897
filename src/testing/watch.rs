//! The watching source's knowledge of pages, and what it lets happen to them.
//!
//! ```text
//!   no access ──commit──▶ committed ──seal──▶ sealed            legal; everything else is a violation
//!        ▲                    │
//!        └──── decommit ──────┘
//! ```

use super::pages::Pages;
use super::reservations::Reserved;
use crate::error::{PageCall, PageError};
use crate::pages::{PageSource, Step};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// `ENOMEM` on every Unix: what the system says when it has no memory or no mappings left.
const NO_MEMORY: i32 = 12;

const NO_ACCESS: u8 = 0;
const COMMITTED: u8 = 1;
const SEALED: u8 = 2;
/// A failed seal may have reached it: it may be read-only.
const PERHAPS_SEALED: u8 = 3;
/// Another call that failed half-way may have reached it.
const UNKNOWN: u8 = 4;

impl Pages {
    /// The states of the pages in a range; a violation where there are none.
    fn states(&self, at: NonNull<u8>, bytes: usize) -> &[AtomicU8] {
        let (page, at) = (self.page_size(), at.addr().get());
        let whole = at % page == 0 && bytes % page == 0 && bytes != 0;
        self.reservations
            .iter()
            .filter(|reserved| whole && reserved.live.load(SeqCst) && reserved.base <= at)
            .find_map(|reserved| reserved.states.get((at - reserved.base) / page..(at - reserved.base + bytes) / page))
            .unwrap_or_else(|| self.violation())
    }

    fn violation(&self) -> &[AtomicU8] {
        self.violations.fetch_add(1, SeqCst);
        &[]
    }

    /// Makes a call on a range: checked against `legal`, failed on demand, written down as `after`.
    fn call(
        &self,
        call: PageCall,
        (at, bytes): (NonNull<u8>, usize),
        legal: impl Fn(u8) -> bool,
        after: impl Fn(u8) -> u8,
        forward: impl FnOnce(usize) -> Result<(), PageError>,
    ) -> Result<(), PageError> {
        let states = self.states(at, bytes);
        if !states.iter().all(|state| legal(state.load(SeqCst))) {
            self.violation();
        }
        let fails = self.fails(call);
        let pages = match fails {
            true if self.fails_halfway() && call != PageCall::MapFile => bytes / self.page_size() / 2,
            true => 0,
            false => bytes / self.page_size(),
        };
        if pages != 0 {
            forward(pages * self.page_size())?;
        }
        let unknown = if matches!(call, PageCall::Seal | PageCall::SealExecutable) { PERHAPS_SEALED } else { UNKNOWN };
        for (index, state) in states.iter().enumerate() {
            let now = state.load(SeqCst);
            state.store(
                if index < pages {
                    after(now)
                } else if fails && pages != 0 && after(now) != now {
                    unknown
                } else {
                    now
                },
                SeqCst,
            );
        }
        if fails { Err(PageError { call, bytes, code: NO_MEMORY }) } else { Ok(()) }
    }

    /// Returns the bytes to reserve of the source for `bytes`, so that a badly aligned part can be handed out.
    fn reserved(&self, bytes: usize) -> usize {
        if self.unaligned { bytes.saturating_add(2 * self.page_size()) } else { bytes }
    }

    /// Reserves by a call of the source, unless that call is to fail.
    fn reserve_by(
        &self,
        bytes: usize,
        reserve: impl FnOnce(usize) -> Result<NonNull<u8>, PageError>,
    ) -> Result<NonNull<u8>, PageError> {
        if self.fails(PageCall::Reserve) {
            return Err(PageError { call: PageCall::Reserve, bytes, code: NO_MEMORY });
        }
        let (base, page) = (reserve(self.reserved(bytes))?, self.page_size());
        let skipped = match base.addr().get() % (2 * page) {
            _ if !self.unaligned => 0,
            0 => page,
            _ => 2 * page,
        };
        // SAFETY: as many more pages were reserved than asked for.
        let base = unsafe { base.add(skipped) };
        let states = (0..bytes / page).map(|_| AtomicU8::new(NO_ACCESS)).collect();
        self.reservations.add(base, skipped, states);
        Ok(base)
    }
}

// SAFETY: the source watched keeps the contract, and every call is forwarded as it is, or not at all and then reported as failed. An
// unaligned reservation is a part of a larger one. Nothing here locks.
unsafe impl PageSource for Pages {
    fn page_size(&self) -> usize {
        self.source.page_size()
    }

    fn protects(&self) -> bool {
        self.source.protects()
    }

    fn reservation_is_free(&self) -> bool {
        self.source.reservation_is_free()
    }

    fn room(&self) -> Option<usize> {
        self.source.room()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        self.reserve_by(bytes, |bytes| self.source.reserve(bytes))
    }

    fn reserve_near(&self, bytes: usize, wish: usize) -> Result<NonNull<u8>, PageError> {
        self.reserve_by(bytes, |bytes| self.source.reserve_near(bytes, wish))
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        let legal = |state| match step {
            Step::Commit | Step::Plain | Step::Decommit => !matches!(state, SEALED | PERHAPS_SEALED),
            Step::MapFile { .. } => state == NO_ACCESS,
            Step::Seal | Step::SealExecutable => state != NO_ACCESS,
            Step::Replace { .. } | Step::Fix | Step::Huge { sealed: true } => state == SEALED,
            Step::Populate | Step::Discard | Step::Huge { sealed: false } => state == COMMITTED,
        };
        let after = |state| match step {
            Step::Commit => COMMITTED,
            Step::Seal | Step::SealExecutable | Step::MapFile { .. } => SEALED,
            Step::Decommit => NO_ACCESS,
            _ => state,
        };
        // SAFETY: the caller's contract, on the range or its beginning.
        self.call(step.call(), (at, bytes), legal, after, |bytes| unsafe { self.source.apply(step, at, bytes) })
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.source.resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        let whole = |reserved: &&Reserved| {
            reserved.base == at.addr().get() && reserved.states.len() * self.page_size() == bytes
        };
        let ended = self.reservations.iter().filter(whole).find(|reserved| reserved.live.swap(false, SeqCst));
        let Some(reserved) = ended else {
            self.violation();
            return Err(PageError { call: PageCall::Release, bytes, code: 0 });
        };
        // SAFETY: `reserve` skipped as much from the base of the larger reservation.
        let base = unsafe { at.sub(reserved.skipped) };
        // SAFETY: the caller's contract, on the larger reservation where there is one.
        unsafe { self.source.release(base, self.reserved(bytes)) }
    }
}
