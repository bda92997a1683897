//! The allocator that hashbrown gets in place of its default one.

use crate::locked::Locked;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;

static HEAP: Locked = Locked::new("allocator");

extern "C" fn report() {
    HEAP.report();
}

/// One heap for all threads, by way of the crate's own `Allocator` for `&HeapArena`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnHeap;

impl OnHeap {
    fn allocated(
        with: impl FnOnce(&&permacode::HeapArena) -> Result<NonNull<[u8]>, AllocError>,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if HEAP.count() {
            // SAFETY: a function that lasts and takes nothing.
            unsafe { libc::atexit(report) };
        }
        HEAP.with(|heap| with(&heap)).unwrap_or(Err(AllocError))
    }
}

// SAFETY: the heap is a static's, so objects live until they are freed, and every `OnHeap` is the same allocator. One thread at a time uses
// it, behind a lock.
unsafe impl Allocator for OnHeap {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Self::allocated(|heap| heap.allocate(layout))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Self::allocated(|heap| heap.allocate_zeroed(layout))
    }

    unsafe fn deallocate(&self, object: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        HEAP.with(|heap| unsafe { heap.deallocate(object, layout) });
    }

    unsafe fn grow(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        Self::allocated(|heap| unsafe { heap.grow(object, old, new) })
    }

    unsafe fn grow_zeroed(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        Self::allocated(|heap| unsafe { heap.grow_zeroed(object, old, new) })
    }

    unsafe fn shrink(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        Self::allocated(|heap| unsafe { heap.shrink(object, old, new) })
    }
}
