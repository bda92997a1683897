//! Sums over all finished modules.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Sums over modules, added up as they close.
#[derive(Default)]
pub(in crate::code) struct Counters {
    pub(in crate::code) used: AtomicUsize,
    pub(in crate::code) gaps: AtomicUsize,
    pub(in crate::code) lost: AtomicUsize,
    pub(in crate::code) pages: AtomicUsize,
    pub(in crate::code) modules: AtomicUsize,
}

impl Counters {
    /// Counts a module in, of `filled` bytes on `pages` pages that no module before it counted; `gaps` and `lost` of the bytes are no
    /// block's.
    pub(in crate::code) fn add(&self, filled: usize, gaps: usize, lost: usize, pages: usize) {
        self.used.fetch_add(filled - gaps - lost, Relaxed);
        self.gaps.fetch_add(gaps, Relaxed);
        self.lost.fetch_add(lost, Relaxed);
        self.pages.fetch_add(pages, Relaxed);
        self.modules.fetch_add(1, Relaxed);
    }
}
