//! The pages of a global heap: another source's, each covered by bits for other threads before it can hold an object.
//!
//! ```text
//!   ├ bookkeeping ┼ objects ▶ no access ┄┄┄┄┄┼ more bookkeeping ┤     the heap's reservation
//!                 ├ covered ▶ ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤                        the bits'
//! ```
//!
//! * A commit of objects makes their bits writable first. A commit of bookkeeping makes no bits writable.
//! * While the source is called, the calling thread is [`Away`]: the source may use the global allocator, which is this heap.

use super::owner::Away;
use super::remote::Remote;
use crate::error::PageError;
use crate::pages::{PageSource, Source, Step};
use core::cell::UnsafeCell;
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// The pages of a source, and [`Remote`] bits for them.
pub(in crate::heap) struct CoveredPages {
    source: UnsafeCell<Source>,
    /// Address of the first object, once there is one.
    base: AtomicUsize,
    /// The bits; null before there are any.
    remote: AtomicPtr<Remote>,
}

impl CoveredPages {
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
        let before = mem::replace(unsafe { &mut *self.source.get() }, source);
        // Its destructor is a program's, so it runs when the other is in place.
        drop(before);
    }

    /// Calls the source, while the thread is away.
    fn call<R>(&self, call: impl FnOnce(&dyn PageSource) -> R) -> R {
        let _away = Away::begin();
        // SAFETY: it changes only while there is no heap, so while nobody calls.
        call(unsafe { &*self.source.get() }.pages())
    }

    /// Covers what is committed from now on.
    ///
    /// # Safety
    ///
    /// The bits stay where they are. They are for the heap whose pages come from here, and whose first object is at `base`.
    pub(in crate::heap) unsafe fn cover_with(&self, remote: NonNull<Remote>, base: usize) {
        self.base.store(base, Relaxed);
        self.remote.store(remote.as_ptr(), Release);
    }

    /// Makes the bits writable of the objects in a range, if there are any.
    fn cover(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: null, or bits that stay where they are.
        let Some(remote) = (unsafe { self.remote.load(Acquire).as_ref() }) else { return Ok(()) };
        let base = self.base.load(Relaxed);
        let (start, all) = (at.addr().get(), base + remote.covers());
        let end = (start + bytes).min(all);
        if start.max(base) < end { remote.cover(end - base) } else { Ok(()) }
    }
}

// SAFETY: the source changes only while one thread makes the heap, before any other can know of it; the rest are atomics.
unsafe impl Sync for CoveredPages {}

// SAFETY: all that touches pages is another source's. A commit that is refused for want of bits has committed nothing.
unsafe impl PageSource for CoveredPages {
    fn page_size(&self) -> usize {
        self.call(|pages| pages.page_size())
    }

    fn protects(&self) -> bool {
        self.call(|pages| pages.protects())
    }

    fn reservation_is_free(&self) -> bool {
        self.call(|pages| pages.reservation_is_free())
    }

    fn room(&self) -> Option<usize> {
        self.call(|pages| pages.room())
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        self.call(|pages| pages.reserve(bytes))
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        self.call(|pages| {
            if step == Step::Commit {
                self.cover(at, bytes)?;
            }
            // SAFETY: the caller's contract.
            unsafe { pages.apply(step, at, bytes) }
        })
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        self.call(|pages| unsafe { pages.resident(at, bytes) })
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        self.call(|pages| unsafe { pages.release(at, bytes) })
    }
}
