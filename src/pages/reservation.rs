//! One contiguous range of address space and what its owner may do with it.
//!
//! ```text
//!   base                                                              base + len
//!    ├── committed, later sealed ──┬── reserved, no access ──┬── committed ──┤
//!    └ offset 0                                                              └ offset len
//! ```
//!
//! All ranges are byte offsets from `base`, as a `Range<usize>`; those that are not whole pages are refused. The reservation does not know what lies
//! where: its owner does, and its safety contracts say what the owner must not do. Its type says whether anything is ever sealed there.

use super::{DefaultPages, PageSource, Step};
use crate::base::page::PageSize;
use crate::error::{Error, PageCall, PageError};
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ops::Range;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The source of a reservation's pages.
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

// A source answers each call by itself, and a call that unwinds leaves what a refusal leaves: that is part of its contract. So an arena finds
// after a panic what it would find after an error, or less: memory that was being taken is nobody's from then on.
impl UnwindSafe for Source {}
impl RefUnwindSafe for Source {}

impl Source {
    /// The source itself.
    pub(crate) fn pages(&self) -> &dyn PageSource {
        match self {
            Self::Default => &DefaultPages {},
            Self::Custom(source) => &**source,
            Self::Static(source) => *source,
        }
    }

    /// Returns `true` if address space takes no memory until it is committed.
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

/// Address space, released when dropped. `K` says whether pages of it may be sealed.
pub(crate) struct Reservation<K> {
    base: NonNull<u8>,
    len: usize,
    page: PageSize,
    source: Source,
    calls: AtomicUsize,
    kind: PhantomData<fn() -> K>,
}

/// A reservation of which no page is ever sealed: a heap's, a side table's.
pub(crate) enum Writable {}

/// A reservation of which pages are sealed: a code arena's.
pub(crate) enum Sealable {}

// SAFETY: a reservation is an address, a length and a source that is itself `Send + Sync`; it never reads or writes the memory.
unsafe impl<K> Send for Reservation<K> {}
// SAFETY: as above; the only field that changes is an atomic counter.
unsafe impl<K> Sync for Reservation<K> {}

impl<K> Reservation<K> {
    /// Reserves `len` bytes, whole pages, without access.
    pub(crate) fn new(source: Source, len: usize) -> Result<Self, Error> {
        let page = source.page_size()?;
        let base = source.pages().reserve(len)?;
        Ok(Self::of(source, base, len, page))
    }

    /// Reserves `len` bytes as [`new`](Self::new) does, at an address if that can be had.
    pub(crate) fn near(source: Source, len: usize, wish: usize) -> Result<Self, Error> {
        let page = source.page_size()?;
        let base = source.pages().reserve_near(len, wish)?;
        Ok(Self::of(source, base, len, page))
    }

    fn of(source: Source, base: NonNull<u8>, len: usize, page: PageSize) -> Self {
        Self { base, len, page, source, calls: AtomicUsize::new(1), kind: PhantomData }
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

    /// The source of its pages, for a reservation beside it.
    pub(crate) fn source(&self) -> &Source {
        &self.source
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

    /// Keeps all of it out of what is written of the process when that crashes, where the system can.
    pub(crate) fn keep_out_of_dumps(&self) {
        if let Source::Default = self.source {
            super::keep_out_of_dumps(self.base, self.len);
        }
    }

    /// Bytes of `range` that are in physical memory.
    pub(crate) fn resident(&self, range: Range<usize>) -> Result<usize, PageError> {
        let Some(at) = self.start(PageCall::Resident, &range)? else { return Ok(0) };
        // SAFETY: whole pages of this reservation: `start` looked.
        unsafe { self.source.pages().resident(at, range.len()) }
    }

    /// Takes a step with `range`; nothing is done for an empty one.
    ///
    /// # Safety
    ///
    /// What the [step](Step) asks for under *Safety*.
    unsafe fn take(&self, step: Step, range: Range<usize>) -> Result<(), PageError> {
        let Some(at) = self.start(step.call(), &range)? else { return Ok(()) };
        // SAFETY: whole pages of this reservation: `start` looked. The rest is the caller's promise.
        unsafe { self.source.pages().apply(step, at, range.len()) }
    }

    /// Returns the start of a range, unless it is empty, and counts a call. A range that is not whole pages of this
    /// reservation is refused.
    fn start(&self, call: PageCall, range: &Range<usize>) -> Result<Option<NonNull<u8>>, PageError> {
        if range.is_empty() {
            return Ok(None);
        }
        let whole = |offset: usize| offset == self.page.floor(offset);
        if range.end > self.len || !whole(range.start) || !whole(range.end) {
            debug_assert!(false, "{range:?} is not whole pages of {} bytes", self.len);
            return Err(PageError { call, bytes: range.len(), code: 0 });
        }
        self.calls.fetch_add(1, Relaxed);
        // SAFETY: it ends within the reservation, and begins before it ends.
        Ok(Some(unsafe { self.at(range.start) }))
    }
}

impl Reservation<Sealable> {
    /// Takes a step with `range`, which is whole pages of this reservation.
    ///
    /// # Safety
    ///
    /// What the [step](Step) asks for under *Safety*.
    pub(crate) unsafe fn apply(&self, step: Step, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { self.take(step, range) }
    }
}

impl Reservation<Writable> {
    /// Makes `range` readable and writable.
    pub(crate) fn commit(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: no page of it is ever sealed, by its type.
        unsafe { self.take(Step::Commit, range) }
    }

    /// Asks that `range` lie on small pages, even where the system uses huge ones unasked.
    pub(crate) fn plain(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: no page of it is ever sealed, by its type.
        unsafe { self.take(Step::Plain, range) }
    }

    /// Asks that `range` lie on huge pages.
    ///
    /// # Safety
    ///
    /// All of it is committed.
    pub(crate) unsafe fn huge(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { self.take(Step::Huge { sealed: false }, range) }
    }

    /// Gives the memory of `range` back and takes its access away.
    ///
    /// # Safety
    ///
    /// Nobody holds a reference into it.
    pub(crate) unsafe fn decommit(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise; no page of it is ever sealed, by its type.
        unsafe { self.take(Step::Decommit, range) }
    }

    /// Gives the memory of `range` back and keeps its access; a refusal may have taken it.
    ///
    /// # Safety
    ///
    /// All of it is committed, and nobody relies on what it holds.
    pub(crate) unsafe fn discard(&self, range: Range<usize>) -> Result<(), PageError> {
        // SAFETY: the caller's promise; no page of it is ever sealed, by its type.
        unsafe { self.take(Step::Discard, range) }
    }
}

impl<K> Drop for Reservation<K> {
    fn drop(&mut self) {
        // SAFETY: this is the whole reservation, and whoever borrowed it is gone. A refusal leaves address space mapped that nobody
        // uses: a drop has no one to tell, and nothing dangles.
        let _ = unsafe { self.source.pages().release(self.base, self.len) };
    }
}
