//! The address space that the kernel leaves this process.
//!
//! `RLIMIT_AS` bounds what a process has mapped, used or not. Nobody tells how much of it is left: the limit is a system call, what is
//! mapped stands in `/proc`. Both are asked anew each time, because either changes; without a limit, which is common, only the former.

use super::{PageSource, SystemPages};
use core::ptr::NonNull;

/// Bytes that may still be mapped, or `None` where the process has no limit.
///
/// Costs one system call, three more under a limit. Allocates nothing.
pub(super) fn left() -> Option<usize> {
    let limit = limit()?;
    Some(mapped().map_or_else(|| granted(limit), |mapped| limit.saturating_sub(mapped)))
}

/// The limit on what is mapped, if there is one that an address can exceed.
#[cfg(not(target_os = "openbsd"))]
fn limit() -> Option<usize> {
    let mut limit = core::mem::MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: a valid place for the answer.
    if unsafe { ask(limit.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so it wrote the answer.
    let soft = unsafe { limit.assume_init() }.rlim_cur;
    if soft == libc::RLIM_INFINITY { None } else { usize::try_from(soft).ok() }
}

/// Asks for the limit, and returns zero if it was answered.
///
/// Libraries call `prlimit64` for it, which takes longer, because it could ask about any process. Each arena asks when it is made.
///
/// # Safety
///
/// There is room for the answer.
#[cfg(not(target_os = "openbsd"))]
unsafe fn ask(answer: *mut libc::rlimit) -> libc::c_int {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64"))]
    // SAFETY: the caller's promise; the kernel's answer has two words, as the library's has here.
    if unsafe { libc::syscall(libc::SYS_getrlimit, libc::RLIMIT_AS, answer) } == 0 {
        return 0;
    }
    // A sandbox may know the other one only.
    // SAFETY: the caller's promise.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, answer) }
}

/// OpenBSD has no such limit.
#[cfg(target_os = "openbsd")]
fn limit() -> Option<usize> {
    None
}

/// Bytes that the process has mapped; `None` where no `/proc` says so.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn mapped() -> Option<usize> {
    let mut text = [0u8; 32];
    // SAFETY: a string that ends with a zero.
    let file = unsafe { libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    // SAFETY: an open file of this function's own, and as much room as is said.
    let read = unsafe {
        let read = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        read
    };
    let pages = number(text.get(..usize::try_from(read).ok()?)?)?;
    pages.checked_mul(SystemPages.page_size())
}

/// Elsewhere it is not known.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn mapped() -> Option<usize> {
    None
}

/// The number that a text begins with, if something follows it.
#[cfg(any(target_os = "linux", target_os = "android", test))]
fn number(text: &[u8]) -> Option<usize> {
    let digits = text.iter().position(|byte| !byte.is_ascii_digit())?;
    core::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

/// At least half of what may be mapped below `limit`, found by mapping it for a moment.
fn granted(limit: usize) -> usize {
    let page = SystemPages.page_size();
    let halves = core::iter::successors(Some(limit / page * page), |&bytes| Some(bytes / 2 / page * page));
    let mapped = |bytes: usize| -> Option<NonNull<u8>> { SystemPages.reserve(bytes).ok() };
    let mut granted = halves.take_while(|&bytes| bytes != 0).filter_map(|bytes| mapped(bytes).map(|at| (at, bytes)));
    granted.next().map_or(0, |(at, bytes)| {
        // SAFETY: reserved just now, for nobody.
        let _ = unsafe { SystemPages.release(at, bytes) };
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_something_else_follows() {
        assert_eq!(number(b"123 45"), Some(123));
        for text in [&b""[..], b" 1", b"123", b"99999999999999999999999999 1"] {
            assert_eq!(number(text), None);
        }
    }

    // The limit itself is a child's matter: `tests/pages/scarce_addresses.rs`.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_mapped_grows_with_a_reservation_and_what_is_granted_is_no_more_than_the_limit() {
        // A terabyte, or what 32 bits have room for beside other tests.
        const MORE: usize = 1 << if usize::BITS > 32 { 40 } else { 29 };
        let before = mapped().unwrap();
        let at = SystemPages.reserve(MORE).unwrap();
        let with = mapped().unwrap();
        // SAFETY: reserved above, for nobody.
        unsafe { SystemPages.release(at, MORE) }.unwrap();
        // Other tests map and unmap meanwhile.
        assert!(with > before.saturating_sub(MORE / 2) + MORE / 2, "{before} {with}");
        assert_eq!(granted(MORE >> 10), MORE >> 10);
        assert_eq!(granted(100), 0);
        let (least, bits) = if usize::BITS > 32 { (MORE, 48) } else { (MORE / 4, 31) };
        assert!((least..1 << bits).contains(&granted(1 << (usize::BITS - 2))));
    }
}
