//! System calls refused by the kernel itself, as a sandbox does: a seccomp filter written by hand. For children only: it stays.

use std::io;

/// The part of an argument that is compared, and with what.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Which argument, from 0.
    pub argument: u32,
    /// Its bits that are compared.
    pub mask: i32,
    /// What they must be.
    pub value: i32,
}

/// Refuses a system call of this process with an error number, where all conditions hold.
///
/// # Panics
///
/// The kernel has no filters.
pub fn refuse(call: libc::c_long, when: &[When], code: i32) {
    answer(call, when, code).unwrap();
}

/// The same where the kernel may have no filters. With 0 for the error number the call does nothing and says that it did.
pub(crate) fn answer(call: libc::c_long, when: &[When], code: i32) -> io::Result<()> {
    install(call, when, libc::SECCOMP_RET_ERRNO | code as u32)
}

/// Has `SIGSYS` raised instead of the call.
///
/// # Panics
///
/// The kernel has no filters.
pub fn trap(call: libc::c_long, when: &[When]) {
    install(call, when, libc::SECCOMP_RET_TRAP).unwrap();
}

/// Offset in the `seccomp_data` that a filter sees of the first argument's low half.
const LOW: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

fn install(call: libc::c_long, when: &[When], action: u32) -> io::Result<()> {
    let load = |at: u32| Step::Plain(line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, at));
    let mut program = vec![load(0), Step::Equals(call as u32)];
    for condition in when {
        program.push(load(LOW + 8 * condition.argument));
        program.push(Step::Plain(line(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, condition.mask as u32)));
        program.push(Step::Equals(condition.value as u32));
    }
    let lines = program.len();
    // A comparison that does not hold goes on behind the refusal.
    let mut filter: Vec<libc::sock_filter> = program
        .into_iter()
        .enumerate()
        .map(|(index, step)| match step {
            Step::Plain(filter) => filter,
            Step::Equals(value) => line(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (lines - index) as u8, value),
        })
        .collect();
    filter.push(line(libc::BPF_RET | libc::BPF_K, 0, action));
    filter.push(line(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program is valid during the calls, which copy it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) != 0
    };
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}

enum Step {
    Plain(libc::sock_filter),
    Equals(u32),
}

fn line(code: u32, otherwise: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: otherwise, k: value }
}
