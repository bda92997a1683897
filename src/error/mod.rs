//! Parts of an [`Error`]: the system's refusals, and links that cannot be set.
//!
//! Every failure is a value that says what was asked for and why it was refused. No call of the crate panics, prints or
//! aborts, neither on bad input nor if the system refuses. After an `Err` nothing is lost and the arena works on.
// Invariant 6. The one exception is told in `pages/memory_file.rs`.

pub(crate) mod arena_error;
mod link_error;
mod page_error;

pub(crate) use arena_error::Error;
pub use link_error::LinkError;
pub use page_error::{PageCall, PageError};
