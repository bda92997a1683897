//! Another kernel: what this process is told from now on.

use crate::said::past_the_harness;
use std::io;

/// From now on the kernel answers this process's `madvise` with this advice by `errno`, 0 for success, and does nothing. It cannot be taken
/// back: for a [`Child`](crate::Child). An emulator in user mode answers 0, a kernel that does not know the advice `EINVAL`.
///
/// # Errors
///
/// The kernel has no filters of system calls (seccomp), or allows none here.
pub fn advice_does_nothing(advice: i32, errno: i32) -> io::Result<()> {
    /// Offsets in the `seccomp_data` that the filter sees: the call's number, and the low half of its third argument.
    const NUMBER: u32 = 0;
    const ADVICE: u32 = if cfg!(target_endian = "little") { 32 } else { 36 };
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let unless_equal = |to, skipped| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skipped, to);
    let answer = |with| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, with);
    let mut filter = [
        load(NUMBER),
        unless_equal(libc::SYS_madvise as u32, 3),
        load(ADVICE),
        unless_equal(advice as u32, 1),
        answer(libc::SECCOMP_RET_ERRNO | errno as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the filter and its length; the kernel copies both.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) != 0
    };
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
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
