//! Parts of an [`Error`]: the system's refusals, and links that cannot be set. And errors with the [place](ErrorAt) that they come from.
//!
//! Every failure is a value that says what was asked for and why it was refused. Bad input and refusals of the system are
//! errors, and neither panics nor aborts. After an `Err` nothing is lost and the arena works on. Debug builds also check
//! frees and resizes of a heap: a wrong one is a broken contract, and panics.
// Invariant 6. Where the library aborts is told in SECURITY.md.

pub(crate) mod arena_error;
mod error_at;
mod link_error;
mod page_error;

pub(crate) use arena_error::Error;
pub use error_at::{ErrorAt, ModuleName, Place};
pub use link_error::LinkError;
pub use page_error::{PageCall, PageError};
