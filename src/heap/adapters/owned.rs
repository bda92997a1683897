//! The pages of a global heap: another source's, each covered by bits for other threads before it can hold an object.

use super::remote::Remote;
use crate::error::PageError;
use crate::pages::{PageSource, Source, Step};
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// The pages of a source, and [`Remote`] bits for them.
pub(in crate::heap) struct Owned {
    source: UnsafeCell<Source>,
    /// Address of the first object, once there is one.
    base: AtomicUsize,
    /// The bits; null before there are any.
    remote: AtomicPtr<Remote>,
}

impl Owned {
    pub(in crate::heap) const fn new() -> Self {
        Self {
            source: UnsafeCell::new(Source::Default),
            base: AtomicUsize::new(0),
            remote: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Takes pages from this source from now on.
    ///
    /// # Safety
    ///
    /// No heap has pages from here, and no other thread makes one.
    pub(in crate::heap) unsafe fn take_from(&self, source: Source) {
        // SAFETY: the caller's promise: nobody has a reference to it.
        unsafe { *self.source.get() = source };
    }

    fn pages(&self) -> &dyn PageSource {
        // SAFETY: it changes only while there is no heap, so while nobody calls.
        unsafe { &*self.source.get() }.pages()
    }

    /// Covers what is committed from now on.
    ///
    /// # Safety
    ///
    /// The bits stay where they are. They are for the heap whose pages come from here.
    pub(in crate::heap) unsafe fn cover_with(&self, remote: NonNull<Remote>, base: usize) {
        self.base.store(base, Relaxed);
        self.remote.store(remote.as_ptr(), Release);
    }
}

// SAFETY: the source changes only while one thread makes the heap, before any other can know of it; the rest are atomics.
unsafe impl Sync for Owned {}

// SAFETY: all that touches pages is another source's. A commit that is refused for want of bits has committed nothing.
unsafe impl PageSource for Owned {
    fn page_size(&self) -> usize {
        self.pages().page_size()
    }

    fn protects(&self) -> bool {
        self.pages().protects()
    }

    fn reservation_is_free(&self) -> bool {
        self.pages().reservation_is_free()
    }

    fn room(&self) -> Option<usize> {
        self.pages().room()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        self.pages().reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        if step == Step::Commit {
            // SAFETY: null, or bits that stay where they are.
            if let Some(remote) = unsafe { self.remote.load(Acquire).as_ref() } {
                // Bookkeeping lies before the objects.
                let end = (at.addr().get() + bytes).checked_sub(self.base.load(Relaxed));
                remote.cover(end.unwrap_or(0))?;
            }
        }
        // SAFETY: the caller's contract.
        unsafe { self.pages().apply(step, at, bytes) }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.pages().resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.pages().release(at, bytes) }
    }
}
