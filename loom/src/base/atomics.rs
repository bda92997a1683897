//! Loom's atomics under the names of `src/base/atomics.rs`. They can be made in a `const`, which loom's cannot: each is made when it is first used,
//! so a model uses it once before it starts a thread.
// The rule is the library's; here the lock is taken by the one system thread that loom runs a model on.
#![allow(clippy::disallowed_types)]

use core::sync::atomic::Ordering;
use std::sync::OnceLock;

pub(crate) struct AtomicUsize {
    first: usize,
    model: OnceLock<loom::sync::atomic::AtomicUsize>,
}

impl AtomicUsize {
    pub(crate) const fn new(first: usize) -> Self {
        Self { first, model: OnceLock::new() }
    }

    fn model(&self) -> &loom::sync::atomic::AtomicUsize {
        self.model.get_or_init(|| loom::sync::atomic::AtomicUsize::new(self.first))
    }

    pub(crate) fn load(&self, order: Ordering) -> usize {
        self.model().load(order)
    }

    pub(crate) fn store(&self, value: usize, order: Ordering) {
        self.model().store(value, order);
    }

    pub(crate) fn fetch_min(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_min(value, order)
    }

    pub(crate) fn fetch_max(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_max(value, order)
    }

    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_add(value, order)
    }

    pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_sub(value, order)
    }

    pub(crate) fn fetch_or(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_or(value, order)
    }

    pub(crate) fn fetch_xor(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_xor(value, order)
    }

    pub(crate) fn fetch_and(&self, value: usize, order: Ordering) -> usize {
        self.model().fetch_and(value, order)
    }

    pub(crate) fn compare_exchange(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        self.model().compare_exchange(current, new, success, failure)
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        self.model().compare_exchange_weak(current, new, success, failure)
    }
}

pub(crate) struct AtomicPtr<T> {
    first: *mut T,
    model: OnceLock<loom::sync::atomic::AtomicPtr<T>>,
}

// SAFETY: as an atomic pointer; the first value is only read.
unsafe impl<T> Send for AtomicPtr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(first: *mut T) -> Self {
        Self { first, model: OnceLock::new() }
    }

    fn model(&self) -> &loom::sync::atomic::AtomicPtr<T> {
        self.model.get_or_init(|| loom::sync::atomic::AtomicPtr::new(self.first))
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.model().load(order)
    }

    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.model().store(value, order);
    }

    pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
        self.model().swap(value, order)
    }

    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.model().compare_exchange(current, new, success, failure)
    }

    /// It never fails for nothing: that would be as if another thread came between.
    pub(crate) fn compare_exchange_weak(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.compare_exchange(current, new, success, failure)
    }
}
