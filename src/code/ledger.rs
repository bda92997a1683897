//! The arena's own records, in pages of their own: written once, published by one atomic pointer, never moved, never freed.
//!
//! Modules, runs, extents and interned names are small records that are only ever added. They lie apart from code (invariant 1), in two
//! parts that both grow downwards. The first is writable from the beginning, and lies near the code; the second is for arenas with very
//! many records:
//!
//! ```text
//!   ├── page table ──┼ … ◀── records ─┼── code ── … ──┼ ... no access ... ◀── records ─┤
//!   0                          front.end                                            top
//! ```
//!
//! * A record is claimed by compare-exchange on `used`, so any number of threads insert at once and none waits (invariant 5).
//! * A record whose thread is gone before it was published is a few lost bytes and nothing else.
//! * Memory is committed ahead in chunks. Two threads may commit the same pages: committing twice changes nothing.

use super::published::Record;
use crate::error::Error;
use crate::layout;
use crate::pages::Reservation;
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// How much memory is committed at once: one system call for some five hundred modules.
pub(super) const CHUNK: usize = 64 << 10;

/// Insert-only memory for records. Both tops are multiples of the page size, hence of every record's alignment.
pub(super) struct Ledger {
    /// The first part, as offsets in the reservation.
    front: Range<usize>,
    /// Where the second part ends.
    top: usize,
    /// Bytes of the second part.
    back: usize,
    /// Bytes that records fill: of the first part, then of the second.
    used: AtomicUsize,
    /// Bytes of both parts that are writable; never less than what a finished claim in `used` needs.
    committed: AtomicUsize,
}

impl Ledger {
    /// A ledger in a part of a reservation that the caller has committed, and in `back` bytes below `top`.
    pub(super) fn new(front: Range<usize>, top: usize, back: usize) -> Self {
        let committed = AtomicUsize::new(front.len());
        Self { front, top, back, used: AtomicUsize::new(0), committed }
    }

    /// Bytes of both parts.
    fn capacity(&self) -> usize {
        self.front.len() + self.back
    }

    /// The bytes that end a record of `layout` behind `used` others. A record lies in one part.
    fn end(&self, used: usize, layout: Layout) -> Option<usize> {
        // Both tops are aligned to pages, so aligning the distance from them aligns the address.
        let end = |used: usize| layout::align_up(used.checked_add(layout.size())?, layout.align());
        let end = end(used)
            .filter(|&end| used >= self.front.len() || end <= self.front.len())
            .or_else(|| end(self.front.len().max(used)))?;
        (end <= self.capacity()).then_some(end)
    }

    /// Where the record that ends `end` bytes into the ledger lies.
    fn offset(&self, end: usize) -> usize {
        let front = self.front.len();
        if end <= front { self.front.end - end } else { self.top - (end - front) }
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] when the ledger is full, [`Error::Pages`] when the system refuses memory; nothing is claimed then.
    pub(super) fn insert<'l, T: Sync>(&'l self, pages: &'l Reservation, value: T) -> Result<Record<'l, T>, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "records are never dropped") };
        const { assert!(align_of::<T>() <= 64, "no page is smaller than 64 bytes, so `top` is aligned to that") };
        let at = self.claim(pages, Layout::new::<T>())?.cast::<T>();
        // SAFETY: `claim` gave this memory, committed, aligned and large enough, to nobody else; it lives as long as the reservation,
        // which is borrowed for 'l.
        unsafe {
            at.write(value);
            Ok(Record::new(at.as_ref()))
        }
    }

    /// Adds a record together with a copy of the text that it refers to: both or neither.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    pub(super) fn insert_named<'l, T: Sync>(
        &'l self,
        pages: &'l Reservation,
        text: &str,
        record: impl FnOnce(&'l str) -> T,
    ) -> Result<Record<'l, T>, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "records are never dropped") };
        let too_large = Error::TooLarge { len: text.len(), element: 1 };
        let (both, behind) = Layout::new::<T>().extend(Layout::for_value(text)).map_err(|_| too_large)?;
        let at = self.claim(pages, both)?;
        // SAFETY: as in `insert`, for the record and the text behind it; the bytes are a copy of a `str`, so they are UTF-8.
        unsafe {
            let copy = at.add(behind);
            copy.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len());
            let copy = NonNull::slice_from_raw_parts(copy, text.len());
            let at = at.cast::<T>();
            at.write(record(core::str::from_utf8_unchecked(copy.as_ref())));
            Ok(Record::new(at.as_ref()))
        }
    }

    /// Takes memory for a record that nothing is written to yet.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    pub(super) fn claim(&self, pages: &Reservation, layout: Layout) -> Result<NonNull<u8>, Error> {
        let full = Error::Bookkeeping { capacity: self.capacity() };
        let mut used = self.used.load(Relaxed);
        loop {
            let end = self.end(used, layout).ok_or(full)?;
            self.commit(pages, end)?;
            match self.used.compare_exchange_weak(used, end, Relaxed, Relaxed) {
                // SAFETY: `end` is within the capacity, and the ledger lies in the reservation.
                Ok(_) => return Ok(unsafe { pages.at(self.offset(end)) }),
                Err(now) => used = now,
            }
        }
    }

    /// Makes sure that the first `end` bytes of the ledger are writable.
    fn commit(&self, pages: &Reservation, end: usize) -> Result<(), Error> {
        let committed = self.committed.load(Acquire);
        if end <= committed {
            return Ok(());
        }
        // The first part is writable: this is about the second. `end` is not above the capacity, a multiple of the chunk or itself the bound.
        let below_top = |end: usize| self.top - (end - self.front.len());
        let ahead = layout::align_up(end - self.front.len(), CHUNK).map_or(self.back, |ahead| ahead.min(self.back))
            + self.front.len();
        // SAFETY: whole pages between the capacity's bound and what is committed; the ledger's pages are never sealed. Another thread may
        // have committed some of them already and be using them: committing again keeps what they hold (`PageSource::commit`).
        unsafe { pages.commit(below_top(ahead)..below_top(committed)) }?;
        self.committed.fetch_max(ahead, AcqRel);
        Ok(())
    }
}
