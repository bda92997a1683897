//! A value that found no room, with the reason.

use crate::error::Error;
use core::fmt;

/// A value that was not taken, and why: nothing is lost when there is no memory.
///
/// The calls that take a value and may be refused return it. Free something or collect, and try again with the same value. `?` turns it into its
/// [`Error`], and drops the value.
///
/// ```
/// use permacode::kit::Growth;
/// use permacode::{Error, HeapArena, allocator_api2::vec::Vec};
///
/// let heap = HeapArena::builder().limit(64 << 10).build()?;
/// let mut names: Vec<String, _> = Vec::new_in(&heap);
/// let refused = loop {
///     if let Err(refused) = names.try_push(format!("name {}", names.len())) {
///         break refused;
///     }
/// };
/// assert!(matches!(refused.error, Error::Limit { .. }) && refused.value == format!("name {}", names.len()));
/// names.truncate(10);
/// names.try_push(refused.value)?; // the same string
/// # Ok::<(), Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `T` and in `E`.
#[must_use = "the value was not taken"]
pub struct Refused<T, E = Error> {
    /// The value, as it was given.
    pub value: T,
    /// The reason why it was not taken.
    pub error: E,
}

impl<T> From<Refused<T>> for Error {
    fn from(refused: Refused<T>) -> Self {
        refused.error
    }
}

// Of any value, so that `unwrap` and `expect` work without `T: Debug`.
impl<T, E: fmt::Debug> fmt::Debug for Refused<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T, E: fmt::Display> fmt::Display for Refused<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T, E: core::error::Error> core::error::Error for Refused<T, E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
