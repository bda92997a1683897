//! What threads share without a lock, tried in every order of threads and of memory (soundness S23).
//!
//! ```text
//!   src/code/store/watermark.rs  reserving runs              ─┐
//!   src/code/store/shelf.rs      leaving and taking tails     ├─ the library's own files, included here
//!   src/code/store/record.rs     publishing records           │
//!   src/code/store/berth.rs      leaving site numbers         │
//!   src/code/store/post.rs       looking at what may go       │
//!   src/code/arena/share.rs      counting who owns memory     │
//!   src/code/arena/edges.rs      keeping other arenas         │
//!   src/pages/pool_slot.rs       keeping address space        │
//!   src/handles/atomic_slot.rs   swapping a function's code   │
//!   src/handles/shared/site_boards.rs   lending site numbers  │
//!   src/handles/shared/gate.rs   replacing what is counted   ─┘
//!   src/base/atomics.rs          the atomics  ──▶  here: loom's
//! ```
//!
//! What a protocol hands over (a run's bytes, a record, code) is a `Watched` cell: loom reports each access to it that nothing orders
//! before another. A weaker ordering in one of these files makes a test fail. Of what code is counted with that is tested too: `build.rs` makes
//! weaker copies of these four files, and of the post, and each must fail.
#![cfg(test)]
// What the models do not need.
#![allow(dead_code, unused_imports)]

extern crate alloc;

mod copies;

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
    #[path = "../../../src/code/value/birth.rs"]
    mod birth;
    #[path = "../../../src/code/store/record.rs"]
    mod record;
    #[path = "../../../src/code/store/watermark.rs"]
    mod watermark;

    #[path = "../../../src/code/store/shelf.rs"]
    mod shelf;

    mod counting;
    mod holding;
    mod leaving;
    mod looking;
    mod publishing;
    mod reserving;
    mod sharing;
    mod waiting;

    /// The library's promise, as far as a slot needs it.
    pub(crate) trait Permanent: Send + Sync + Sized {}

    /// The library's pool, as far as boards need it.
    pub(crate) struct SitePool;

    impl SitePool {
        pub(crate) const LEAST: usize = 16;
        pub(crate) const LENGTHS: usize = 1;
    }

    /// The numbers of an arena: a counter whose order is of no account.
    pub(crate) struct SiteCounter(core::sync::atomic::AtomicU32);

    impl SiteCounter {
        pub(crate) fn new() -> Self {
            Self(core::sync::atomic::AtomicU32::new(0))
        }

        pub(crate) fn number(&self, count: usize) -> Result<u32, crate::error::Error> {
            Ok(self.0.fetch_add(count as u32, core::sync::atomic::Ordering::Relaxed))
        }
    }
}

mod pages {
    #[path = "../../../src/pages/pool_slot.rs"]
    mod pool_slot;

    mod keeping;
}

/// The library's failures, as far as they occur.
mod error {
    #[derive(Debug)]
    pub(crate) enum Error {
        OtherArena,
        Younger,
        Sites { asked: usize, left: usize },
    }
}

mod handles {
    #[path = "../../../src/handles/atomic_slot.rs"]
    mod atomic_slot;

    /// Where memory comes from.
    mod region {
        use crate::error::Error;

        /// What is used once by whoever makes it, before others find it.
        pub(super) trait Made {
            fn made(&self);
        }

        pub(super) fn boxed<T: Made>(value: T) -> Result<Box<T>, Error> {
            let boxed = Box::new(value);
            boxed.made();
            Ok(boxed)
        }
    }

    mod gating;
    mod lending;
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
