//! Arenas that are made, loaded and dropped while other threads fault in them, and handlers look at their records.

use super::alone::alone;
use permacode::CodeArena;
use permacode::testing::Pages;
use std::arch::asm;
use std::ffi::{c_int, c_void};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread;

static FAULTS: AtomicUsize = AtomicUsize::new(0);
static TARGET: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

/// Goes on behind the load.
extern "C" fn skip(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's own arguments.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 2 };
    FAULTS.fetch_add(1, Relaxed);
}

/// A load of one instruction, two bytes long. It does no harm if something else lies there by now.
fn stray(address: usize) {
    // SAFETY: a load from memory that is no Rust object; `skip` goes on behind it if there is none.
    unsafe { asm!("mov al, [rdi]", in("rdi") address, out("al") _, options(nostack, readonly)) };
}

fn install() {
    // SAFETY: a handler with three arguments, as the flags say.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = skip as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
        // The lines are not what this is about, and would be slow.
        libc::close(libc::STDERR_FILENO);
    }
}

#[test]
fn no_handler_reads_what_was_unmapped() {
    const ARENAS: usize = 3000;
    let ended = alone(|| {
        install();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !DONE.load(Relaxed) {
                        stray(TARGET.load(Relaxed));
                    }
                });
            }
            for number in 0..ARENAS {
                let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
                arena.report_faults().unwrap();
                // In pages that have no access, so that the handler goes through all modules.
                TARGET.store(arena.address_range().end - 1, Relaxed);
                for module in 0..number % 40 {
                    arena.load(&format!("module {module}")).unwrap().alloc(number).unwrap();
                }
                if number % 3 == 0 {
                    thread::yield_now();
                }
            }
            DONE.store(true, Relaxed);
        });
        assert!(FAULTS.load(Relaxed) > ARENAS, "{FAULTS:?}");
    });
    assert_eq!((ended.signal, ended.code), (None, Some(0)), "{}", ended.text);
}

#[test]
fn arenas_that_report_give_everything_back() {
    let ended = alone(|| {
        let pages = Pages::system();
        for _ in 0..200 {
            let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
            arena.report_faults().unwrap();
            arena.load("m").unwrap().alloc_str("code").unwrap();
            drop(Box::new(arena));
        }
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    });
    ended.passed();
}
