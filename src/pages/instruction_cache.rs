//! Telling the processor that bytes it may have seen as data are instructions.

use core::ptr::NonNull;

/// Makes the instruction cache see what was written to memory.
///
/// # Safety
///
/// The range is mapped and readable.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(super) unsafe fn flush(_at: NonNull<u8>, _bytes: usize) {
    // The hardware keeps them coherent; a jump there, which is a serialising event after a system call, is all it takes.
}

/// Makes the instruction cache see what was written to memory.
///
/// # Safety
///
/// The range is mapped and readable.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
pub(super) unsafe fn flush(at: NonNull<u8>, bytes: usize) {
    unsafe extern "C" {
        /// Of the compiler's run-time library, which every platform's C toolchain has: libgcc or compiler-rt.
        fn __clear_cache(start: *mut core::ffi::c_void, end: *mut core::ffi::c_void);
    }
    // SAFETY: the caller's promise; the end is one past the range.
    unsafe { __clear_cache(at.as_ptr().cast(), at.as_ptr().add(bytes).cast()) };
}
