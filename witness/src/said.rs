//! What a child writes to its standard error, kept for its parent.

use crate::child::is_child;
use crate::kernel::SKIPPED;
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;

/// A file in memory in the place of a child's standard error. What it holds is told when it is dropped.
///
/// A child that must die says so, as a panic or as `SIGSEGV` in other words, and a reader of a passing run would take it for a failure. The
/// parent tells it by `eprint!`, which a test harness shows if the test fails.
#[derive(Debug)]
pub(crate) struct Said(File);

impl Said {
    /// Makes the file; `None` where the system refuses, and what a child says is heard at once.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: the name is a string that ends with a zero; the descriptor that is returned is nobody else's.
        unsafe {
            let file = libc::memfd_create(c"said".as_ptr(), libc::MFD_CLOEXEC);
            (file >= 0).then(|| Self(File::from_raw_fd(file)))
        }
    }

    /// Makes it this process's standard error; for the child.
    pub(crate) fn hear(&self) {
        // SAFETY: an open descriptor in the place of another; nobody's memory depends on either.
        unsafe { libc::dup2(self.0.as_raw_fd(), libc::STDERR_FILENO) };
    }

    /// All that was written, as text.
    pub(crate) fn text(&self) -> String {
        let mut bytes = vec![0; self.0.metadata().map_or(0, |file| file.len() as usize)];
        let read = self.0.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        for line in self.text().split_inclusive('\n') {
            if is_child() || line.starts_with(SKIPPED) { past_the_harness(line) } else { eprint!("{line}") }
        }
    }
}

/// Writes to the standard error, past any test harness that keeps a test's output.
pub(crate) fn past_the_harness(text: &str) {
    // SAFETY: the descriptor is open as long as the process lives, and is not closed here.
    let mut stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(libc::STDERR_FILENO) });
    let _ = stderr.write_all(text.as_bytes());
}
