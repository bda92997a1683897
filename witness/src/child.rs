//! A closure in a forked process, and how that ended.

use crate::said::{Said, past_the_harness};
use std::io::{self, Read, Write};
use std::mem;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How long a child may take; far more than any needs on a busy machine, so that only what hangs is killed.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned or called `exit`.
    Code(i32),
    /// A signal killed it. For a fault, `address` is what it tried to touch.
    Signal {
        /// The signal's number.
        signal: i32,
        /// The faulting address of a `SIGSEGV` or `SIGBUS`, else 0.
        address: usize,
    },
    /// It was still running when its time was up, and was killed: what hung.
    TimedOut,
}

/// A forked process. One that nobody waits for is killed when this is dropped: a test that fails leaves no process behind, which would
/// hold the test's output open.
#[derive(Debug)]
pub struct Child {
    process: Process,
    fault: Fault,
    /// The last to be dropped, so that it is told when the process has ended.
    said: Option<Said>,
}

/// A child of this process that was not waited for, so that the number names it.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) i32);

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: the number names a child of this process.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, ptr::null_mut(), 0);
        }
    }
}

/// A page that is shared with a child, which writes the address of a fault there.
#[derive(Debug)]
struct Fault(*mut AtomicUsize);

impl Fault {
    fn new() -> io::Result<Self> {
        // SAFETY: a new anonymous page, at no particular address.
        let page = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(ptr::null_mut(), size_of::<AtomicUsize>(), access, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
        };
        if page == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(page.cast())) }
    }

    fn address(&self) -> usize {
        // SAFETY: the page stays mapped as long as `self`.
        unsafe { &*self.0 }.load(SeqCst)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // SAFETY: the page that `new` mapped, which only this value refers to in this process.
        unsafe { libc::munmap(self.0.cast(), size_of::<AtomicUsize>()) };
    }
}

/// Where this process writes the address of a fault; shared with its parent. Null in a process that is no [`Child`].
static FAULT: AtomicPtr<AtomicUsize> = AtomicPtr::new(ptr::null_mut());

impl Child {
    /// Forks. The child runs `body` and exits with what that returns; a panic exits with 101.
    ///
    /// What the child writes to its standard error, a panic's message too, the parent writes to its own when the child has ended. In a test
    /// that passes, the test harness keeps it to itself.
    ///
    /// Like every child of a process with threads, it should not wait for anything those may have held.
    ///
    /// # Errors
    ///
    /// The system refuses a page or a process.
    pub fn fork(body: impl FnOnce() -> i32) -> io::Result<Self> {
        hear_children();
        let fault = Fault::new()?;
        let said = Said::new();
        // SAFETY: the child leaves by `_exit` and returns to nobody.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                FAULT.store(fault.0, SeqCst);
                said.iter().for_each(Said::hear);
                watch_faults();
                let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
                // SAFETY: ends the process.
                unsafe { libc::_exit(code) }
            }
            pid => Ok(Self { process: Process(pid), fault, said }),
        }
    }

    /// Runs `body` in a child and waits for its end, at most two minutes.
    ///
    /// # Errors
    ///
    /// As for [`fork`](Self::fork).
    pub fn run(body: impl FnOnce() -> i32) -> io::Result<End> {
        Self::fork(body)?.wait()
    }

    /// The child's process id.
    pub fn pid(&self) -> i32 {
        self.process.0
    }

    /// Waits for the child's end, at most two minutes.
    ///
    /// # Errors
    ///
    /// The child was waited for by somebody else.
    pub fn wait(self) -> io::Result<End> {
        let Self { process, fault, said: _said } = self;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let mut status = 0;
            // SAFETY: `status` is a valid place for the result.
            match unsafe { libc::waitpid(process.0, &mut status, libc::WNOHANG) } {
                0 => std::thread::sleep(Duration::from_millis(1)),
                waited => {
                    let end = if waited == -1 { Err(io::Error::last_os_error()) } else { Ok(End::of(status, &fault)) };
                    // The number may be another's from now on.
                    mem::forget(process);
                    return end;
                }
            }
        }
        Ok(End::TimedOut)
    }
}

impl End {
    /// What `waitpid` says of a child, with what that wrote down itself.
    fn of(status: i32, fault: &Fault) -> Self {
        if libc::WIFEXITED(status) {
            Self::Code(libc::WEXITSTATUS(status))
        } else {
            Self::Signal { signal: libc::WTERMSIG(status), address: fault.address() }
        }
    }
}

/// Fails unless a child in which `body` runs, and asserts, comes to its end.
#[track_caller]
pub fn in_child(body: impl FnOnce()) {
    let end = Child::run(|| {
        body();
        0
    });
    assert_eq!(end.expect("no child"), End::Code(0));
}

/// Returns how a child ends that stores a byte to `address`.
///
/// # Panics
///
/// The system refuses a process.
pub fn store(address: usize) -> End {
    Child::run(|| {
        // SAFETY: none: this is the stray store that the kernel must stop. If it does not, the child ends at once, with what it wrote.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(0xAA) };
        0
    })
    .unwrap()
}

/// Returns the end of a child that the kernel stopped at `address`.
pub fn stopped(address: usize) -> End {
    End::Signal { signal: libc::SIGSEGV, address }
}

/// Looks at a child, by its process id and from here, when `body` is done there and before it ends.
#[track_caller]
pub fn watched<R>(body: impl FnOnce(), look: impl FnOnce(i32) -> R) -> R {
    let (mut here, mut there) = UnixStream::pair().expect("no socket");
    let child = Child::fork(|| {
        body();
        there.write_all(&[1]).unwrap();
        there.read_exact(&mut [0]).unwrap();
        0
    });
    let child = child.expect("no child");
    drop(there);
    here.set_read_timeout(Some(PATIENCE)).unwrap();
    here.read_exact(&mut [0]).expect("the child did not come to its end");
    let seen = look(child.pid());
    here.write_all(&[1]).unwrap();
    assert_eq!(child.wait().unwrap(), End::Code(0));
    seen
}

/// Returns `true` in a [`Child`].
pub(crate) fn is_child() -> bool {
    !FAULT.load(SeqCst).is_null()
}

/// Makes what a child says when it panics heard by its parent, whatever the test harness does with its own process's output.
///
/// The hook is set before the first fork and not in the child, which would wait for ever if another thread was panicking when it was made.
fn hear_children() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    static DONE: AtomicBool = AtomicBool::new(false);
    if std::thread::panicking() {
        return;
    }
    if BEGUN.swap(true, SeqCst) {
        // A child made while another thread sets the hook would find it locked.
        while !DONE.load(SeqCst) {
            std::thread::yield_now();
        }
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !is_child() {
            return before(info);
        }
        let text = format!("in a child: {info}\n");
        past_the_harness(&text);
    }));
    DONE.store(true, SeqCst);
}

/// Makes this process write down where it faults, and then die of it as it would have.
fn watch_faults() {
    extern "C" fn note(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid `siginfo_t`; `FAULT` points to the shared page; only async-signal-safe calls are made. Back
        // at the faulting instruction, it faults again and finds the default action.
        unsafe {
            (*FAULT.load(SeqCst)).store((*info).si_addr().addr(), SeqCst);
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    // SAFETY: an all-zero `sigaction` is valid; the handler has the signature that `SA_SIGINFO` asks for.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = note as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &action, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn exists(pid: i32) -> bool {
        // SAFETY: signal 0 asks whether the process is there.
        unsafe { libc::kill(pid, 0) == 0 }
    }

    fn for_ever() -> i32 {
        loop {
            std::thread::sleep(PATIENCE);
        }
    }

    #[test]
    fn a_child_that_nobody_waits_for_ends_with_its_owner() {
        let child = Child::fork(for_ever).unwrap();
        let pid = child.pid();
        assert!(exists(pid));
        drop(child);
        assert!(!exists(pid));
    }

    #[test]
    fn a_look_that_fails_leaves_no_child_behind() {
        let mut seen = 0;
        let look = |pid| {
            seen = pid;
            panic!("what this test is about");
        };
        assert!(catch_unwind(AssertUnwindSafe(|| watched(|| {}, look))).is_err());
        assert!(seen != 0 && !exists(seen));
    }

    #[test]
    fn what_a_child_says_when_it_panics_is_its_parents_to_tell() {
        let child = Child::fork(|| panic!("what this test is about")).unwrap();
        let said = || child.said.as_ref().map(Said::text).unwrap_or_default();
        let start = Instant::now();
        while !said().contains("what this test is about") && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(said().starts_with("in a child: panicked at "), "{}", said());
        assert_eq!(child.wait().unwrap(), End::Code(101));
    }

    #[test]
    fn a_panic_is_an_end_that_the_parent_sees() {
        assert_eq!(Child::run(|| panic!("what this test is about")).unwrap(), End::Code(101));
        assert_eq!(Child::run(|| 7).unwrap(), End::Code(7));
    }
}
