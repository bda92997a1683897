//! Handlers that others installed, before and after: each is called as the kernel would have called it.

use super::alone::alone;
use super::{sealed, store};
use std::arch::asm;
use std::ffi::{c_int, c_void};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

const LINE: &str = "permacode: store to sealed code, module json + 8";

type WithInfo = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// What the handlers of these tests have seen.
static CALLS: AtomicUsize = AtomicUsize::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static BLOCKED: AtomicUsize = AtomicUsize::new(0);
static LATER: AtomicUsize = AtomicUsize::new(0);
static OLD: AtomicUsize = AtomicUsize::new(0);
static IS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// Which of `SIGSEGV` and `SIGUSR1` are blocked in this thread, as two bits.
fn blocked() -> usize {
    // SAFETY: a set of this frame that the kernel fills.
    unsafe {
        let mut mask: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
        (libc::sigismember(&mask, libc::SIGSEGV) | libc::sigismember(&mask, libc::SIGUSR1) << 1) as usize
    }
}

/// Goes on behind the instruction of [`stray`]: what an interpreter does that makes faults exceptions.
extern "C" fn skip(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    assert_eq!(signal, libc::SIGSEGV);
    // SAFETY: the kernel's own arguments.
    unsafe {
        ADDRESS.store((*info).si_addr().addr(), SeqCst);
        (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 3;
        let mut now: libc::sigaction = mem::zeroed();
        libc::sigaction(libc::SIGSEGV, std::ptr::null(), &mut now);
        IS_DEFAULT.store(now.sa_sigaction == libc::SIG_DFL, SeqCst);
    }
    BLOCKED.store(blocked(), SeqCst);
    CALLS.fetch_add(1, SeqCst);
}

/// The kind of handler that is told the signal alone. It leaves nothing to repair the fault with, so it ends the process.
extern "C" fn end(signal: c_int) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(signal) };
}

/// Counts, and calls what it replaced.
extern "C" fn later(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    LATER.fetch_add(1, SeqCst);
    // SAFETY: a handler with three arguments, as its flags said.
    unsafe { mem::transmute::<usize, WithInfo>(OLD.load(SeqCst))(signal, info, context) };
}

/// Installs a handler. Returns the one that was there.
fn install(handler: usize, flags: c_int, blocks: Option<c_int>) -> usize {
    // SAFETY: handlers of this file, with the arguments that the flags ask for.
    unsafe {
        let (mut action, mut old): (libc::sigaction, libc::sigaction) = (mem::zeroed(), mem::zeroed());
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        blocks.iter().for_each(|&signal| _ = libc::sigaddset(&mut action.sa_mask, signal));
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, &mut old), 0);
        old.sa_sigaction
    }
}

/// A store of one instruction, three bytes long.
fn stray(address: usize) {
    // SAFETY: none: the kernel stops it, and `skip` goes on behind it.
    unsafe { asm!("mov byte ptr [rdi], 1", in("rdi") address, options(nostack)) };
}

#[test]
fn a_handler_that_repairs_the_fault_is_called_each_time_and_the_process_goes_on() {
    let ended = alone(|| {
        install(skip as WithInfo as usize, libc::SA_SIGINFO, Some(libc::SIGUSR1));
        let (arena, address) = sealed("json");
        (1..=3).for_each(|call| {
            stray(address);
            assert_eq!((CALLS.load(SeqCst), ADDRESS.load(SeqCst), BLOCKED.load(SeqCst)), (call, address, 0b11));
        });
        assert_eq!(blocked(), 0, "the mask is as it was");
        drop(arena);
    });
    assert_eq!((ended.code, ended.lines()), (Some(0), vec![LINE; 3]), "{}", ended.text);
}

#[test]
fn a_handler_that_does_not_block_its_signal_finds_it_open() {
    let ended = alone(|| {
        install(skip as WithInfo as usize, libc::SA_SIGINFO | libc::SA_NODEFER, None);
        let (_arena, address) = sealed("json");
        stray(address);
        assert_eq!((CALLS.load(SeqCst), BLOCKED.load(SeqCst)), (1, 0));
    });
    assert_eq!((ended.code, ended.lines()), (Some(0), vec![LINE]), "{}", ended.text);
}

#[test]
fn a_handler_that_serves_once_serves_once() {
    let ended = alone(|| {
        install(skip as WithInfo as usize, libc::SA_SIGINFO | libc::SA_RESETHAND, None);
        let (_arena, address) = sealed("json");
        stray(address);
        assert_eq!((CALLS.load(SeqCst), IS_DEFAULT.load(SeqCst)), (1, true));
        stray(address);
    });
    ended.said(LINE);
}

#[test]
fn a_handler_of_one_argument_is_called_with_it() {
    let ended = alone(|| {
        install(end as extern "C" fn(c_int) as usize, 0, None);
        let (_arena, address) = sealed("json");
        store(address);
    });
    assert_eq!((ended.code, ended.lines()), (Some(libc::SIGSEGV), vec![LINE]), "{}", ended.text);
}

#[test]
fn a_handler_that_was_installed_later_may_call_the_one_that_reports() {
    let ended = alone(|| {
        install(skip as WithInfo as usize, libc::SA_SIGINFO, None);
        let (arena, address) = sealed("json");
        OLD.store(install(later as WithInfo as usize, libc::SA_SIGINFO, None), SeqCst);
        // One more arena does not put the handler in front again, which would be a circle.
        let (_other, _) = sealed("other");
        stray(address);
        assert_eq!((LATER.load(SeqCst), CALLS.load(SeqCst)), (1, 1));
        drop(arena);
    });
    assert_eq!((ended.code, ended.lines()), (Some(0), vec![LINE]), "{}", ended.text);
}

#[test]
fn what_is_interrupted_finds_its_error_number_again() {
    let ended = alone(|| {
        install(skip as WithInfo as usize, libc::SA_SIGINFO, None);
        let (_arena, address) = sealed("json");
        // SAFETY: this thread's number; a descriptor that is closed, so that the report's own calls fail.
        unsafe {
            libc::close(libc::STDERR_FILENO);
            *libc::__errno_location() = 1234;
            stray(address);
            assert_eq!(*libc::__errno_location(), 1234);
        }
        assert_eq!(CALLS.load(SeqCst), 1);
    });
    assert_eq!(ended.code, Some(0));
}
