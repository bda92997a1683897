//! Sums over all finished modules: loaders add as they close, statistics read.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The sums. Each is exact by itself; together they are exact when nobody loads, so relaxed additions do.
#[derive(Default)]
pub(in crate::code) struct Counters {
    pub(in crate::code) used: AtomicUsize,
    pub(in crate::code) gaps: AtomicUsize,
    pub(in crate::code) lost: AtomicUsize,
    pub(in crate::code) pages: AtomicUsize,
    pub(in crate::code) modules: AtomicUsize,
}

impl Counters {
    /// Adds a module of `filled` bytes. `gaps` and `lost` of these are no block's, so both together are at most `filled`. `pages` are
    /// those that no module before it counted.
    pub(in crate::code) fn add(&self, filled: usize, gaps: usize, lost: usize, pages: usize) {
        self.used.fetch_add(filled - gaps - lost, Relaxed);
        self.gaps.fetch_add(gaps, Relaxed);
        self.lost.fetch_add(lost, Relaxed);
        self.pages.fetch_add(pages, Relaxed);
        self.modules.fetch_add(1, Relaxed);
    }
}
