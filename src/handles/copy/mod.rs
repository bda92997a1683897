//! A deep copy of what a block of a region leads to.
//!
//! ```text
//!   deep_copy          the copy itself, made by a loader
//!   graph · pieces     all blocks that a block leads to; the pieces of a region in order
//! ```

mod deep_copy;
mod graph;
mod pieces;

pub(in crate::handles) use deep_copy::deep_copy;
pub(in crate::handles) use graph::Graph;
pub(in crate::handles) use pieces::Pieces;
