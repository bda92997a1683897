//! Pages of ordinary memory: for Miri, and for platforms without a back end of their own.

use super::{PageSource, Step};
use crate::error::{PageCall, PageError};
use core::alloc::Layout;
use core::ptr::NonNull;

/// Plain zeroed memory in the shape of pages, which nothing protects.
///
/// All logic above runs on it unchanged, so that tools which cannot follow system calls see every byte the arena touches. Sealing
/// changes nothing here, and [`Module::protection`](crate::Module::protection) says so. A reservation is one allocation of its whole
/// size: set a small one.
///
/// A page is 4096 bytes. Reserving is one zeroed allocation of a page more, which most allocators take from the system
/// untouched if it is large. Releasing gives it back, a decommit writes zeros, and all else costs nothing. Reserving
/// fails where the allocator does.
///
/// ```
/// use permacode::pages::OrdinaryPages;
/// use permacode::CodeArena;
/// use permacode::code::Protection;
///
/// let arena = CodeArena::builder().reservation(256 << 10).pages(std::sync::Arc::new(OrdinaryPages)).build()?;
/// let loader = arena.load("m")?;
/// loader.alloc(1u8)?;
/// assert_eq!(loader.seal()?.protection(), Protection::TypeOnly);
/// assert_eq!(arena.stats().pages, 1);
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OrdinaryPages;

const PAGE: usize = 4096;

impl OrdinaryPages {
    /// Returns the layout of the allocation for so many bytes of pages. It has these, and up to a page before
    /// them. The word just before the pages holds the address of the allocation.
    ///
    /// It is aligned to a word only. Allocators clear what they align themselves, every byte of it. The system clears
    /// what they do not align.
    fn layout(bytes: usize) -> Option<Layout> {
        let whole = bytes.checked_add(PAGE).filter(|_| bytes != 0)?;
        Layout::from_size_align(whole, align_of::<NonNull<u8>>()).ok()
    }
}

// SAFETY: the global allocator returns ranges that overlap nothing, in which the pages are aligned here; they are zeroed once here and
// again when they are given back; access never changes.
unsafe impl PageSource for OrdinaryPages {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn protects(&self) -> bool {
        false
    }

    #[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
    fn room(&self) -> Option<usize> {
        super::address_space::left()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        let refused = PageError { call: PageCall::Reserve, bytes, code: 0 };
        let layout = Self::layout(bytes).ok_or(refused)?;
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc::alloc::alloc_zeroed(layout) }).ok_or(refused)?;
        // SAFETY: the next page after the allocation's first byte begins at most a page behind it; it is aligned to a word, so there is
        // room for one before the page.
        unsafe {
            let base = start.add(PAGE - start.addr().get() % PAGE);
            base.cast::<NonNull<u8>>().sub(1).write(start);
            Ok(base)
        }
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        match step {
            Step::Commit | Step::Populate | Step::Seal | Step::Plain => Ok(()),
            Step::Decommit | Step::Discard => {
                // SAFETY: the caller's range is its own and nobody holds a reference into it, or relies on what it holds.
                unsafe { at.write_bytes(0, bytes) };
                Ok(())
            }
            _ => step.refuse(bytes),
        }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        let layout = Self::layout(bytes).ok_or(PageError { call: PageCall::Release, bytes, code: 0 })?;
        // SAFETY: the caller passes a whole reservation, which `reserve` allocated with this layout, noting where before its first page.
        unsafe { alloc::alloc::dealloc(at.cast::<NonNull<u8>>().sub(1).read().as_ptr(), layout) };
        Ok(())
    }
}
