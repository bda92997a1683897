//! A kit for interpreter authors: pointers to objects, a collector that finds them, and when to run it.
//!
//! | | |
//! | --- | --- |
//! | [`Gc`](crate::Gc) | a pointer to an object of a heap: one word, `Copy` |
//! | [`Collect`] | the types that a collector can look into; derive it |
//! | [`Marker`] | visits what your roots lead to |
//! | [`HeapArena::collect`](crate::HeapArena::collect), [`Transients::collect`](crate::Transients::collect) | frees all other objects |
//! | [`Pacer`] | says when that is due |
//! | [`Tracked`] | an allocator for a hash table, which a collector then finds |
//! | [`Growth`] | `try_push`, `try_extend` and their kin: an error where `push` aborts, and the value [comes back](Refused) |
//! | [`HeapString`](crate::HeapString) | text that grows in a heap |
//! | [`Engine`](crate::Engine), [`Machine`] | an interpreter as one value: its arenas, and the machine that borrows them |
//!
//! The chapter [a collector](crate::guide::collector) puts them together.
//   engine over machine                           arenas and a machine as one value
//   cycle · pacer                                 a collection from its roots to its sweep; when the next one is due
//   growth                                        room in collections, or an error
//   tables                                        hashbrown's tables, for both
//   core_types · collections · crate_types        who can be looked into: core's types, buffers in the heap, this crate's handles
//   gc · tracked                                  a pointer to an object; an allocator that knows a collection's buffers
//   collect                                       the trait
//   marker · grey                                 what was found and not looked into yet

mod collect;
mod collections;
mod core_types;
mod crate_types;
mod cycle;
pub(crate) mod engine;
pub(crate) mod gc;
mod grey;
mod growth;
mod machine;
mod marker;
mod pacer;
#[cfg(feature = "hashbrown")]
mod tables;
mod tracked;

pub use crate::heap::Refused;
pub use collect::Collect;
pub use growth::{Growth, Rest, Unfinished};
pub use machine::Machine;
pub use marker::Marker;
pub use pacer::Pacer;
#[cfg(feature = "derive")]
pub use permacode_derive::Collect;
pub use tracked::Tracked;
