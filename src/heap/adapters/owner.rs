//! The allocator that a thread owns.
//!
//! ```text
//!   no owner ── a claim ──▶ away ── it succeeds ──▶ owner ◀─ the call ends ─┐
//!     ▲── it fails, panics ──┘                        └── a call of its source ──▶ away
//! ```
//!
//! * A thread that is away owns nothing and can claim nothing. It is served by the system, and what it frees of a heap's waits in bits, as if
//!   another thread had freed it.
//! * So a page source may allocate, free and resize while the heap that calls it is half changed. The fast path asks as before whether the
//!   thread is the owner, and nothing else.

use core::cell::Cell;
use core::ptr;

thread_local! {
    /// The allocator that this thread owns, by its address.
    static OWNED: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// An address that no allocator has: an allocator is aligned.
const AWAY: *const () = ptr::without_provenance(1);

/// Returns the allocator that this thread owns. Null if it may claim one; no allocator's address while it is away.
#[inline(always)]
pub(super) fn owned() -> *const () {
    OWNED.get()
}

/// A stretch of code during which the calling thread is away. It ends by a drop, so by unwinding too.
pub(super) struct Away {
    /// The allocator that the thread owns afterwards.
    then: *const (),
}

impl Away {
    pub(super) fn begin() -> Self {
        Self { then: OWNED.replace(AWAY) }
    }

    /// Lets the thread own an allocator as soon as it is back.
    pub(super) fn comes_back_as_owner(&mut self, allocator: *const ()) {
        self.then = allocator;
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        OWNED.set(self.then);
    }
}
