//! The stack that the handler runs on.

use super::alone::alone;
use super::{sealed, store};
use permacode_witness::{Child, End};
use std::mem;
use std::ptr;

/// Bytes of an alternate stack: as the standard library gives its threads.
const STACK: usize = 16 << 10;

/// Memory that a child shares with its parent, of zeros.
fn shared() -> &'static mut [u8] {
    // SAFETY: a new mapping at no particular address, which stays.
    unsafe {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let at = libc::mmap(ptr::null_mut(), STACK, access, flags, -1, 0);
        assert_ne!(at, libc::MAP_FAILED);
        std::slice::from_raw_parts_mut(at.cast(), STACK)
    }
}

#[test]
fn it_runs_on_the_alternate_stack_of_a_thread_and_needs_less_than_a_page_of_it() {
    let ended = alone(|| {
        let stack = shared();
        let at = stack.as_mut_ptr();
        let child = Child::fork(move || {
            // SAFETY: memory of the size that is said; the default action.
            unsafe {
                let stack = libc::stack_t { ss_sp: at.cast(), ss_flags: 0, ss_size: STACK };
                assert_eq!(libc::sigaltstack(&stack, ptr::null_mut()), 0);
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            }
            let (_arena, address) = sealed("json");
            store(address);
            0
        });
        assert!(matches!(child.unwrap().wait().unwrap(), End::Signal { signal: libc::SIGSEGV, .. }));
        // SAFETY: the child is gone.
        let used = unsafe { std::slice::from_raw_parts(at, STACK) };
        let used = STACK - used.iter().take_while(|&&byte| byte == 0).count();
        // SAFETY: a question to the system.
        let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        assert!(used > 500, "the handler ran elsewhere: {used}");
        assert!(used < frame + 4096, "{used} bytes, {frame} of them the kernel's");
    });
    assert_eq!((ended.code, ended.lines().len()), (Some(0), 1), "{ended:?}");
}

#[test]
fn a_thread_without_an_alternate_stack_reports_on_its_own() {
    let ended = alone(|| {
        // SAFETY: takes this thread's alternate stack away; the default action.
        unsafe {
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            assert_eq!(libc::sigaltstack(&none, ptr::null_mut()), 0);
            let mut now: libc::stack_t = mem::zeroed();
            libc::sigaltstack(ptr::null(), &mut now);
            assert_ne!(now.ss_flags & libc::SS_DISABLE, 0);
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        }
        let (_arena, address) = sealed("json");
        store(address);
    });
    ended.said("permacode: store to sealed code, module json + 8");
}
