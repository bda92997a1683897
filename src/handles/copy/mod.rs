//! A deep copy of what a block of a region leads to.
//!
//! ```text
//!   deep_copy          the copy itself, made by a loader
//!   graph              all blocks that a block leads to
//! ```

mod deep_copy;
mod graph;

pub(in crate::handles) use deep_copy::deep_copy;
pub(in crate::handles) use graph::Graph;
