//! Why the kernel did not tell.

use core::fmt;
use procfs::ProcError;

/// Why nothing can be said of a process's memory.
///
/// [`Unreadable`](Self::Unreadable) holds text on the heap; the others are a number.
///
/// ```
/// use permacode::{Residency, ResidencyError};
///
/// let nobody = u32::MAX; // no process has this number
/// assert!(matches!(Residency::of_process(nobody, 0..4096), Err(ResidencyError::Gone { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResidencyError {
    /// The process belongs to somebody else, or may not be traced: reading its `smaps` takes the rights of a debugger.
    Permission {
        /// The process.
        pid: u32,
    },
    /// There is no such process, or it has ended, or it is a thread of the kernel's and has no memory; or `/proc` is not mounted.
    Gone {
        /// The process.
        pid: u32,
    },
    /// `/proc` says something unheard of.
    Unreadable {
        /// The process.
        pid: u32,
        /// What went wrong, in the words of those who parse it.
        reason: String,
    },
}

impl ResidencyError {
    pub(super) fn new(pid: u32, error: ProcError) -> Self {
        match error {
            ProcError::PermissionDenied(_) => Self::Permission { pid },
            // Of a process that ends while it is looked at, less is told from one moment to the next.
            ProcError::NotFound(_) | ProcError::Incomplete(_) => Self::Gone { pid },
            // 3: no such process (ESRCH).
            ProcError::Io(error, _)
                if error.raw_os_error() == Some(3) || error.kind() == std::io::ErrorKind::UnexpectedEof =>
            {
                Self::Gone { pid }
            }
            other => Self::Unreadable { pid, reason: other.to_string() },
        }
    }
}

impl fmt::Display for ResidencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission { pid } => write!(f, "the memory of process {pid} may not be looked at"),
            Self::Gone { pid } => write!(f, "there is no process {pid}, or it has no memory"),
            Self::Unreadable { pid, reason } => write!(f, "what /proc says of process {pid} cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for ResidencyError {}
