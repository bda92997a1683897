//! The heap arena: objects that change, on pages that never hold code.
//!
//! ```text
//!   adapters                    who uses a heap: collections, counted pointers, a whole program, C
//!   collect                     what is done to all objects at once: walk, trim, fence
//!   ─────────────────────────────
//!   builder                     what is chosen before there is a heap
//!   stats · lookup              what can be asked (checks, misuse: what debug builds check; audit: what tests do)
//!   resize · guests             realloc: in its class, where it lies, by a move, or as it is
//!   arena · step                a heap: alloc, free, and the fast path; a look at what could go back
//!   ─────────────────────────────
//!   cache                       free objects at hand
//!   slabs                       who has which 64 KiB
//! ```
//!
//! A file imports from those below it. What `checks` and `collect` need of slabs they add to `Slabs` themselves, beside their use.
//!
//! Everything here keeps two rules. Object pages are written to by the program alone, in release builds: no header, no link, no mark lies
//! there. A heap is one thread's, so nothing here is atomic but what `global` and `registry` share.

mod adapters;
mod arena;
#[cfg(feature = "testing")]
mod audit;
mod builder;
mod cache;
#[cfg(debug_assertions)]
mod checks;
mod collect;
mod guests;
mod lookup;
#[cfg(debug_assertions)]
mod misuse;
mod resize;
mod slabs;
mod stats;
mod step;

pub use adapters::{GlobalHeap, HeapRc, Registration};
pub use arena::HeapArena;
pub use builder::HeapArenaBuilder;
pub use collect::SweepReport;
pub use slabs::Decay;
pub use stats::{ClassStats, HeapStats};

pub(crate) use adapters::{c_layout, find, or_null};
