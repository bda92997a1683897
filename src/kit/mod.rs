//! A kit for interpreter authors: pointers to objects, a collector that finds them, and when to run it.
//!
//! | | |
//! | --- | --- |
//! | [`Gc`](crate::Gc) | a pointer to an object of a heap: one word, `Copy` |
//! | [`Collect`] | the types that a collector can look into; derive it |
//! | [`Marker`] | visits what your roots lead to |
//! | [`HeapArena::collect`](crate::HeapArena::collect), [`Transients::collect`](crate::Transients::collect) | frees all other objects |
//! | [`Pacer`] | says when that is due |
//! | [`Engine`](crate::Engine), [`Machine`] | an interpreter as one value: its arenas, and the machine that borrows them |
//!
//! The chapter [a collector](crate::guide::collector) puts them together.
//   engine over machine                           arenas and a machine as one value
//   cycle · pacer                                 a collection from its roots to its sweep; when the next one is due
//   core_types · collections · crate_types        who can be looked into: core's types, buffers in the heap, this crate's handles
//   gc                                            a pointer to an object
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
mod machine;
mod marker;
mod pacer;

pub use collect::Collect;
pub use machine::Machine;
pub use marker::Marker;
pub use pacer::Pacer;
#[cfg(feature = "derive")]
pub use permacode_derive::Collect;
