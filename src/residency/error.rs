//! Reasons why the kernel did not tell.

use core::fmt;
use std::io::Error;

/// The reason why nothing can be said of a process's memory.
///
/// ```
/// use permacode::residency::{Residency, ResidencyError};
///
/// let nobody = u32::MAX; // no process has this number
/// assert_eq!(Residency::of_process(nobody, 0..4096).unwrap_err(), ResidencyError::Gone { pid: nobody });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResidencyError {
    /// The process belongs to somebody else, or may not be traced: reading its `smaps` takes the rights of a debugger.
    Permission {
        /// The process.
        pid: u32,
    },
    /// There is no such process, or it has ended, or it is a thread of the kernel's and has no memory.
    Gone {
        /// The process.
        pid: u32,
    },
    /// `/proc` is not mounted, or says nothing of this process's memory: a sandbox, or a kernel that was built without `smaps`.
    NoProc,
    /// The system refused to open or to read a file in `/proc`: there are too many open files, for example.
    Refused {
        /// The process.
        pid: u32,
        /// The system's error number (`errno`), 0 where it gave none.
        code: i32,
    },
    /// `/proc` says something unheard of.
    Unreadable {
        /// The process.
        pid: u32,
        /// The part that is unheard of.
        reason: &'static str,
    },
    /// The global allocator refused memory for the answer.
    Memory {
        /// Bytes asked for, at least.
        bytes: usize,
    },
}

impl ResidencyError {
    /// Translates a refusal in `/proc`.
    pub(super) fn of(pid: u32, error: &Error) -> Self {
        match error.raw_os_error().unwrap_or(0) {
            libc::EACCES | libc::EPERM => Self::Permission { pid },
            // Each process finds itself in a `/proc` that tells of processes.
            libc::ENOENT | libc::ENOTDIR if std::fs::metadata("/proc/self/smaps").is_err() => Self::NoProc,
            libc::ENOENT | libc::ENOTDIR | libc::ESRCH => Self::Gone { pid },
            code => Self::Refused { pid, code },
        }
    }
}

impl fmt::Display for ResidencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Permission { pid } => write!(f, "the memory of process {pid} may not be looked at"),
            Self::Gone { pid } => write!(f, "there is no process {pid}, or it has no memory"),
            Self::NoProc => f.write_str("/proc is not mounted, or says nothing of memory"),
            Self::Refused { pid, code } => {
                write!(f, "what /proc says of process {pid} cannot be read: {}", Error::from_raw_os_error(code))
            }
            Self::Unreadable { pid, reason } => write!(f, "what /proc says of process {pid} cannot be read: {reason}"),
            Self::Memory { bytes } => write!(f, "the global allocator refused {bytes} bytes"),
        }
    }
}

impl std::error::Error for ResidencyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_meaning() {
        let of = |code| ResidencyError::of(7, &Error::from_raw_os_error(code));
        for code in [libc::EACCES, libc::EPERM] {
            assert_eq!(of(code), ResidencyError::Permission { pid: 7 });
        }
        for code in [libc::ENOENT, libc::ENOTDIR, libc::ESRCH] {
            assert_eq!(of(code), ResidencyError::Gone { pid: 7 }); // this process finds itself
        }
        for code in [libc::EMFILE, libc::ENOMEM, libc::EIO] {
            assert_eq!(of(code), ResidencyError::Refused { pid: 7, code });
            assert!(of(code).to_string().contains(&Error::from_raw_os_error(code).to_string()));
        }
    }
}
