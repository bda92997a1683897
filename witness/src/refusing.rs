//! The system's allocator, which a thread can have refuse.

use std::alloc::System;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;

/// An allocator to be the `#[global_allocator]` of a test.
#[derive(Debug)]
pub struct Refusing;

thread_local! {
    /// How many more requests of this thread are met.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn refuses() -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    left == 0
}

// SAFETY: the system's allocator, or no memory.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if refuses() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Does something with memory for so many requests: who asks for more and does not expect a refusal ends the program.
pub fn after<R>(requests: usize, body: impl FnOnce() -> R) -> R {
    LEFT.set(requests);
    let result = body();
    LEFT.set(usize::MAX);
    result
}
