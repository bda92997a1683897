//! Free objects at hand: one stack for each class, filled from slabs and emptied into them in batches.
//!
//! ```text
//!   exchange     batches of objects, between bits and magazines
//!   magazine     free objects of one class
//! ```

mod exchange;
mod magazine;

pub(in crate::heap) use magazine::Magazine;
