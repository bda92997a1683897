//! A page source whose refused discards take access, as the contract allows.
#![allow(dead_code)] // each test file uses a part

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use permacode::error::{PageCall, PageError};
use permacode::pages::{PageSource, Step, SystemPages};
use std::sync::Arc;

/// Pages of the system, of which a refused discard has lost its access, and a commit after it may be refused too: what Windows may do.
#[derive(Default)]
pub(crate) struct Taking {
    discards: AtomicUsize,
    commits: AtomicUsize,
}

impl Taking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Refuses the n-th discard from now on; none for 0.
    pub(crate) fn refuse_discard(&self, nth: usize) {
        self.discards.store(nth, Relaxed);
    }

    /// The same of commits.
    pub(crate) fn refuse_commit(&self, nth: usize) {
        self.commits.store(nth, Relaxed);
    }

    /// Returns `true` if the discard that is to be refused is still to come.
    pub(crate) fn refuses_a_discard(&self) -> bool {
        self.discards.load(Relaxed) > 0
    }

    /// Counts down to the call that is refused.
    fn refuses(left: &AtomicUsize) -> bool {
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1)
    }
}

// SAFETY: every call is forwarded to the system's pages; a discard that is refused takes the access of its range, as the contract allows.
unsafe impl PageSource for Taking {
    fn page_size(&self) -> usize {
        SystemPages.page_size()
    }

    fn protects(&self) -> bool {
        true
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        SystemPages.reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        match step {
            Step::Commit if Self::refuses(&self.commits) => {
                Err(PageError { call: PageCall::Commit, bytes, code: libc::ENOMEM })
            }
            Step::Discard if Self::refuses(&self.discards) => {
                // SAFETY: nobody relies on what the range holds.
                unsafe { SystemPages.apply(Step::Decommit, at, bytes) }?;
                Err(PageError { call: PageCall::Discard, bytes, code: libc::ENOMEM })
            }
            // SAFETY: handed on.
            Step::Commit | Step::Discard | Step::Decommit => unsafe { SystemPages.apply(step, at, bytes) },
            Step::Plain => Ok(()),
            Step::Huge { .. } => step.refuse(bytes),
            _ => unreachable!("a heap does not"),
        }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: handed on.
        unsafe { SystemPages.release(at, bytes) }
    }
}
