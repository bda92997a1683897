//! Sealed memory files in the place of protected pages, and mappings that cannot be changed: Linux.
//!
//! ```text
//!   pages, read-only ──write──▶ memfd ──seals──▶ memfd, immutable ──read──▶ compared ──mmap, MAP_FIXED──▶ same addresses, same bytes
//!        1               2               3                            4                                   5
//! ```
//!
//! * Whoever reads meanwhile reads the same bytes before and after: the addresses stay mapped throughout.
//! * Until step 5 a failure leaves the pages as they were.
//! * Step 5 maps by a descriptor that cannot write, which no kernel refuses because of the seals. Those before 6.7
//!   refuse a descriptor that can, and find that out when they have taken the old pages away. If there is no such
//!   descriptor, the mapping is tried at another address first ([`Trial`]). It is not tried always: a child that
//!   another thread forks meanwhile could keep the trial for ever.
//! * If step 5 fails all the same (no memory for the kernel's own records), the pages are looked at. Where they are gone they are made
//!   again from the file, whose bytes are theirs. If even that fails, references dangle, and the process is aborted: the one case.

use crate::base::path::ShortPath;
use crate::error::{PageCall, PageError};
use core::ffi::CStr;
use core::ptr::NonNull;
use core::slice;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

/// The seals of a file that code is mapped from.
const SEALS: libc::c_int = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// The number of `mseal` on every architecture that came after the numbers were made the same; `libc` has it for some only.
#[cfg(target_pointer_width = "64")]
const SYS_MSEAL: libc::c_long = 462;

/// The contents of a memory file, which its name tells whoever looks at the mappings of a process.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    /// Sealed code that is only read.
    Code,
    /// Sealed machine code.
    NativeCode,
    /// An image.
    #[cfg_attr(not(all(feature = "image", target_pointer_width = "64")), allow(dead_code))]
    Image,
}

impl Holds {
    /// The kernel shows it as `/memfd:NAME (deleted)`.
    const fn name(self) -> &'static CStr {
        match self {
            Self::Code => c"permacode-code",
            Self::NativeCode => c"permacode-native-code",
            Self::Image => c"permacode-image",
        }
    }
}

/// Puts a sealed memory file with the same bytes in the place of pages.
///
/// # Safety
///
/// Whole pages of one's own that are read-only for good; executable ones if `executable`.
pub(super) unsafe fn replace(at: NonNull<u8>, bytes: usize, executable: bool) -> Result<(), PageError> {
    // SAFETY: the caller's promise: mapped, readable, and nobody writes there.
    let contents = unsafe { slice::from_raw_parts(at.as_ptr(), bytes) };
    let file = sealed_copy(contents, if executable { Holds::NativeCode } else { Holds::Code })?;
    if !holds(&file, contents) {
        return Err(PageError { call: PageCall::WriteFile, bytes, code: libc::EIO });
    }
    let access = libc::PROT_READ | if executable { libc::PROT_EXEC } else { 0 };
    let failed = |call| PageError { call, bytes, code: last_code() };

    let file = match read_only(&file) {
        Some(file) => file,
        None => Trial::new(bytes, access, &file).map(|_| file).ok_or_else(|| failed(PageCall::Replace))?,
    };
    if map(at.as_ptr(), bytes, access, libc::MAP_FIXED, &file).is_some() {
        return Ok(());
    }
    let refused = failed(PageCall::Replace);
    // SAFETY: the caller's pages; the file holds their bytes.
    unsafe { refill(at, bytes, access, &file) };
    Err(refused)
}

/// A mapping of all of a file at an address of the kernel's choice, unmapped when dropped: whether the kernel would make one.
struct Trial {
    at: NonNull<u8>,
    bytes: usize,
}

impl Trial {
    fn new(bytes: usize, access: libc::c_int, file: &File) -> Option<Self> {
        let at = map(core::ptr::null_mut(), bytes, access, 0, file)?;
        // In a child nobody would unmap it. A child that is forked between the two calls keeps it: address space of a page cache that is there
        // anyway.
        // SAFETY: mapped just now. The advice changes what children inherit, and nothing in this process.
        unsafe { libc::madvise(at.as_ptr().cast(), bytes, libc::MADV_DONTFORK) };
        Some(Self { at, bytes })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping, which nobody refers to any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.bytes) };
    }
}

/// A memory file that holds `contents` and that nobody can change.
pub(super) fn sealed_copy(contents: &[u8], holds: Holds) -> Result<File, PageError> {
    sealed_file(contents.len(), holds, |file| file.write_all(contents))
}

/// A memory file that holds so many bytes, which `write` writes, and that nobody can change.
pub(super) fn sealed_file(
    bytes: usize,
    holds: Holds,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<File, PageError> {
    let failed = |call| PageError { call, bytes, code: last_code() };
    if !may_be_as_long(bytes) {
        return Err(PageError { call: PageCall::WriteFile, bytes, code: libc::EFBIG });
    }
    let file = create(holds).ok_or_else(|| failed(PageCall::CreateFile))?;
    let mut file = File::from(file);
    if let Err(error) = write(&mut file) {
        let code = error.raw_os_error().unwrap_or(if error.kind() == ErrorKind::WriteZero { libc::ENOSPC } else { 0 });
        return Err(PageError { call: PageCall::WriteFile, bytes, code });
    }
    // SAFETY: an open file; both commands take or give an integer.
    let (added, seals) = unsafe {
        let added = libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS);
        (added, libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS))
    };
    if added != 0 || seals < 0 || seals & SEALS != SEALS {
        return Err(failed(PageCall::SealFile));
    }
    Ok(file)
}

/// Returns `true` if a file begins with these bytes.
///
/// Never part of its callers: each call on pages would have room for the buffer on its stack then, and touch it. In a new process these are page
/// faults.
#[inline(never)]
fn holds(file: &File, bytes: &[u8]) -> bool {
    const STEP: usize = 16 << 10;
    let mut buffer = [0; STEP];
    bytes.chunks(STEP).zip((0..).step_by(STEP)).all(|(chunk, offset)| {
        let read = &mut buffer[..chunk.len()];
        file.read_exact_at(read, offset).is_ok() && *read == *chunk
    })
}

/// Returns `true` if this process may write files of so many bytes. Beyond its limit a write would not only fail but
/// end it, by `SIGXFSZ`.
pub(super) fn may_be_as_long(bytes: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a place for what the call writes.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) == 0 && bytes as libc::rlim_t <= limit.rlim_cur }
}

fn create(holds: Holds) -> Option<OwnedFd> {
    let name = holds.name();
    let wanted = if matches!(holds, Holds::NativeCode) { libc::MFD_EXEC } else { libc::MFD_NOEXEC_SEAL };
    // Without the wish where the kernel is older than 6.3 and knows of none.
    [wanted, 0].into_iter().find_map(|wish| {
        // SAFETY: a string that ends with a zero, and flags.
        let file = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | wish) };
        // SAFETY: a new descriptor that is nobody else's.
        (file >= 0).then(|| unsafe { OwnedFd::from_raw_fd(file) })
    })
}

/// The same file, by a descriptor that cannot write.
pub(super) fn read_only(file: &File) -> Option<File> {
    let path = ShortPath::new(format_args!("/proc/self/fd/{}", file.as_raw_fd()))?;
    // What has that name need not be the kernel's answer: in a changed root it may be any file.
    File::open(path).ok().filter(|opened| identity(opened).is_some_and(|opened| identity(file) == Some(opened)))
}

/// The file system and the number in it that tell a file from all others.
fn identity(file: &File) -> Option<(u64, u64)> {
    file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn map(at: *mut u8, bytes: usize, access: libc::c_int, flags: libc::c_int, file: &File) -> Option<NonNull<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_not_inherited_and_is_gone_in_the_end() {
        let page = region::page::size();
        let Ok(file) = sealed_copy(&vec![7; 3 * page], Holds::Code) else { return };
        assert!(holds(&file, &vec![7; 3 * page]) && !holds(&file, &vec![7; 3 * page + 1]) && !holds(&file, &[7, 8]));
        let Some(trial) = Trial::new(3 * page, libc::PROT_READ, &file) else { return };
        let at = trial.at;
        let mapped = || {
            let mut resident = [0u8; 3];
            // SAFETY: there is a byte for each page.
            unsafe { libc::mincore(at.as_ptr().cast(), 3 * page, resident.as_mut_ptr()) == 0 }
        };
        assert!(mapped());
        permacode_witness::in_child(|| assert!(!mapped()));
        assert!(mapped());
        drop(trial);
        // In a child of one thread: here another test may have mapped something there by now.
        permacode_witness::in_child(|| {
            let Some(trial) = Trial::new(3 * page, libc::PROT_READ, &file) else { return };
            let at = trial.at;
            drop(trial);
            let mut resident = [0u8; 3];
            // SAFETY: there is a byte for each page.
            assert_ne!(unsafe { libc::mincore(at.as_ptr().cast(), 3 * page, resident.as_mut_ptr()) }, 0);
        });
    }
}
