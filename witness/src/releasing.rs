//! A page source in whose releases a program's own code runs.

use permacode::CodeArena;
use permacode::error::PageError;
use permacode::pages::{OrdinaryPages, PageSource, Step};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;

type Call = Box<dyn FnOnce()>;

thread_local! {
    /// What happens inside of the next release by this thread.
    static NEXT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// Ordinary pages of a program that does something of its own while a reservation is released: drops an owner, say.
#[derive(Debug, Default)]
pub struct Releasing(());

impl Releasing {
    /// Makes a source.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes an arena on such pages.
    ///
    /// # Panics
    ///
    /// The system refuses.
    pub fn arena(self: &Arc<Self>) -> Arc<CodeArena> {
        Arc::new(CodeArena::builder().reservation(1 << 20).pages(self.clone()).build().unwrap())
    }

    /// Has this thread's next release of such pages call `meanwhile`, before anything is released.
    ///
    /// # Panics
    ///
    /// What was to be called before still waits.
    pub fn next(meanwhile: impl FnOnce() + 'static) {
        assert!(!Self::waits(), "no release came");
        NEXT.set(Some(Box::new(meanwhile)));
    }

    /// Returns `true` if what is to be called was not called yet.
    pub fn waits() -> bool {
        NEXT.with_borrow(Option::is_some)
    }
}

// SAFETY: those of `OrdinaryPages`; what is called meanwhile touches no page of the reservation.
unsafe impl PageSource for Releasing {
    fn page_size(&self) -> usize {
        OrdinaryPages.page_size()
    }

    fn protects(&self) -> bool {
        OrdinaryPages.protects()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        OrdinaryPages.reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's contract.
        unsafe { OrdinaryPages.apply(step, at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        if let Some(meanwhile) = NEXT.take() {
            meanwhile();
        }
        // SAFETY: the caller's contract.
        unsafe { OrdinaryPages.release(at, bytes) }
    }
}
