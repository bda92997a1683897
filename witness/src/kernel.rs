//! Another kernel: what this process is told from now on.

use crate::filter::{self, When};
use crate::said::past_the_harness;
use std::io;

/// From now on the kernel answers this process's `madvise` with this advice by `errno`, 0 for success, and does nothing. It cannot be taken
/// back: for a [`Child`](crate::Child). An emulator in user mode answers 0, a kernel that does not know the advice `EINVAL`.
///
/// # Errors
///
/// The kernel has no filters of system calls (seccomp), or allows none here.
pub fn advice_does_nothing(advice: i32, errno: i32) -> io::Result<()> {
    filter::answer(libc::SYS_madvise, &[When { argument: 2, mask: -1, value: advice }], errno)
}

/// Locks all memory of this process, what it has and what it will have.
///
/// # Errors
///
/// The system allows no process of this user so much locked memory.
pub fn lock_all_memory() -> io::Result<()> {
    // SAFETY: changes where pages lie and not what they hold.
    if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// What a line begins with that is shown although the test passes.
pub(crate) const SKIPPED: &str = "SKIPPED ";

/// Says on the standard error that something was not tested here, and why, past any test harness that keeps a test's output.
pub fn skipped(what: &str, why: impl std::fmt::Display) {
    past_the_harness(&format!("{SKIPPED}{what}: {why}\n"));
}
