//! Slabs of 64 KiB: what is known of each, which are free, who has them. It knows no heap.
//!
//! ```text
//!   spans                 slabs in a row, for large objects
//!   chunks · returns      where slabs are taken from; what gives their memory back
//!   slabs · vacant · open  the reservation; slabs that nobody has; the newest of each class
//!   decay                 when memory goes back, and what is learned about a program
//!   plan                  the parts of the reservation
//!   slab · sets · far     what is known of a slab; sets of slabs; where it is told of slabs behind the first GiB
//!   bitmaps               a bit for each object of a slab
//!   classes               sizes, pure arithmetic
//! ```

pub(in crate::heap) mod bitmaps;
mod chunks;
pub(in crate::heap) mod classes;
mod decay;
mod far;
mod open;
mod plan;
mod returns;
mod sets;
mod slab;
mod slabs;
mod spans;
mod vacant;

pub use decay::Decay;

pub(in crate::heap) use bitmaps::{BITS, WORDS};
pub(in crate::heap) use classes::{CLASSES, Class, GRAIN, LARGEST, SLAB, SMALL, TABLE};
pub(in crate::heap) use decay::{CALLS, Clock, DecayState};
pub(in crate::heap) use plan::{BITMAPS, FIRST_ENTRIES, GROWN, HeapPlan, MOST_ENTRIES};
pub(in crate::heap) use slab::{Flag, Slab, SlabUse, SpanSize};
pub(in crate::heap) use slabs::{SlabOptions, Slabs};
pub(in crate::heap) use vacant::{DIRTY, HELD, LARGE, VACANT};
#[cfg(feature = "testing")]
pub(in crate::heap) use {slab::GRAINS, vacant::ADVISED};
