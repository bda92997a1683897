//! A page source in whose calls other things happen.

use permacode::error::{PageCall, PageError};
use permacode::pages::{PageSource, Step};
use permacode::testing::Pages;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

type Plan = (PageCall, Box<dyn FnOnce()>);

thread_local! {
    /// What happens inside of the next page call of this kind by this thread.
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// Watched pages, between whose checks and whose work a test can do what another thread would do at that moment; and a system that, from
/// a moment on, refuses everything.
pub(crate) struct Disturbed {
    pub(crate) pages: Arc<Pages>,
    refusing: AtomicBool,
}

impl Disturbed {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { pages: Pages::system(), refusing: AtomicBool::new(false) })
    }

    /// Refuses every call but the last, from now on or no longer.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, SeqCst);
    }

    /// Runs `body`; in the middle of its first page call of this kind, before the system is asked, `meanwhile` happens.
    pub(crate) fn during<R>(call: PageCall, meanwhile: impl FnOnce(), body: impl FnOnce() -> R) -> R {
        let meanwhile: Box<dyn FnOnce() + '_> = Box::new(meanwhile);
        // SAFETY: only the lifetime changes, and the closure is taken out of the plan again before this function returns; the tests that
        // use this do not unwind through it and go on.
        let meanwhile =
            unsafe { core::mem::transmute::<Box<dyn FnOnce() + '_>, Box<dyn FnOnce() + 'static>>(meanwhile) };
        PLAN.set(Some((call, meanwhile)));
        let result = body();
        assert!(PLAN.take().is_none(), "no page call of that kind was made");
        result
    }

    fn call(&self, call: PageCall, bytes: usize) -> Result<(), PageError> {
        let planned = PLAN.with_borrow_mut(|plan| plan.take_if(|(kind, _)| *kind == call));
        planned.into_iter().for_each(|(_, meanwhile)| meanwhile());
        if self.refusing.load(SeqCst) { Err(PageError { call, bytes, code: libc::ENOMEM }) } else { Ok(()) }
    }
}

// SAFETY: every call is forwarded to a source that keeps the contract, or refused.
unsafe impl PageSource for Disturbed {
    fn page_size(&self) -> usize {
        self.pages.page_size()
    }

    fn protects(&self) -> bool {
        self.pages.protects()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        self.call(PageCall::Reserve, bytes)?;
        self.pages.reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        match step {
            Step::Plain => Ok(()),
            Step::SealExecutable | Step::Replace { .. } | Step::Fix | Step::Huge { .. } => step.refuse(bytes),
            _ => {
                self.call(step.call(), bytes)?;
                // SAFETY: the caller's contract.
                unsafe { self.pages.apply(step, at, bytes) }
            }
        }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.pages.resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { self.pages.release(at, bytes) }
    }
}
