//! One contiguous range of address space and what its owner may do with it.
//!
//! ```text
//!   base                                                              base + len
//!    ├── committed, later sealed ──┬── reserved, no access ──┬── committed ──┤
//!    └ offset 0                                                              └ offset len
//! ```
//!
//! All ranges are byte offsets from `base`, whole pages, as a `Range<usize>`. The reservation does not know what lies where: its owner
//! does, and its safety contracts say what the owner must not do.

use super::{DefaultPages, PageSource};
use crate::base::page::PageSize;
use crate::error::{Error, PageCall, PageError};
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

/// Where a reservation's pages come from.
#[derive(Clone, Default)]
pub(crate) enum Source {
    /// The platform's own source: no allocation, no indirection.
    #[default]
    Default,
    /// A source that the user brought.
    Custom(Arc<dyn PageSource>),
    /// A source that lasts as long as the process, which takes no allocation.
    Static(&'static dyn PageSource),
}

impl Source {
    /// The source itself.
    pub(crate) fn pages(&self) -> &dyn PageSource {
        match self {
            Self::Default => &DefaultPages {},
            Self::Custom(source) => &**source,
            Self::Static(source) => *source,
        }
    }

    /// Whether address space takes no memory until it is committed.
    pub(crate) fn reservation_is_free(&self) -> bool {
        self.pages().reservation_is_free()
    }

    /// Bytes of address space that are left, where the source knows.
    pub(crate) fn room(&self) -> Option<usize> {
        self.pages().room()
    }

    /// The unit of every range, or an error where the source names one that cannot be.
    pub(crate) fn page_size(&self) -> Result<PageSize, Error> {
        let bytes = self.pages().page_size();
        PageSize::new(bytes).ok_or(Error::Pages(PageError { call: PageCall::Reserve, bytes, code: 0 }))
    }
}

/// Address space, released when dropped.
pub(crate) struct Reservation {
    base: NonNull<u8>,
    len: usize,
    page: PageSize,
    source: Source,
    calls: AtomicUsize,
}

// SAFETY: a reservation is an address, a length and a source that is itself `Send + Sync`; it never reads or writes the memory.
unsafe impl Send for Reservation {}
// SAFETY: as above; the only field that changes is an atomic counter.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `len` bytes, whole pages, without access.
    pub(crate) fn new(source: Source, len: usize) -> Result<Self, Error> {
        let page = source.page_size()?;
        let base = source.pages().reserve(len)?;
        Ok(Self { base, len, page, source, calls: AtomicUsize::new(1) })
    }

    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn page(&self) -> PageSize {
        self.page
    }

    pub(crate) fn protects(&self) -> bool {
        self.source.pages().protects()
    }

    /// Calls made to the source so far: on the system's source, system calls.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// The address of the byte at `offset`.
    ///
    /// # Safety
    ///
    /// `offset` is at most the reservation's length.
    #[inline]
    pub(crate) unsafe fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.len);
        // SAFETY: the caller keeps the offset within the one object that the reservation is.
        unsafe { self.base.add(offset) }
    }

    /// Makes `range` readable and writable.
    ///
    /// # Safety
    ///
    /// Whole pages of this reservation, none of them sealed.
    pub(crate) unsafe fn commit(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.commit(at, bytes) })
    }

    /// Keeps all of it out of what is written of the process when that crashes, where the system can.
    pub(crate) fn keep_out_of_dumps(&self) {
        if let Source::Default = self.source {
            super::keep_out_of_dumps(self.base, self.len);
        }
    }

    /// Faults the pages of `range` in.
    ///
    /// # Safety
    ///
    /// Whole committed pages of this reservation, none of them sealed.
    pub(crate) unsafe fn populate(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.populate(at, bytes) })
    }

    /// Makes `range` read-only for good.
    ///
    /// # Safety
    ///
    /// Whole committed pages of this reservation, where nobody writes from now on.
    pub(crate) unsafe fn seal(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.seal(at, bytes) })
    }

    /// Makes `range` read-only and executable for good.
    ///
    /// # Safety
    ///
    /// As for [`seal`](Self::seal).
    pub(crate) unsafe fn seal_executable(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.seal_executable(at, bytes) })
    }

    /// Puts memory that nobody can change in the place of `range`.
    ///
    /// # Safety
    ///
    /// Whole sealed pages of this reservation, executable ones only if `executable`.
    pub(crate) unsafe fn replace(&self, range: Range<usize>, executable: bool) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.replace(at, bytes, executable) })
    }

    /// Forbids every change of the mapping of `range`.
    ///
    /// # Safety
    ///
    /// Whole sealed pages of this reservation, which is never dropped.
    pub(crate) unsafe fn fix(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.fix(at, bytes) })
    }

    /// Asks that `range` lie on huge pages.
    ///
    /// # Safety
    ///
    /// Whole pages of this reservation, all of them committed or all `sealed`.
    pub(crate) unsafe fn huge(&self, range: Range<usize>, sealed: bool) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.huge(at, bytes, sealed) })
    }

    /// Asks that `range` lie on small pages, even where the system uses huge ones unasked.
    ///
    /// # Safety
    ///
    /// Whole pages of this reservation, none of them sealed.
    pub(crate) unsafe fn plain(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.plain(at, bytes) })
    }

    /// Gives the memory of `range` back and takes its access away.
    ///
    /// # Safety
    ///
    /// Whole pages of this reservation, none of them sealed, with no reference into them.
    pub(crate) unsafe fn decommit(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.decommit(at, bytes) })
    }

    /// Gives the memory of `range` back and keeps its access; a refusal may have taken it.
    ///
    /// # Safety
    ///
    /// Whole committed pages of this reservation, none of them sealed, whose contents nobody relies on.
    pub(crate) unsafe fn discard(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.discard(at, bytes) })
    }

    /// Bytes of `range`, whole pages of this reservation, that are in physical memory.
    ///
    /// # Safety
    ///
    /// Whole pages of this reservation.
    pub(crate) unsafe fn resident(&self, range: Range<usize>) -> Result<usize, PageError> {
        // SAFETY: the caller's contract is the source's.
        self.call(range, |pages, at, bytes| unsafe { pages.resident(at, bytes) })
    }

    fn call<T: Default>(
        &self,
        range: Range<usize>,
        call: impl FnOnce(&dyn PageSource, NonNull<u8>, usize) -> Result<T, PageError>,
    ) -> Result<T, PageError> {
        if range.is_empty() {
            return Ok(T::default());
        }
        debug_assert!(range.end <= self.len);
        debug_assert!(range.start == self.page.floor(range.start) && range.end == self.page.floor(range.end));
        self.calls.fetch_add(1, Relaxed);
        // SAFETY: the range lies in the reservation, by the contract of every caller.
        call(self.source.pages(), unsafe { self.at(range.start) }, range.len())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: this is the whole reservation, and whoever borrowed it is gone. A refusal leaves address space mapped that nobody
        // uses: a drop has no one to tell, and nothing dangles.
        let _ = unsafe { self.source.pages().release(self.base, self.len) };
    }
}
