//! The heap of a Lua in C: one for the process, made when the first state is. See `lua/on_heap.h`.

use core::cell::OnceCell;
use core::ffi::{c_int, c_void};
use core::ptr;
use permacode::HeapArena;

/// A Lua's state, which C alone looks into.
#[repr(C)]
struct State([u8; 0]);

unsafe extern "C-unwind" {
    fn lua_close(state: *mut State);
}

std::thread_local! {
    /// Lua's thread has the heap; it lasts until the process ends.
    static HEAP: OnceCell<&'static HeapArena> = const { OnceCell::new() };
}

extern "C" fn report() {
    if let Ok(Some(heap)) = HEAP.try_with(|heap| heap.get().copied()) {
        crate::report::append("ended", 0, heap);
    }
}

/// Returns the heap for the functions for C, or null if there can be none.
#[unsafe(no_mangle)]
extern "C" fn suites_heap() -> *mut c_void {
    HEAP.with(|cell| {
        if cell.get().is_none() {
            let Ok(heap) = HeapArena::new() else { return ptr::null_mut() };
            let _ = cell.set(Box::leak(Box::new(heap)));
            // SAFETY: a function that lasts and takes nothing.
            let _: c_int = unsafe { libc::atexit(report) };
        }
        cell.get().map_or(ptr::null_mut(), |heap| ptr::from_ref(*heap).cast_mut().cast())
    })
}

/// Closes a state and reports what its heap still has.
///
/// # Safety
///
/// As for `lua_close`.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn suites_close(state: *mut State) {
    // SAFETY: the caller's promise.
    unsafe { lua_close(state) };
    HEAP.with(|heap| {
        if let Some(heap) = heap.get() {
            crate::report::append("closed", 0, heap);
        }
    });
}
