//! The pages of a global heap: the default source's, each covered by bits for other threads before it can hold an object.

use super::remote::Remote;
use crate::error::PageError;
use crate::pages::{DefaultPages, PageSource};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// What the default source gives, and [`Remote`] bits for it.
pub(super) struct Owned {
    /// Address of the first object, once there is one.
    base: AtomicUsize,
    /// The bits; null before there are any.
    remote: AtomicPtr<Remote>,
}

impl Owned {
    pub(super) const fn new() -> Self {
        Self { base: AtomicUsize::new(0), remote: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Covers what is committed from now on.
    ///
    /// # Safety
    ///
    /// The bits stay where they are. They are for the heap whose pages come from here.
    pub(super) unsafe fn cover_with(&self, remote: NonNull<Remote>, base: usize) {
        self.base.store(base, Relaxed);
        self.remote.store(remote.as_ptr(), Release);
    }
}

// SAFETY: all that touches pages is the default source's. A commit that is refused for want of bits has committed nothing.
unsafe impl PageSource for Owned {
    fn page_size(&self) -> usize {
        DefaultPages {}.page_size()
    }

    fn protects(&self) -> bool {
        DefaultPages {}.protects()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        DefaultPages {}.reserve(bytes)
    }

    unsafe fn commit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: null, or bits that stay where they are.
        if let Some(remote) = unsafe { self.remote.load(Acquire).as_ref() } {
            // Bookkeeping lies before the objects.
            let end = (at.addr().get() + bytes).checked_sub(self.base.load(Relaxed));
            remote.cover(end.unwrap_or(0))?;
        }
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.commit(at, bytes) }
    }

    unsafe fn populate(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.populate(at, bytes) }
    }

    unsafe fn seal(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.seal(at, bytes) }
    }

    unsafe fn huge(&self, at: NonNull<u8>, bytes: usize, sealed: bool) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.huge(at, bytes, sealed) }
    }

    unsafe fn decommit(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.decommit(at, bytes) }
    }

    unsafe fn discard(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.discard(at, bytes) }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { DefaultPages {}.release(at, bytes) }
    }
}
