//! A look at a child from outside, between two things that it does.

use permacode_witness::{Child, End};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

/// A child that does something, says so, and waits until the parent has looked.
pub(crate) fn watched<R>(body: impl FnOnce(), look: impl FnOnce(i32) -> R) -> R {
    // SAFETY: a new shared page, at no particular address, zero.
    let page = unsafe {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        libc::mmap(std::ptr::null_mut(), 64, access, flags, -1, 0)
    };
    assert_ne!(page, libc::MAP_FAILED);
    // SAFETY: the page stays mapped until the end of this function, in both processes.
    let state = unsafe { &*page.cast::<AtomicUsize>() };
    let wait_for = |value: usize| {
        let start = Instant::now();
        while state.load(Acquire) != value {
            assert!(start.elapsed() < Duration::from_secs(9), "the other process did not come");
            thread::sleep(Duration::from_micros(200));
        }
    };
    let child = Child::fork(|| {
        body();
        state.store(1, Release);
        wait_for(2);
        0
    })
    .unwrap();
    wait_for(1);
    let seen = look(child.pid());
    state.store(2, Release);
    assert_eq!(child.wait().unwrap(), End::Code(0));
    // SAFETY: nobody uses the page any more.
    assert_eq!(unsafe { libc::munmap(page, 64) }, 0);
    seen
}
