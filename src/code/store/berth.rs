//! A place where one owner leaves a value for the next.
//!
//! ```text
//!   new ─▶ TAKEN ──leave──▶ WAITS ──take──▶ TAKEN        the value moves out with `take` and in with `leave`
//! ```
//!
//! * Whoever made a berth, or took what waits in it, alone writes to it until it is left.
//! * A step is one compare-exchange, or one store by that owner: nobody waits (invariant 5). If the owner vanishes, the berth stays taken.

use crate::base::atomics::AtomicUsize;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::panic::RefUnwindSafe;
use core::sync::atomic::Ordering::*;

/// The value is somebody's, and not here.
const TAKEN: usize = 0;
/// The value is here, and nobody's.
const WAITS: usize = 1;

/// A place for a value between two owners. Dropping it drops no value: see [`take`](Self::take).
pub(in crate::code) struct Berth<T> {
    state: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: a value goes from one thread to another, and only its owner reaches it.
unsafe impl<T: Send> Sync for Berth<T> {}

// A value moves in or out as a whole.
impl<T> RefUnwindSafe for Berth<T> {}

impl<T> Berth<T> {
    /// Makes a berth that is the caller's.
    pub(in crate::code) fn taken() -> Self {
        Self { state: AtomicUsize::new(TAKEN), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Takes the value that waits here. The berth is the caller's then.
    pub(in crate::code) fn take(&self) -> Option<T> {
        // Acquire, paired with the release of whoever left it: its bytes were written before.
        self.state.compare_exchange(WAITS, TAKEN, Acquire, Relaxed).ok()?;
        // SAFETY: 1. It waited, so it was written. 2. The exchange made it the caller's alone, once.
        Some(unsafe { (*self.value.get()).assume_init_read() })
    }

    /// Leaves a value for whoever takes it next.
    ///
    /// # Safety
    ///
    /// The berth is the caller's, who leaves it now.
    pub(in crate::code) unsafe fn leave(&self, value: T) {
        // SAFETY: the caller's promise: nobody else reads or writes there, and what was there was taken.
        unsafe { (*self.value.get()).write(value) };
        self.state.store(WAITS, Release);
    }
}
