//! A heap that all threads share, one at a time.

#![allow(clippy::disallowed_types, reason = "a heap is one thread's; tests have many, so a lock passes it on")]

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use permacode::HeapArena;
use std::sync::{Mutex, PoisonError};

std::thread_local! {
    /// Tells that this thread is in a heap's call.
    static HOLDING: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a thread is in a heap's call, until it is dropped.
pub(crate) struct Holding(());

impl Holding {
    fn begin() -> Self {
        HOLDING.set(true);
        Self(())
    }

    /// Returns `true` on a thread that is in a heap's call. If it asks for memory now, that is to say what went wrong there.
    #[cfg(feature = "global")]
    pub(crate) fn here() -> bool {
        HOLDING.get()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        HOLDING.set(false);
    }
}

/// A heap behind a lock, made when it is first used.
pub struct Locked {
    heap: Mutex<Option<HeapArena>>,
    allocations: AtomicUsize,
    kind: &'static str,
}

impl Locked {
    /// Makes one whose lines in the report have this kind.
    pub const fn new(kind: &'static str) -> Self {
        Self { heap: Mutex::new(None), allocations: AtomicUsize::new(0), kind }
    }

    /// Calls `with` with the heap, which no other thread uses meanwhile; `None` if there can be no heap.
    pub fn with<T>(&self, with: impl FnOnce(&HeapArena) -> T) -> Option<T> {
        // A check of the heap's that panics fails its test; the others go on.
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let _holding = Holding::begin();
        if heap.is_none() {
            *heap = Some(HeapArena::new().ok()?);
        }
        heap.as_ref().map(with)
    }

    /// Counts an allocation. Returns `true` for the first.
    pub fn count(&self) -> bool {
        self.allocations.fetch_add(1, Relaxed) == 0
    }

    /// Appends what is left to the report.
    pub fn report(&self) {
        self.with(|heap| crate::report::append(self.kind, self.allocations.load(Relaxed), heap));
    }
}
