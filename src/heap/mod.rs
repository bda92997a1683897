//! The heap arena's further types: builder, a program's allocator, a register for C.
//!
//! | | |
//! | --- | --- |
//! | [`HeapArenaBuilder`], [`Decay`] | chooses the reservation, a limit, huge pages, when memory goes back to the system |
//! | [`GlobalHeap`] | a heap as a program's `#[global_allocator]` |
//! | [`HeapWeak`] | a weak pointer to a counted value |
//! | [`Registration`] | a heap that C finds by the address of an object |
//! | [`Refused`] | a value that found no room, and why |
//! | [`SweepReport`] | what a sweep freed |
//   adapters                    who uses a heap: collections, counted pointers, a whole program, C
//   collect                     what is done to all objects at once: walk, trim, fence
//   ─────────────────────────────
//   builder                     what is chosen before there is a heap
//   stats · lookup              what can be asked (checks, misuse: what debug builds check; unchecked: release builds; audit: what tests do)
//   resize · guests             realloc: in its class, where it lies, by a move, or as it is
//   arena · refill · step       a heap: alloc, free, and the fast path; a magazine that is empty or full; a look at what could go back
//   ─────────────────────────────
//   cache                       free objects at hand
//   slabs                       who has which 64 KiB
//
// A file imports types from those below it only. What `checks` and `collect` alone need of slabs they add to `Slabs` themselves.
//
// Everything here keeps two rules. Object pages are written to by the program alone, in release builds: no header, no link, no mark lies
// there. A heap is one thread's, so nothing here is atomic but what `global` and `registry` share.

pub(crate) mod adapters;
pub(crate) mod arena;
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
mod refill;
mod resize;
mod slabs;
pub(crate) mod stats;
mod step;
#[cfg(not(debug_assertions))]
mod unchecked;

#[cfg(feature = "std")]
pub use adapters::GlobalHeap;
pub use adapters::{HeapWeak, Refused, Registration};
pub use builder::HeapArenaBuilder;
pub use collect::SweepReport;
pub use slabs::Decay;

#[cfg(feature = "hashbrown")]
pub(crate) use adapters::room::make_room;
pub(crate) use adapters::room::{layout_of, room};
pub(crate) use adapters::versions::versions;
pub(crate) use adapters::{HeapString, c_layout, find, or_null};
pub(crate) use arena::HeapArena;
