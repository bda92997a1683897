//! A child that does something and waits to be looked at.

use permacode_witness::{Child, End};
use std::io::{Read, pipe};
use std::os::fd::AsRawFd;

/// What the parent sees of a child that did `work` and then waits.
pub fn watched<R>(work: impl FnOnce() -> bool, look: impl FnOnce(i32) -> R) -> R {
    let (mut done, report) = pipe().unwrap();
    let (hold, release) = pipe().unwrap();
    let child = Child::fork({
        let release = release.as_raw_fd();
        let hold = &hold;
        move || {
            // SAFETY: the child's own copy, which would keep it from ever seeing the end of `hold`; the child leaves by `_exit`.
            unsafe { libc::close(release) };
            if !work() {
                return 1;
            }
            drop(report);
            let mut hold = hold;
            let _ = hold.read(&mut [0]);
            0
        }
    })
    .unwrap();
    let _ = done.read(&mut [0]);
    let seen = look(child.pid());
    drop(release);
    assert_eq!(child.wait().unwrap(), End::Code(0));
    seen
}
