//! The handler of `SIGSEGV`: it says whose code was hit, and hands the signal on to whoever had it before.
//!
//! ```text
//!   before ──▶ ours ──▶ [a handler installed later, which may call ours]
//!      ▲         │
//!      └─────────┘  called as the kernel would have called it
//! ```
//!
//! It is installed once in a process, and never taken away: whoever installed another one since may call it. What was there before is known
//! before ours can run. If it was the default action, that is put back, and the same instruction faults again. So the process dies of the same
//! signal at the same place, and its core dump shows that.

use super::access::Access;
use super::line::Line;
use crate::code::look;
use crate::error::Error;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

struct Handler {
    /// A thread installs it, or has.
    begun: AtomicBool,
    /// The action that was there before, as the system told: when asked, and when it was replaced. Each is written once, by the thread that
    /// installs.
    before: [UnsafeCell<MaybeUninit<libc::sigaction>>; 2],
    /// The number of the one to be called, and one. 0: ours is not there yet.
    which: AtomicUsize,
}

// SAFETY: `before` is written by the one thread that set `begun`, and an entry is read only after `which` published it.
unsafe impl Sync for Handler {}

static HANDLER: Handler = Handler {
    begun: AtomicBool::new(false),
    before: [const { UnsafeCell::new(MaybeUninit::uninit()) }; 2],
    which: AtomicUsize::new(0),
};

/// Installs the handler, unless some thread has begun to.
///
/// The system is asked what is there before ours is put there, since another thread may fault at once. If it was replaced in between, the last
/// answer counts. A child that was forked in the middle has no handler, and reports nothing.
pub(super) fn install() -> Result<(), Error> {
    if HANDLER.begun.swap(true, AcqRel) {
        return Ok(());
    }
    let installed = install_first();
    if installed.is_err() {
        HANDLER.begun.store(false, Release);
    }
    installed
}

fn install_first() -> Result<(), Error> {
    let before = exchange(None)?;
    HANDLER.publish(0, before);
    // SAFETY: zeros are a `sigaction`: no flags, an empty mask.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = report as *const () as usize;
    // A handler that was there runs on the stack that it asked for. Otherwise an alternate stack is used, if the thread has one.
    let inherited = if is_function(&before) {
        before.sa_flags & (libc::SA_ONSTACK | libc::SA_RESTART)
    } else {
        libc::SA_ONSTACK | libc::SA_RESTART
    };
    ours.sa_flags = libc::SA_SIGINFO | inherited;
    let replaced = exchange(Some(&ours))?;
    if replaced.sa_sigaction != before.sa_sigaction {
        HANDLER.publish(1, replaced);
    }
    Ok(())
}

/// Returns the action of `SIGSEGV`, and puts another one there if one is given.
fn exchange(new: Option<&libc::sigaction>) -> Result<libc::sigaction, Error> {
    // SAFETY: zeros are a `sigaction`.
    let mut old: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: valid or null places for both. Ours is a handler with three arguments, as its flags say.
    if unsafe { libc::sigaction(libc::SIGSEGV, new.map_or(ptr::null(), ptr::from_ref), &mut old) } == 0 {
        return Ok(old);
    }
    // SAFETY: this thread's own number.
    Err(Error::SignalHandler { code: unsafe { *libc::__errno_location() } })
}

fn is_function(action: &libc::sigaction) -> bool {
    action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN
}

impl Handler {
    /// Says what was there before. The caller has set `begun`, and ours is not there, or looks at the other one.
    fn publish(&self, number: usize, action: libc::sigaction) {
        // SAFETY: nobody else writes there, and nobody reads there before the store below.
        unsafe { (*self.before[number].get()).write(action) };
        self.which.store(number + 1, Release);
    }

    fn before(&self) -> Option<libc::sigaction> {
        let number = self.which.load(Acquire).checked_sub(1)?;
        // SAFETY: published, and not written to again while ours is there.
        Some(unsafe { (*self.before[number].get()).assume_init_read() })
    }
}

/// The handler.
///
/// # Safety
///
/// The arguments are those that the kernel passes to a handler with `SA_SIGINFO`.
unsafe extern "C" fn report(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the number is this thread's own; what is interrupted finds it as it was.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the caller's promise.
    let fault = unsafe { faulted_at(signal, info) };
    if let Some(address) = fault {
        // SAFETY: the caller's promise.
        let access = unsafe { Access::of(context) };
        // The line is written when nobody looks at the arena any more, since that may take its time.
        if let Some(line) = look(address, |place| Line::of(access, place)) {
            line.write();
        }
    }
    // SAFETY: as above.
    unsafe {
        *libc::__errno_location() = errno;
        pass_on(signal, info, context, fault.is_none());
    }
}

/// The address whose access faulted; `None` for a signal that somebody sent, and for a fault that has none.
///
/// # Safety
///
/// `info` is null, or the second argument of a handler.
unsafe fn faulted_at(signal: c_int, info: *const libc::siginfo_t) -> Option<usize> {
    // SAFETY: the caller's promise.
    let info = unsafe { info.as_ref() }.filter(|info| signal == libc::SIGSEGV && (1..0x80).contains(&info.si_code))?;
    // SAFETY: the kernel fills in the address of such a fault.
    Some(unsafe { info.si_addr() }.addr())
}

/// Does what the kernel would have done without ours.
///
/// # Safety
///
/// As for [`report`].
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void, sent: bool) {
    let Some(before) = HANDLER.before() else { return };
    match before.sa_sigaction {
        libc::SIG_IGN if sent => {}
        // A fault cannot be ignored. At the same instruction it happens again.
        libc::SIG_DFL | libc::SIG_IGN => {
            set_default(signal);
            if sent {
                // SAFETY: it waits until this handler returns.
                unsafe { libc::raise(signal) };
            }
        }
        function => {
            if before.sa_flags & libc::SA_RESETHAND != 0 {
                set_default(signal);
            }
            // SAFETY: sets of this frame; the kernel restores the mask when the handler returns.
            unsafe {
                let mut unblocked: libc::sigset_t = mem::zeroed();
                libc::sigemptyset(&mut unblocked);
                if before.sa_flags & libc::SA_NODEFER != 0 {
                    libc::sigaddset(&mut unblocked, signal);
                }
                libc::pthread_sigmask(libc::SIG_UNBLOCK, &unblocked, ptr::null_mut());
                libc::pthread_sigmask(libc::SIG_BLOCK, &before.sa_mask, ptr::null_mut());
            }
            // SAFETY: whoever installed it promised the kernel a function of this type, and the arguments are the kernel's.
            unsafe {
                if before.sa_flags & libc::SA_SIGINFO != 0 {
                    mem::transmute::<usize, unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(function)(
                        signal, info, context,
                    );
                } else {
                    mem::transmute::<usize, unsafe extern "C" fn(c_int)>(function)(signal);
                }
            }
        }
    }
}

fn set_default(signal: c_int) {
    // SAFETY: zeros are a `sigaction`: the default action, no flags, an empty mask.
    unsafe {
        let default: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, &default, ptr::null_mut());
    }
}
