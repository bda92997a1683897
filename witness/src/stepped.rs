//! A child that stops at the beginning and at the end of each of its system calls, as under a debugger.

use crate::child::Process;
use std::{io, mem, ptr};

/// A forked process that runs from one system call to the next. If it has not ended, it is killed when this is dropped.
#[derive(Debug)]
pub struct Stepped {
    /// None if it has ended.
    process: Option<Process>,
    /// The call that began last.
    call: libc::c_long,
}

/// A system call of a child that is about to begin, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its number, one of `libc::SYS_…`.
    pub call: libc::c_long,
    /// What it returned, if it has ended: a negative number is an error's.
    pub returned: Option<i64>,
}

/// What `PTRACE_GET_SYSCALL_INFO` writes: its head, and the longest of what may follow.
#[repr(C)]
#[derive(Default)]
struct Info {
    kind: u8,
    padding: [u8; 3],
    machine: u32,
    instruction: u64,
    stack: u64,
    /// The number of the call, or what it returned.
    number: i64,
    rest: [u64; 8],
}

const GET_SYSCALL_INFO: libc::c_uint = 0x420e;
const ENTRY: u8 = 1;
const EXIT: u8 = 2;
/// How a child ends that nobody may trace.
const UNTRACED: i32 = 77;

impl Stepped {
    /// Forks. The child runs `body` as far as [`step`](Self::step) lets it, in the thread that calls both.
    ///
    /// # Errors
    ///
    /// The system refuses a process, or nobody may trace it: a sandbox forbids it, or something traces this process.
    pub fn fork(body: impl FnOnce()) -> io::Result<Self> {
        // SAFETY: the child leaves by `_exit` and returns to nobody.
        let mut child = match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error()),
            // SAFETY: changes who is told of this process's signals; it stops until it is resumed, and ends here.
            0 => unsafe {
                if libc::ptrace(libc::PTRACE_TRACEME, 0, ptr::null_mut::<u8>(), ptr::null_mut::<u8>()) != 0 {
                    libc::_exit(UNTRACED);
                }
                libc::raise(libc::SIGSTOP);
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
                libc::_exit(if done.is_ok() { 0 } else { 101 })
            },
            pid => Self { process: Some(Process(pid)), call: -1 },
        };
        if let Some(end) = child.wait()? {
            return Err(io::Error::other(format!("the child cannot be traced: it ended with {end}")));
        }
        let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
        // SAFETY: this process's own child, which is stopped.
        let set =
            unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, child.pid()?, ptr::null_mut::<u8>(), options as usize) };
        if set == 0 { Ok(child) } else { Err(io::Error::last_os_error()) }
    }

    /// Runs the child up to the beginning or the end of a system call. `None` if it has ended, as it should.
    ///
    /// # Errors
    ///
    /// The child ended otherwise, or the kernel does not tell its calls (before 5.3).
    pub fn step(&mut self) -> io::Result<Option<Stop>> {
        // SAFETY: this process's own child, which is stopped.
        if unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.pid()?, ptr::null_mut::<u8>(), ptr::null_mut::<u8>()) } != 0
        {
            return Err(io::Error::last_os_error());
        }
        match self.wait()? {
            Some(0) => Ok(None),
            Some(end) => Err(io::Error::other(format!("the child ended with {end}"))),
            None => self.stop().map(Some),
        }
    }

    /// All calls that the child makes from here to its end.
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step).
    pub fn calls(mut self) -> io::Result<Vec<Stop>> {
        let mut calls = Vec::new();
        while let Some(stop) = self.step()? {
            // Each has a beginning and an end, but for the one that ends the process.
            if stop.returned.is_some() {
                calls.push(stop);
            }
        }
        Ok(calls)
    }

    fn stop(&mut self) -> io::Result<Stop> {
        let mut info = Info::default();
        // SAFETY: this process's own child, which is stopped, and a place for what the call writes.
        let read = unsafe { libc::ptrace(GET_SYSCALL_INFO as _, self.pid()?, size_of::<Info>(), &raw mut info) };
        let returned = match info.kind {
            _ if read <= 0 => return Err(io::Error::last_os_error()),
            ENTRY => None,
            EXIT => Some(info.number),
            _ => return Err(io::Error::other("the child stopped for another reason")),
        };
        if returned.is_none() {
            self.call = info.number as libc::c_long;
        }
        Ok(Stop { call: self.call, returned })
    }

    fn pid(&self) -> io::Result<libc::pid_t> {
        let ended = || io::Error::other("the child has ended");
        self.process.as_ref().map(|process| process.0).ok_or_else(ended)
    }

    /// Waits until the child stops (`None`) or ends, with its code or the negative number of a signal.
    fn wait(&mut self) -> io::Result<Option<i32>> {
        let mut status = 0;
        // SAFETY: `status` is a valid place for the result.
        if unsafe { libc::waitpid(self.pid()?, &mut status, libc::__WALL) } == -1 {
            return Err(io::Error::last_os_error());
        }
        let end = match status {
            _ if libc::WIFEXITED(status) => libc::WEXITSTATUS(status),
            _ if libc::WIFSIGNALED(status) => -libc::WTERMSIG(status),
            _ => return Ok(None),
        };
        // The number may be another's from now on.
        mem::forget(self.process.take());
        Ok(Some(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stops_at_each_of_its_calls_and_what_comes_after_a_kill_is_not_done() {
        let call = |number| {
            // SAFETY: takes nothing, and returns a number.
            unsafe { libc::syscall(number) };
        };
        let body = || [libc::SYS_getuid, libc::SYS_getgid].into_iter().for_each(call);
        let calls = match Stepped::fork(body) {
            Ok(child) => child.calls().unwrap(),
            Err(why) => return crate::skipped("stops at system calls", why),
        };
        let wanted: Vec<_> = calls.iter().map(|stop| stop.call).collect();
        assert!(wanted.ends_with(&[libc::SYS_getuid, libc::SYS_getgid]), "{wanted:?}");
        let path = std::env::temp_dir().join(format!("permacode-stepped-{}", std::process::id()));
        let mut child = Stepped::fork(|| std::fs::write(&path, "x").unwrap()).unwrap();
        while child.step().unwrap().is_some_and(|stop| stop.call != libc::SYS_openat) {}
        drop(child);
        assert!(!path.exists());
    }
}
