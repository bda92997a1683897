//! What one process can try on another's code.

use super::attack::{code, done};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::ptr;

/// By its memory as a file: a debugger's way in that needs no attaching.
pub(crate) fn write_mem(pid: i32, address: usize) -> Result<(), i32> {
    let file = OpenOptions::new().write(true).open(format!("/proc/{pid}/mem")).map_err(code)?;
    file.write_all_at(&[0xAA; 8], address as u64).map_err(code)
}

/// From memory to memory.
pub(crate) fn write_vm(pid: i32, address: usize) -> Result<(), i32> {
    let bytes = [0xAAu8; 8];
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: ptr::with_exposed_provenance_mut(address), iov_len: bytes.len() };
    // SAFETY: the local part is this function's; the remote one is the kernel's to check.
    done(unsafe { libc::process_vm_writev(pid, &local, 1, &remote, 1, 0) } as i64)
}

/// As a debugger that attaches.
pub(crate) fn poke(pid: i32, address: usize) -> Result<(), i32> {
    let at: *mut libc::c_void = ptr::with_exposed_provenance_mut(address);
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: the process is this one's child; the address is the kernel's to check.
    unsafe {
        done(libc::ptrace(libc::PTRACE_ATTACH, pid, nothing, nothing))?;
        let mut status = 0;
        done(i64::from(libc::waitpid(pid, &mut status, 0)))?;
        let poked = done(libc::ptrace(libc::PTRACE_POKEDATA, pid, at, usize::MAX));
        done(libc::ptrace(libc::PTRACE_DETACH, pid, nothing, nothing))?;
        poked
    }
}
