//! Pages of any size.

use permacode::error::{PageCall, PageError};
use permacode::pages::{PageSource, Step};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Ordinary memory in pages of any size, aligned to that size and no better, with a page that is nobody's on either side.
pub(crate) struct PagesOf(pub(crate) usize);

impl PagesOf {
    fn layout(&self, bytes: usize) -> Layout {
        Layout::from_size_align(bytes + 2 * self.0, 2 * self.0).unwrap()
    }

    fn whole(&self, at: NonNull<u8>, bytes: usize) {
        assert!(
            at.addr().get() % self.0 == 0 && bytes % self.0 == 0 && bytes > 0,
            "{at:?} {bytes} are no pages of {}",
            self.0
        );
    }
}

// SAFETY: ordinary memory, as `OrdinaryPages`; the reservation begins one page into an allocation that is aligned to two.
unsafe impl PageSource for PagesOf {
    fn page_size(&self) -> usize {
        self.0
    }

    fn protects(&self) -> bool {
        false
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        // SAFETY: the layout's size is not zero; it is two pages more than asked for.
        let at = NonNull::new(unsafe { alloc_zeroed(self.layout(bytes)).add(self.0) });
        at.ok_or(PageError { call: PageCall::Reserve, bytes, code: 0 })
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        self.whole(at, bytes);
        match step {
            Step::Commit | Step::Populate | Step::Seal | Step::Plain => Ok(()),
            Step::Decommit | Step::Discard => {
                // SAFETY: the caller's range is its own.
                unsafe { at.write_bytes(0, bytes) };
                Ok(())
            }
            _ => step.refuse(bytes),
        }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        self.whole(at, bytes);
        Ok(bytes)
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: `reserve` allocated it with this layout, one page before.
        unsafe { dealloc(at.as_ptr().sub(self.0), self.layout(bytes)) };
        Ok(())
    }
}
