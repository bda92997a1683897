//! A stray store to sealed code says whose it was, and the process goes on as it would have: feature `fault-report`.
//!
//! Each body runs in a process of its own, since the handler of a signal is the process's. What it says is read from its standard error.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu", not(miri), not(permacode_ordinary_pages)))]

mod alone;
mod chained;
mod drops;
mod elsewhere;
mod images;
mod lines;
mod same_end;
mod stack;

use permacode::CodeArena;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Code that is sealed in an arena that reports: the arena, and the address of the second word of a module.
pub(crate) fn sealed(name: &str) -> (CodeArena, usize) {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    arena.report_faults().unwrap();
    arena.load("before").unwrap().alloc_str("code of 16 bytes").unwrap();
    let module = arena.load(name).unwrap();
    let block = module.alloc_slice_copy(&[1u64, 2, 3]).unwrap();
    let address = std::ptr::from_ref(&block[1]).addr();
    module.seal().unwrap();
    (arena, address)
}

/// Stores a byte to an address.
pub(crate) fn store(address: usize) {
    // SAFETY: none: the stray store that this is about. The kernel stops it, or the test fails.
    unsafe { std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(0xAA) };
}

/// Stores a byte in a forked process, with the handlers that this one has. Returns the signal that it died of.
pub(crate) fn store_in_child(address: usize) -> i32 {
    let mut status = 0;
    // SAFETY: the child does one store, and returns to nobody.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            store(address);
            libc::_exit(0);
        }
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
    }
    libc::WTERMSIG(status)
}

/// An allocator that ends the process, with a code of its own, if a thread calls it that must not.
struct Forbidding;

std::thread_local! {
    /// Of a thread, because the harness has another one.
    pub(crate) static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: the system's allocator.
unsafe impl GlobalAlloc for Forbidding {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if FORBIDDEN.get() {
            // SAFETY: ends the process.
            unsafe { libc::_exit(77) };
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if FORBIDDEN.get() {
            // SAFETY: ends the process.
            unsafe { libc::_exit(78) };
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Forbidding = Forbidding;
