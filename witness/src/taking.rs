//! A page source whose refused discards take access, as the contract allows.

use permacode::error::{PageCall, PageError};
use permacode::pages::{PageSource, Step, SystemPages};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Pages of the system, of which a refused discard has lost its access, and a commit after it may be refused too: what Windows may do.
#[derive(Debug, Default)]
pub struct Taking {
    discards: AtomicUsize,
    commits: AtomicUsize,
    panics: AtomicBool,
}

impl Taking {
    /// Starts with a system that refuses nothing.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Refuses the n-th discard from now on; none for 0.
    pub fn refuse_discard(&self, nth: usize) {
        self.discards.store(nth, Relaxed);
    }

    /// Panics at the n-th discard from now on, in place of a refusal.
    pub fn panic_at_discard(&self, nth: usize) {
        self.panics.store(true, Relaxed);
        self.refuse_discard(nth);
    }

    /// The same of commits.
    pub fn refuse_commit(&self, nth: usize) {
        self.commits.store(nth, Relaxed);
    }

    /// Returns `true` if the discard that is to be refused is still to come.
    pub fn refuses_a_discard(&self) -> bool {
        self.discards.load(Relaxed) > 0
    }

    /// The same of commits.
    pub fn refuses_a_commit(&self) -> bool {
        self.commits.load(Relaxed) > 0
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
                assert!(!self.panics.load(Relaxed), "a source that panics");
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
