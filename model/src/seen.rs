//! [`Seen`]: values that were read, for readers of graphs with cycles.

use std::collections::HashSet;

/// Where values lie that were read, how many they are, and their size.
#[derive(Debug, Default)]
pub struct Seen(HashSet<(usize, usize, usize)>);

impl Seen {
    /// Returns `true` the first time that it is asked of these values.
    pub fn is_new<T>(&mut self, values: &[T]) -> bool {
        self.0.insert((values.as_ptr().addr(), values.len(), size_of::<T>()))
    }
}
