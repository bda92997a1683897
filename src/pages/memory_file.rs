//! Sealed memory files in the place of protected pages, and mappings that cannot be changed: Linux.
//!
//! ```text
//!   pages, read-only ──write(2)──▶ memfd ──seals──▶ memfd, immutable ──mmap, elsewhere──▶ compared ──MAP_FIXED──▶ same addresses, same bytes
//!        1                 2                3                               4                           5
//! ```
//!
//! * Whoever reads meanwhile reads the same bytes before and after: the addresses stay mapped throughout.
//! * Until step 5 a failure leaves the pages as they were. The mapping is tried at another address first, because the kernel takes the old one
//!   away before it finds out that it may not make the new one.
//! * If step 5 fails all the same (no memory for the kernel's own records), the pages are looked at. Where they are gone they are made
//!   again from the file, whose bytes are theirs. If even that fails, references dangle, and the process is aborted: the one case.

use crate::error::{PageCall, PageError};
use crate::path::ShortPath;
use core::ptr::NonNull;
use core::slice;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// What must hold of a file that code is mapped from.
const SEALS: libc::c_int = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// The number of `mseal` on every architecture that came after the numbers were made the same; `libc` has it for some only.
#[cfg(target_pointer_width = "64")]
const SYS_MSEAL: libc::c_long = 462;

/// Puts a sealed memory file with the same bytes in the place of pages.
///
/// # Safety
///
/// Whole pages of one's own that are read-only for good; executable ones if `executable`.
pub(super) unsafe fn replace(at: NonNull<u8>, bytes: usize, executable: bool) -> Result<(), PageError> {
    // SAFETY: the caller's promise: mapped, readable, and nobody writes there.
    let contents = unsafe { slice::from_raw_parts(at.as_ptr(), bytes) };
    let file = sealed_copy(contents, executable)?;
    let access = libc::PROT_READ | if executable { libc::PROT_EXEC } else { 0 };
    let failed = |call| PageError { call, bytes, code: last_code() };

    let nowhere = core::ptr::null_mut();
    let mut file = file;
    let trial = map(nowhere, bytes, access, 0, &file).or_else(|| {
        // Kernels before 6.7 share a file that is sealed against writing only through a descriptor that cannot write.
        file = read_only(&file)?;
        map(nowhere, bytes, access, 0, &file)
    });
    let trial = trial.ok_or_else(|| failed(PageCall::Replace))?;
    // SAFETY: mapped just now, as long as the contents.
    let same = unsafe { slice::from_raw_parts(trial.as_ptr(), bytes) } == contents;
    // SAFETY: this function's own mapping, which nobody refers to any more.
    unsafe { libc::munmap(trial.as_ptr().cast(), bytes) };
    if !same {
        return Err(PageError { call: PageCall::WriteFile, bytes, code: libc::EIO });
    }

    if map(at.as_ptr(), bytes, access, libc::MAP_FIXED, &file).is_some() {
        return Ok(());
    }
    let refused = failed(PageCall::Replace);
    // SAFETY: the caller's pages; the file holds their bytes.
    unsafe { refill(at, bytes, access, &File::from(file)) };
    Err(refused)
}

/// A memory file that holds `contents` and that nobody can change.
fn sealed_copy(contents: &[u8], executable: bool) -> Result<OwnedFd, PageError> {
    let failed = |call| PageError { call, bytes: contents.len(), code: last_code() };
    if !may_be_as_long(contents.len()) {
        return Err(PageError { call: PageCall::WriteFile, bytes: contents.len(), code: libc::EFBIG });
    }
    let file = create(executable).ok_or_else(|| failed(PageCall::CreateFile))?;
    let mut writer = File::from(file);
    if let Err(error) = writer.write_all(contents) {
        let code = error.raw_os_error().unwrap_or(if error.kind() == ErrorKind::WriteZero { libc::ENOSPC } else { 0 });
        return Err(PageError { call: PageCall::WriteFile, bytes: contents.len(), code });
    }
    let file = OwnedFd::from(writer);
    // SAFETY: an open file; both commands take or give an integer.
    let (added, seals) = unsafe {
        let added = libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS);
        (added, libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS))
    };
    if added != 0 || seals & SEALS != SEALS {
        return Err(failed(PageCall::SealFile));
    }
    Ok(file)
}

/// Whether this process may write files of so many bytes. Beyond its limit a write would not only fail but end it, by `SIGXFSZ`.
fn may_be_as_long(bytes: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a place for what the call writes.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) == 0 && bytes as libc::rlim_t <= limit.rlim_cur }
}

fn create(executable: bool) -> Option<OwnedFd> {
    let name = c"permacode";
    let wanted = if executable { libc::MFD_EXEC } else { libc::MFD_NOEXEC_SEAL };
    // Without the wish where the kernel is older than 6.3 and knows of none.
    [wanted, 0].into_iter().find_map(|wish| {
        // SAFETY: a string that ends with a zero, and flags.
        let file = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | wish) };
        // SAFETY: a new descriptor that is nobody else's.
        (file >= 0).then(|| unsafe { OwnedFd::from_raw_fd(file) })
    })
}

/// The same file, by a descriptor that cannot write.
fn read_only(file: &OwnedFd) -> Option<OwnedFd> {
    let path = ShortPath::new(format_args!("/proc/self/fd/{}", file.as_raw_fd()))?;
    File::open(path).ok().map(OwnedFd::from)
}

fn map(at: *mut u8, bytes: usize, access: libc::c_int, flags: libc::c_int, file: &OwnedFd) -> Option<NonNull<u8>> {
    // SAFETY: at an address of the kernel's choice, or, with MAP_FIXED, over the caller's own pages.
    let mapped = unsafe { libc::mmap(at.cast(), bytes, access, flags | libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if mapped == libc::MAP_FAILED { None } else { NonNull::new(mapped.cast()) }
}

/// Makes pages anew that a failed replacement may have taken away, or aborts.
///
/// # Safety
///
/// Whole pages of one's own, mapped or not, whose bytes the file holds.
#[cold]
unsafe fn refill(at: NonNull<u8>, bytes: usize, access: libc::c_int, file: &File) {
    let mut resident = 0u8;
    // SAFETY: there is a byte for the one page; the call fails where it is not mapped. The kernel takes all of a range away, or none.
    let mapped = unsafe { libc::mincore(at.as_ptr().cast(), region::page::size(), &raw mut resident) } == 0;
    if mapped {
        return;
    }
    // Not over what another thread may have mapped there since. Kernels before 4.17 take the address as a mere wish.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let writable = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the caller's own pages, which hold nothing any more.
    let refilled = unsafe { libc::mmap(at.as_ptr().cast(), bytes, writable, flags, -1, 0) } == at.as_ptr().cast() && {
        // SAFETY: mapped just now; whoever reads there meanwhile died of it already, or reads zeros for a moment.
        let pages = unsafe { slice::from_raw_parts_mut(at.as_ptr(), bytes) };
        file.read_exact_at(pages, 0).is_ok()
            // SAFETY: the same pages.
            && unsafe { libc::mprotect(at.as_ptr().cast(), bytes, access) } == 0
    };
    if !refilled {
        std::process::abort();
    }
}

/// Forbids every change of a mapping, for as long as the process and its children live. Kernels of 32 bits do not.
///
/// # Safety
///
/// Whole pages of one's own that are read-only for good and never released.
#[cfg(target_pointer_width = "64")]
pub(super) unsafe fn fix(at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
    // SAFETY: the caller's promise; the call takes an address, a length and no flags.
    let result = unsafe { libc::syscall(SYS_MSEAL, at.as_ptr(), bytes, 0) };
    if result == 0 { Ok(()) } else { Err(PageError { call: PageCall::Fix, bytes, code: last_code() }) }
}

fn last_code() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
