//! Free objects at hand: one stack for each class, filled from slabs and emptied into them by the hundred.
//!
//! ```text
//!   exchange     objects by the hundred between bits and magazines
//!   magazine     free objects of one class
//! ```

mod exchange;
mod magazine;

pub(in crate::heap) use magazine::Magazine;
