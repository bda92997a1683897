//! A global heap's calls: which of them are the owner's heap's, and which the system's.
//!
//! Each object goes back to where it came from, as its address tells. A fault that a debug build finds ends the process
//! here, on any thread: see `misuse.rs`.

use super::global::GlobalHeap;
use super::unwind::contained;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use std::alloc::System;

impl GlobalHeap {
    /// Moves an object of the owner's to the system.
    ///
    /// # Safety
    ///
    /// As for `GlobalAlloc::realloc`.
    #[cold]
    unsafe fn move_to_system(&self, object: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; both are objects of at least the size that is copied, and the old one is given up after.
        unsafe {
            let moved = System.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(object, old.size().min(new.size()));
                self.dealloc(object, old);
            }
            moved
        }
    }

    /// Returns an object that the owner allocated or resized. Debug builds note its layout, for the checks of other threads.
    #[inline(always)]
    fn handed_out(&self, object: NonNull<u8>, layout: Layout) -> *mut u8 {
        #[cfg(debug_assertions)]
        if let (Some(heap), Some(offset)) = (self.mine(), self.offset(object.as_ptr())) {
            let usable = heap.usable_size(object.as_ptr()).unwrap_or(0);
            // SAFETY: an offset in the heap.
            unsafe { self.remote() }.note(offset, usable, layout);
        }
        let _ = layout;
        object.as_ptr()
    }

    /// Checks, in debug builds, an object at an offset in the heap that any thread frees or resizes.
    #[inline(always)]
    fn check(&self, object: *mut u8, offset: usize, layout: Layout, done: &'static str) {
        #[cfg(debug_assertions)]
        if let Some(object) = NonNull::new(object) {
            // SAFETY: an offset in the heap.
            unsafe { self.remote() }.check(object, offset, layout, done);
        }
        let _ = (object, offset, layout, done);
    }
}

// SAFETY: each object comes from the owner's heap or from the system, and goes back to where it came from, as its address tells. Nothing
// unwinds: what could is `contained`.
unsafe impl GlobalAlloc for GlobalHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        contained(|| match self.collected().map(|heap| heap.alloc(layout)) {
            Some(Ok(object)) => self.handed_out(object, layout),
            // SAFETY: the caller's promise.
            Some(Err(_)) | None => unsafe { System.alloc(layout) },
        })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        contained(|| match self.collected().map(|heap| heap.alloc_zeroed(layout)) {
            Some(Ok(object)) => self.handed_out(object, layout),
            // SAFETY: the caller's promise.
            Some(Err(_)) | None => unsafe { System.alloc_zeroed(layout) },
        })
    }

    #[inline]
    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        contained(|| match (self.offset(object), self.mine()) {
            (Some(offset), Some(heap)) => {
                self.check(object, offset, layout, "freed");
                // Its place is handed out again with the pointer that came back, not with one made of the heap's own: to the compiler a
                // global allocator's objects are allocations of their own, which no other pointer may reach (yvt/rlsf#20).
                // SAFETY: the caller's promise; the object is the owner's, which this thread is, so its address is not null.
                unsafe { heap.free_as_given(NonNull::new_unchecked(object), layout) }
            }
            (Some(offset), ..) => {
                self.check(object, offset, layout, "freed");
                // SAFETY: the caller's promise; the object is the owner's.
                unsafe { self.free_remotely(offset) }
            }
            // SAFETY: the caller's promise; the object came from the system.
            (None, ..) => unsafe { System.dealloc(object, layout) },
        })
    }

    #[inline]
    unsafe fn realloc(&self, object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        contained(|| {
            let moved = match (self.offset(object), NonNull::new(object)) {
                (Some(offset), Some(object)) => {
                    self.check(object.as_ptr(), offset, layout, "resized");
                    // SAFETY: the caller's promise; the object is the owner's, which this thread is.
                    self.collected().and_then(|heap| unsafe { heap.realloc_as_given(object, layout, new) }.ok())
                }
                // SAFETY: the caller's promise; the object came from the system.
                _ => return unsafe { System.realloc(object, layout, size) },
            };
            match moved {
                Some(object) => self.handed_out(object, new),
                // SAFETY: the caller's promise: what this thread may not resize, or finds no room for, it copies.
                None => unsafe { self.move_to_system(object, layout, new) },
            }
        })
    }
}
