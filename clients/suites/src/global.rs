//! A heap behind a lock as the global allocator of a Rust program.

use crate::locked::{Holding, Locked};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use permacode::HeapArena;
use std::alloc::System;

#[global_allocator]
static GLOBAL: Locked = Locked::new("global");

extern "C" fn report() {
    GLOBAL.report();
}

impl Locked {
    /// Calls `with` with the heap. What unwinds out of it ends the process, as a global allocator must not unwind.
    fn serve(&self, with: impl FnOnce(&HeapArena) -> Option<NonNull<u8>>) -> *mut u8 {
        struct Abort;
        impl Drop for Abort {
            fn drop(&mut self) {
                std::process::abort();
            }
        }
        let abort = Abort;
        let object = self.with(with).flatten();
        core::mem::forget(abort);
        object.map_or(ptr::null_mut(), NonNull::as_ptr)
    }
}

// SAFETY: each object comes from the heap, or from the system where a thread was in a heap's call, and goes back to where its address says.
// The heap lasts as long as the process, and one thread at a time uses it. Nothing unwinds (`serve`).
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Holding::here() {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        if self.count() {
            // SAFETY: a function that lasts and takes nothing.
            unsafe { libc::atexit(report) };
        }
        self.serve(|heap| heap.alloc(layout).ok())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Holding::here() {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        self.count();
        self.serve(|heap| heap.alloc_zeroed(layout).ok())
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        if Holding::here() {
            return; // The process is about to say what went wrong, and this is left.
        }
        self.serve(|heap| {
            match NonNull::new(object) {
                // SAFETY: the caller's promise, of an object of the heap's.
                Some(live) if heap.contains(object) => unsafe { heap.free(live, layout) },
                // SAFETY: the caller's promise, of an object of the system's.
                _ => unsafe { System.dealloc(object, layout) },
            }
            None
        });
    }

    unsafe fn realloc(&self, object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        if Holding::here() {
            // SAFETY: the caller's promise; both are objects of at least the size that is copied. The old one is left.
            return unsafe {
                let copy = System.alloc(new);
                if !copy.is_null() {
                    copy.copy_from_nonoverlapping(object, size.min(layout.size()));
                }
                copy
            };
        }
        self.count();
        self.serve(|heap| match NonNull::new(object) {
            // SAFETY: the caller's promise, of an object of the heap's.
            Some(live) if heap.contains(object) => unsafe { heap.realloc(live, layout, new) }.ok(),
            // SAFETY: the caller's promise, of an object of the system's.
            _ => NonNull::new(unsafe { System.realloc(object, layout, size) }),
        })
    }
}
