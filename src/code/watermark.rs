//! How much of the code pages is claimed: one number that many threads move.
//!
//! ```text
//!   0 ├ claimed ┼ claimed ┼ claimed ┤┄┄┄┄ free ┄┄┄┄┄┤
//!                              watermark
//! ```
//!
//! Claims do not overlap, because each moves the watermark from where it begins to where it ends, in one step. The latest may be given
//! back; who claims these bytes next does so after all that was done to them. `loom/` tries both.

use crate::sync::AtomicUsize;
use core::ops::Range;
use core::sync::atomic::Ordering::*;

pub(super) struct Watermark(AtomicUsize);

impl Watermark {
    /// Nothing is claimed.
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Claims what lies behind the watermark: as many bytes as `length` answers for where they begin.
    pub(super) fn claim<E>(&self, length: impl Fn(usize) -> Result<usize, E>) -> Result<Range<usize>, E> {
        let mut start = self.get();
        loop {
            let end = start + length(start)?;
            // Acquire: bytes that another loader gave back are claimed after what it did to them.
            match self.0.compare_exchange_weak(start, end, Acquire, Relaxed) {
                Ok(_) => return Ok(start..end),
                Err(now) => start = now,
            }
        }
    }

    /// Claims `length` bytes behind `limit`, unless the watermark lies elsewhere.
    pub(super) fn extend(&self, limit: usize, length: usize) -> Option<Range<usize>> {
        let end = limit + length;
        // Acquire: as in `claim`.
        self.0.compare_exchange(limit, end, Acquire, Relaxed).is_ok().then_some(limit..end)
    }

    /// Gives a claim back, if nobody claimed behind it; whether that was so.
    pub(super) fn give_back(&self, claimed: &Range<usize>) -> bool {
        // Release: pairs with the acquire of whoever claims these bytes next.
        self.0.compare_exchange(claimed.end, claimed.start, Release, Relaxed).is_ok()
    }
}
