//! How often something ran, up to a threshold.

use bytemuck::Zeroable;
use core::cell::Cell;

/// A counter that says once when a threshold is reached: when to compile, to quicken, to promote.
///
/// ```
/// use permacode::CallCounter;
///
/// let calls: CallCounter = bytemuck::Zeroable::zeroed();
/// let hot: Vec<bool> = (0..5).map(|_| calls.hit(3)).collect();
/// assert_eq!(hot, [false, false, true, false, false]);
/// assert_eq!(calls.count(), 5);
/// ```
#[derive(Debug, Default)]
pub struct CallCounter(Cell<u32>);

// SAFETY: zeros are a count of zero.
unsafe impl Zeroable for CallCounter {}

impl CallCounter {
    /// Counts one more; whether that makes `threshold`. A count that would overflow stays where it is. Costs a load, an addition and a
    /// store.
    #[inline]
    pub fn hit(&self, threshold: u32) -> bool {
        let before = self.0.get();
        self.0.set(before.saturating_add(1));
        before != u32::MAX && before + 1 == threshold
    }

    /// How often it was counted.
    #[inline]
    pub fn count(&self) -> u32 {
        self.0.get()
    }

    /// Begins again at zero.
    pub fn clear(&self) {
        self.0.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_reached_once_even_at_the_end_of_the_count() {
        let counter = CallCounter(Cell::new(u32::MAX - 2));
        let reached: Vec<bool> = (0..4).map(|_| counter.hit(u32::MAX)).collect();
        assert_eq!(reached, [false, true, false, false]);
    }
}
