//! Giving memory back by advice, and knowing that it worked.
//!
//! On Linux, private anonymous memory reads as zeros after `MADV_DONTNEED`, and its pages are the system's again (madvise(2)). Two kinds of
//! process are told otherwise:
//!
//! * Emulators in user mode (qemu before 7.2) took the advice for a hint: they say that it worked and do nothing. So
//!   the first discard of a process tries it on a page of its own. The answer is a fact about the kernel, the same for
//!   all arenas and for the process's life. It is kept in a static.
//! * Where memory is locked (`mlockall`), the advice is refused. Linux 5.18 has `MADV_DONTNEED_LOCKED` for that.
//!
//! Where neither does, and on other systems, which may keep the contents, pages are mapped anew in the place of the old ones.

use core::ptr::NonNull;

/// Gives the memory of pages back. `false` where no advice does that: their contents are unspecified, and the caller maps them anew.
///
/// # Safety
///
/// Whole pages of one mapping of private anonymous memory, whose contents nobody relies on.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) unsafe fn advised(at: NonNull<u8>, bytes: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { dropped(at, bytes) && linux::zeroes() }
}

/// As on Linux, but that there is no such advice.
///
/// # Safety
///
/// None is needed.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) unsafe fn advised(_at: NonNull<u8>, _bytes: usize) -> bool {
    false
}

/// Returns `true` if the system says that it has dropped the contents of pages.
///
/// # Safety
///
/// As for [`advised`].
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn dropped(at: NonNull<u8>, bytes: usize) -> bool {
    // SAFETY: the caller's promise.
    let advise = |advice| unsafe { libc::madvise(at.as_ptr().cast(), bytes, advice) } == 0;
    advise(libc::MADV_DONTNEED) || advise(linux::MADV_DONTNEED_LOCKED)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::dropped;
    use core::ptr::{self, NonNull};
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// The same on every architecture; not every C library's headers have it.
    pub(super) const MADV_DONTNEED_LOCKED: libc::c_int = 24;

    const UNKNOWN: u8 = 0;
    const KEPT: u8 = 1;
    const ZEROED: u8 = 2;

    /// The contents of pages that the kernel says it has dropped. Not state of an arena: nobody could find out anything
    /// else.
    static DROPPED_PAGES: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Returns `true` if dropped pages read as zeros.
    pub(super) fn zeroes() -> bool {
        match DROPPED_PAGES.load(Relaxed) {
            UNKNOWN => found_out(),
            known => known == ZEROED,
        }
    }

    #[cold]
    fn found_out() -> bool {
        let bytes = region::page::size();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new page at no particular address, which only this function knows and unmaps.
        let kept = unsafe {
            let page = libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
            let Some(page) = NonNull::new(page.cast::<u8>()).filter(|_| page != libc::MAP_FAILED) else { return false };
            page.write_volatile(1);
            let dropped = dropped(page, bytes);
            let kept = page.read_volatile() != 0;
            libc::munmap(page.as_ptr().cast(), bytes);
            if !dropped {
                // Nothing was found out. To map anew is right in any case.
                return false;
            }
            kept
        };
        DROPPED_PAGES.store(if kept { KEPT } else { ZEROED }, Relaxed);
        !kept
    }
}
