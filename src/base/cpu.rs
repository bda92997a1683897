//! Hints for the processor: memory will be written soon, or bytes that it may have seen as data are instructions.

#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
use core::ptr::NonNull;

/// Asks for the cache line at `address`, which need not be mapped. Does nothing where there is no such instruction.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint: as far as the program can tell it reads nothing, and it cannot fault, whatever the address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_ET0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Makes the instruction cache see what was written to memory.
///
/// # Safety
///
/// The range is mapped and readable.
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages), any(target_arch = "x86", target_arch = "x86_64")))]
pub(crate) unsafe fn flush_instructions(_at: NonNull<u8>, _bytes: usize) {
    // The hardware keeps them coherent; a jump there, which is a serialising event after a system call, is all it takes.
}

/// Makes the instruction cache see what was written to memory.
///
/// # Safety
///
/// The range is mapped and readable.
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages), not(any(target_arch = "x86", target_arch = "x86_64"))))]
pub(crate) unsafe fn flush_instructions(at: NonNull<u8>, bytes: usize) {
    unsafe extern "C" {
        /// Of the compiler's run-time library, which every platform's C toolchain has: libgcc or compiler-rt.
        fn __clear_cache(start: *mut core::ffi::c_void, end: *mut core::ffi::c_void);
    }
    // SAFETY: the caller's promise; the end is one past the range.
    unsafe { __clear_cache(at.as_ptr().cast(), at.as_ptr().add(bytes).cast()) };
}
