//! A counter of runs, up to a threshold.

use bytemuck::Zeroable;
use core::cell::Cell;

/// A counter that says once when a threshold is reached: when to compile, to quicken, to promote.
///
/// Four bytes, for one thread: an entry of a [`SideTable`](crate::SideTable) beside a function or a loop.
///
/// ```
/// use permacode::side::CallCounter;
///
/// let calls: CallCounter = permacode::side::Zeroable::zeroed();
/// let hot: Vec<bool> = (0..5).map(|_| calls.hit(3)).collect();
/// assert_eq!(hot, [false, false, true, false, false]);
/// assert_eq!(calls.count(), 5);
/// ```
#[derive(Debug, Default)]
pub struct CallCounter(Cell<u32>);

// SAFETY: zeros are a count of zero.
unsafe impl Zeroable for CallCounter {}

impl CallCounter {
    /// Increments the counter. Returns `true` when it reaches `threshold`. A count that would overflow stays at
    /// 4,294,967,295, and a threshold of zero is never reached. Costs a load, an addition, a comparison and a store.
    ///
    /// ```
    /// # use permacode::side::CallCounter;
    /// let calls = CallCounter::default();
    /// let quicken_at = 2;
    /// let mut quickened = 0;
    /// (0..1000).for_each(|_| quickened += u32::from(calls.hit(quicken_at)));
    /// assert_eq!(quickened, 1); // once, however often it runs
    /// assert!(!calls.hit(0));
    /// ```
    #[inline]
    pub fn hit(&self, threshold: u32) -> bool {
        let before = self.0.get();
        self.0.set(before.saturating_add(1));
        before != u32::MAX && before + 1 == threshold
    }

    /// Returns the count since it began. Costs a load.
    ///
    /// ```
    /// # use permacode::side::CallCounter;
    /// let calls = [3, 7].map(|times| {
    ///     let calls = CallCounter::default();
    ///     (0..times).for_each(|_| _ = calls.hit(5));
    ///     calls
    /// });
    /// assert_eq!(calls.iter().map(CallCounter::count).max(), Some(7)); // the hottest
    /// ```
    #[inline]
    pub fn count(&self) -> u32 {
        self.0.get()
    }

    /// Begins again at zero. Costs a store.
    ///
    /// ```
    /// # use permacode::side::CallCounter;
    /// let calls = CallCounter::default();
    /// assert!(calls.hit(1));
    /// calls.clear();
    /// assert_eq!(calls.count(), 0);
    /// assert!(calls.hit(1)); // a second time
    /// ```
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
