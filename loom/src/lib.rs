//! What threads share without a lock, tried in every order of threads and of memory (soundness S23).
//!
//! ```text
//!   src/code/watermark.rs    reserving runs              ─┐
//!   src/code/shelf.rs        leaving and taking tails     ├─ the library's own files, included here
//!   src/code/published.rs    publishing records           │
//!   src/pages/place.rs       keeping address space        │
//!   src/refs/atomic_slot.rs  swapping a function's code  ─┘
//!   src/sync.rs              the atomics  ──▶  here: loom's
//! ```
//!
//! What a protocol hands over (a run's bytes, a record, code) is a `Watched` cell: loom reports each access to it that nothing orders
//! before another. A weaker ordering in one of these files makes a test fail.
#![cfg(test)]
// What the models do not need.
#![allow(dead_code, unused_imports)]

// The library's minimum Rust has no `is_multiple_of`.
#[allow(clippy::manual_is_multiple_of)]
#[path = "../../src/layout.rs"]
mod layout;
mod sync;

mod code {
    #[path = "../../../src/code/published.rs"]
    mod published;
    #[path = "../../../src/code/watermark.rs"]
    mod watermark;

    #[path = "../../../src/code/shelf.rs"]
    mod shelf;

    mod publishing;
    mod reserving;
    mod sharing;
    mod waiting;

    /// The library's promise, as far as a slot needs it.
    pub(crate) trait Permanent: Send + Sync + Sized {}
}

mod pages {
    #[path = "../../../src/pages/place.rs"]
    mod place;

    mod keeping;
}

mod refs {
    #[path = "../../../src/refs/atomic_slot.rs"]
    mod atomic_slot;

    mod swapping;
}

/// Memory that is handed from thread to thread.
pub(crate) struct Watched(loom::cell::UnsafeCell<u32>);

// SAFETY: loom checks each access.
unsafe impl Sync for Watched {}
// SAFETY: as above.
unsafe impl Send for Watched {}

impl code::Permanent for Watched {}

impl Watched {
    /// In memory that outlives the model, as the arena does its loaders.
    pub(crate) fn new() -> &'static Self {
        Box::leak(Box::new(Self(loom::cell::UnsafeCell::new(0))))
    }

    pub(crate) fn write(&self, value: u32) {
        // SAFETY: loom checks that nobody else reads or writes.
        self.0.with_mut(|cell| unsafe { cell.write(value) });
    }

    pub(crate) fn read(&self) -> u32 {
        // SAFETY: loom checks that nobody else writes.
        self.0.with(|cell| unsafe { cell.read() })
    }
}
