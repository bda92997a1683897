//! The order in which arenas are made.
//!
//! ```text
//!   arenas    0 ── 1 ── 2 ── 3 ──▶ time        an arena keeps only those to the left of it, so no two keep each other
//! ```
//!
//! The count is the one thing that arenas share. It is one atomic number and no state of an arena's. Nothing is read from it but the next
//! number, and no number is given twice, save the last one.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An arena's place in the order in which arenas are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth(usize);

impl Birth {
    /// Returns the place of an arena that is made now. All that come when no number is left have the last one, and none of them is before
    /// another.
    pub(in crate::code) fn now() -> Self {
        static BIRTHS: AtomicUsize = AtomicUsize::new(0);
        let number = BIRTHS.fetch_update(Relaxed, Relaxed, |births| births.checked_add(1));
        Self(number.unwrap_or_else(|last| last))
    }

    /// Returns `true` for an arena that was made before the other one.
    pub(in crate::code) fn is_before(self, other: Self) -> bool {
        self.0 < other.0
    }

    /// The low bits of the number.
    pub(super) fn low_bits(self) -> u16 {
        self.0 as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_arenas_one_is_before_the_other_and_of_those_with_the_last_number_none() {
        let (one, other) = (Birth::now(), Birth::now());
        assert!(one.is_before(other) && !other.is_before(one) && !one.is_before(one));
        let last = Birth(usize::MAX);
        assert!(other.is_before(last) && !last.is_before(last));
    }
}
