//! What threads share without a lock, tried in every order of threads and of memory (soundness S23).
//!
//! ```text
//!   src/code/store/watermark.rs  reserving runs              ─┐
//!   src/code/store/shelf.rs      leaving and taking tails     ├─ the library's own files, included here
//!   src/code/store/record.rs     publishing records           │
//!   src/code/store/berth.rs      leaving site numbers         │
//!   src/pages/pool_slot.rs       keeping address space        │
//!   src/handles/atomic_slot.rs   swapping a function's code   │
//!   src/handles/shared/gate.rs   replacing what is counted   ─┘
//!   src/base/atomics.rs          the atomics  ──▶  here: loom's
//! ```
//!
//! What a protocol hands over (a run's bytes, a record, code) is a `Watched` cell: loom reports each access to it that nothing orders
//! before another. A weaker ordering in one of these files makes a test fail. Of the gate that is tested too: `build.rs` makes weaker
//! copies of it, and each must fail.
#![cfg(test)]
// What the models do not need.
#![allow(dead_code, unused_imports)]

extern crate alloc;

mod base {
    // The library's minimum Rust has no `is_multiple_of`.
    #[allow(clippy::manual_is_multiple_of)]
    #[path = "../../../src/base/align.rs"]
    pub(crate) mod align;
    pub(crate) mod atomics;
    #[path = "../../../src/base/bits.rs"]
    pub(crate) mod bits;
    #[path = "../../../src/base/page.rs"]
    pub(crate) mod page;
    #[path = "../../../src/base/page_range.rs"]
    pub(crate) mod page_range;
}

mod code {
    #[path = "../../../src/code/store/berth.rs"]
    mod berth;
    #[path = "../../../src/code/store/record.rs"]
    mod record;
    #[path = "../../../src/code/store/watermark.rs"]
    mod watermark;

    #[path = "../../../src/code/store/shelf.rs"]
    mod shelf;

    mod leaving;
    mod publishing;
    mod reserving;
    mod sharing;
    mod waiting;

    /// The library's promise, as far as a slot needs it.
    pub(crate) trait Permanent: Send + Sync + Sized {}
}

mod pages {
    #[path = "../../../src/pages/pool_slot.rs"]
    mod pool_slot;

    mod keeping;
}

mod handles {
    #[path = "../../../src/handles/atomic_slot.rs"]
    mod atomic_slot;
    #[path = "../../../src/handles/shared/gate.rs"]
    mod gate;

    mod gating;
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

    /// With this in it.
    pub(crate) fn of(value: u32) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
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
