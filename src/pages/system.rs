//! Pages from a Unix kernel: `region` reserves and protects, `libc` does what `region` lacks.

use super::{PageSource, Step, address_space, discard, leak_sanitizer};
use crate::base::cpu::flush_instructions;
use crate::error::{PageCall, PageError};
use core::ptr::NonNull;
use region::Protection;

/// The advice of Linux 6.1, the same on every architecture; `libc` has it for some only.
#[cfg(target_os = "linux")]
const MADV_COLLAPSE: libc::c_int = 25;

/// Pages of the operating system, protected by the hardware once sealed.
///
/// A call is one system call, with these exceptions:
///
/// - The first discard of a process takes four.
/// - A decommit takes two, and so does a discard where the kernel's advice does not make pages zero.
/// - A question for residency takes one for each 1,024 pages (4 MiB of small ones).
/// - A replacement by a memory file takes twelve, and one more for each 16 KiB after the first. On kernels before 6.7 it takes some more.
///
/// None allocates. Reserved address space costs nothing until it is committed, committed memory nothing until touched.
/// Units are the system's pages, in bytes. A refusal carries the system's error number. Memory files and huge pages are
/// Linux's, fixed mappings those of Linux on 64 bits. Elsewhere they are refused with number 0.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::code::Protection;
/// use permacode::pages::{PageSource, SystemPages};
///
/// assert!(SystemPages.protects());
/// let arena = CodeArena::builder().pages(std::sync::Arc::new(SystemPages)).build()?;
/// let loader = arena.load("m")?;
/// loader.alloc(1u8)?;
/// assert_eq!(loader.seal()?.protection(), Protection::ReadOnly);
/// assert_eq!(arena.stats().claimed % SystemPages.page_size(), 0);
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemPages;

impl SystemPages {
    fn protect(at: NonNull<u8>, bytes: usize, protection: Protection, call: PageCall) -> Result<(), PageError> {
        // SAFETY: every caller passes whole pages of its own reservation, in a state that its own contract allows to change
        // (`PageSource`); `region` does not touch memory outside the range, and whole pages are not rounded.
        let result = unsafe { region::protect(at.as_ptr(), bytes, protection) };
        result.map_err(|error| refused(call, bytes, error.raw_os_error()))
    }

    /// Gives a part of a reservation back, of which the leak checker was told nothing or that it is gone.
    ///
    /// # Safety
    ///
    /// Whole pages of a reservation of this source that nobody uses any more.
    pub(super) unsafe fn unmap(at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        check(PageCall::Release, bytes, unsafe { libc::munmap(at.as_ptr().cast(), bytes) })
    }

    /// Maps new pages without access in the place of others: one system call. What those held is gone.
    ///
    /// # Safety
    ///
    /// Whole pages of one reservation of this source, which nobody refers to any more.
    pub(super) unsafe fn renew(at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        let mapping = region::alloc_at(at.as_ptr(), bytes, Protection::NONE)
            .map_err(|error| refused(PageCall::Reserve, bytes, error.raw_os_error()))?;
        // Owned by the reservation.
        let _ = mapping.into_raw_parts::<u8>();
        Ok(())
    }

    /// Maps pages of a file in the place of others.
    ///
    /// # Safety
    ///
    /// As for [`Step::MapFile`].
    unsafe fn map_file(at: NonNull<u8>, bytes: usize, file: i32, offset: u64) -> Result<(), PageError> {
        let refused = |code| PageError { call: PageCall::MapFile, bytes, code };
        let offset = libc::off_t::try_from(offset).map_err(|_| refused(0))?;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: the caller's range, which nobody refers to.
        let mapped = unsafe { libc::mmap(at.as_ptr().cast(), bytes, libc::PROT_READ, flags, file, offset) };
        if mapped != libc::MAP_FAILED {
            return Ok(());
        }
        let refusal = refused(last_code());
        // A kernel may take away what was there, and then find no memory for its own records.
        let page = region::page::size();
        // SAFETY: asks about the caller's range, and maps anew without replacing anything.
        unsafe {
            let is_there =
                |offset: usize| libc::mincore(at.as_ptr().add(offset).cast(), page, [0u8; 1].as_mut_ptr().cast()) == 0;
            if !is_there(0) || !is_there(bytes - page) {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
                let again = libc::mmap(at.as_ptr().cast(), bytes, libc::PROT_NONE, flags, -1, 0);
                if again != at.as_ptr().cast() {
                    // Somebody else's memory may lie in the middle of the reservation: whatever came next would be undefined.
                    crate::base::end::process();
                }
            }
        }
        Err(refusal)
    }

    /// Faults pages in.
    ///
    /// # Safety
    ///
    /// As for [`Step::Populate`].
    unsafe fn populate(at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            // SAFETY: the caller's range is committed; the advice faults pages in and changes no contents.
            if unsafe { libc::madvise(at.as_ptr().cast(), bytes, libc::MADV_POPULATE_WRITE) } == 0 {
                return Ok(());
            }
            let code = last_code();
            if code != libc::EINVAL {
                return Err(PageError { call: PageCall::Populate, bytes, code });
            }
            // EINVAL: a kernel before 5.14, or an emulator, does not know the advice; touching the pages does the same, slower.
        }
        for offset in (0..bytes).step_by(region::page::size()) {
            // SAFETY: the byte lies in the caller's committed range. An atomic addition of zero is a write that changes nothing, even
            // beside another thread's.
            unsafe { core::sync::atomic::AtomicU8::from_ptr(at.as_ptr().add(offset)) }
                .fetch_add(0, core::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }

    /// Gives memory back and takes access.
    ///
    /// # Safety
    ///
    /// As for [`Step::Decommit`].
    unsafe fn decommit(at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: nobody holds a reference into the caller's range, so its contents may go.
        unsafe {
            if !discard::advised(at, bytes) {
                return Self::renew(at, bytes);
            }
        }
        Self::protect(at, bytes, Protection::NONE, PageCall::Decommit)
    }

    /// Gives memory back and keeps access.
    ///
    /// # Safety
    ///
    /// As for [`Step::Discard`].
    unsafe fn discard(at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: nobody relies on what the caller's range holds.
        unsafe {
            if discard::advised(at, bytes) {
                return Ok(());
            }
            // Without access first, which cannot be refused for want of memory: so nothing else is ever mapped there.
            Self::renew(at, bytes)?;
        }
        Self::protect(at, bytes, Protection::READ_WRITE, PageCall::Discard)
    }
}

// SAFETY: `mmap` returns page-aligned private ranges that overlap nothing; anonymous memory reads as zeros at its first touch and again
// where `discard::advised` says so or it was mapped anew; `mprotect` keeps contents and may be repeated; none of the calls takes a lock of this process, but LeakSanitizer's where that is there.
unsafe impl PageSource for SystemPages {
    fn page_size(&self) -> usize {
        region::page::size()
    }

    fn protects(&self) -> bool {
        true
    }

    fn room(&self) -> Option<usize> {
        address_space::left()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        let mapping = region::alloc(bytes, Protection::NONE)
            .map_err(|error| refused(PageCall::Reserve, bytes, error.raw_os_error()))?;
        // Owned by the reservation from here on: `region` would ignore a refusal to release it.
        let (base, _) = mapping.into_raw_parts();
        let base = NonNull::new(base).ok_or(PageError { call: PageCall::Reserve, bytes, code: 0 })?;
        leak_sanitizer::note(base, bytes);
        Ok(base)
    }

    fn reserve_near(&self, bytes: usize, wish: usize) -> Result<NonNull<u8>, PageError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        let hint = core::ptr::without_provenance_mut(wish);
        // SAFETY: a new mapping. The address is a wish, which replaces nothing. A flag that makes it an order is not used: a sanitizer turns the
        // refusal of such an order into a mapping at zero.
        let base = unsafe { libc::mmap(hint, bytes, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(PageError { call: PageCall::Reserve, bytes, code: last_code() });
        }
        let base = NonNull::new(base.cast()).ok_or(PageError { call: PageCall::Reserve, bytes, code: 0 })?;
        leak_sanitizer::note(base, bytes);
        Ok(base)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        match step {
            Step::Commit => Self::protect(at, bytes, Protection::READ_WRITE, step.call()),
            // SAFETY: the caller's contract.
            Step::Populate => unsafe { Self::populate(at, bytes) },
            Step::Seal => Self::protect(at, bytes, Protection::READ, step.call()),
            Step::SealExecutable => {
                Self::protect(at, bytes, Protection::READ_EXECUTE, step.call())?;
                // SAFETY: the caller's range, readable; nobody writes there any more.
                unsafe { flush_instructions(at, bytes) };
                Ok(())
            }
            #[cfg(all(feature = "std", target_os = "linux"))]
            // SAFETY: the caller's contract.
            Step::Replace { executable } => unsafe { super::memory_file::replace(at, bytes, executable) },
            // SAFETY: the caller's contract.
            Step::MapFile { file, offset } => unsafe { Self::map_file(at, bytes, file, offset) },
            #[cfg(all(feature = "std", target_os = "linux", target_pointer_width = "64"))]
            // SAFETY: the caller's contract.
            Step::Fix => unsafe { super::memory_file::fix(at, bytes) },
            #[cfg(target_os = "linux")]
            Step::Huge { .. } | Step::Plain => {
                let advice = match step {
                    Step::Plain => libc::MADV_NOHUGEPAGE,
                    Step::Huge { sealed: true } => MADV_COLLAPSE,
                    _ => libc::MADV_HUGEPAGE,
                };
                // SAFETY: the caller's range; the advice changes no contents.
                check(step.call(), bytes, unsafe { libc::madvise(at.as_ptr().cast(), bytes, advice) })
            }
            #[cfg(not(target_os = "linux"))]
            Step::Plain => Ok(()),
            // SAFETY: the caller's contract.
            Step::Decommit => unsafe { Self::decommit(at, bytes) },
            // SAFETY: the caller's contract.
            Step::Discard => unsafe { Self::discard(at, bytes) },
            #[cfg(not(all(feature = "std", target_os = "linux", target_pointer_width = "64")))]
            _ => step.refuse(bytes),
        }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        let page = self.page_size();
        let (mut pages, mut resident) = ([0; 1024], 0);
        for start in (0..bytes).step_by(page * pages.len()) {
            let length = (bytes - start).min(page * pages.len());
            // SAFETY: the caller's range is mapped, and `pages` has a byte for each page of this part of it.
            let result = unsafe { libc::mincore(at.as_ptr().add(start).cast(), length, pages.as_mut_ptr().cast()) };
            check(PageCall::Resident, bytes, result)?;
            resident += pages[..length / page].iter().filter(|&&page: &&u8| page & 1 == 1).count() * page;
        }
        Ok(resident)
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        leak_sanitizer::forget(at, bytes);
        // SAFETY: the caller's promise.
        unsafe { Self::unmap(at, bytes) }
    }
}

/// Keeps a reservation out of core dumps. A refusal changes nothing but their size.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn keep_out_of_dumps(base: NonNull<u8>, bytes: usize) {
    // SAFETY: the advice changes no contents and no access.
    unsafe { libc::madvise(base.as_ptr().cast(), bytes, libc::MADV_DONTDUMP) };
}

/// Names a part of a reservation, as tools will see it. The error is the system's number.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn name(base: NonNull<u8>, bytes: usize, name: &core::ffi::CStr) -> Result<(), i32> {
    /// The numbers are the same on every architecture; `libc` has them for Linux only.
    const PR_SET_VMA: libc::c_int = 0x5356_4d41;
    const PR_SET_VMA_ANON_NAME: libc::c_ulong = 0;
    let (start, len) = (base.as_ptr().addr() as libc::c_ulong, bytes as libc::c_ulong);
    // SAFETY: a name changes neither contents nor access, and the kernel copies it. Android's kernels before 5.17 keep a pointer to it and read
    // there when they list mappings: they show what lies there, and write nothing.
    let refused = unsafe { libc::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, len, name.as_ptr()) } != 0;
    if refused { Err(last_code()) } else { Ok(()) }
}

fn check(call: PageCall, bytes: usize, result: libc::c_int) -> Result<(), PageError> {
    if result == 0 { Ok(()) } else { Err(PageError { call, bytes, code: last_code() }) }
}

#[cfg(feature = "std")]
fn last_code() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Without the standard library, the number is known on Linux only.
#[cfg(not(feature = "std"))]
fn last_code() -> i32 {
    #[cfg(target_os = "linux")]
    // SAFETY: the address of this thread's own number.
    return unsafe { *libc::__errno_location() };
    #[cfg(not(target_os = "linux"))]
    0
}

fn refused(call: PageCall, bytes: usize, code: Option<i32>) -> PageError {
    PageError { call, bytes, code: code.unwrap_or(0) }
}
