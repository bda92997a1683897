//! The arena's own records, in pages of their own: written once, published by one atomic pointer, never moved, never freed.
//!
//! Modules, runs, extents and interned names are small records that are only ever added. They lie apart from code (invariant 1), in two
//! parts. The first is writable from the beginning, and its first page is the page table's too; the second is for arenas with very
//! many records:
//!
//! ```text
//!   ├─ ◀ page table ┼ records ▶ … ┼── code ── … ──┼ records ▶ ... no access ... ┤
//!                front.start                  back.start
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

/// Insert-only memory for records. Both parts begin at a multiple of every record's alignment.
pub(super) struct Ledger {
    /// The first part, as offsets in the reservation.
    front: Range<usize>,
    /// The second part.
    back: Range<usize>,
    /// Bytes that records fill: of the first part, then of the second.
    used: AtomicUsize,
    /// Bytes of both parts that are writable; never less than what a finished claim in `used` needs.
    committed: AtomicUsize,
}

impl Ledger {
    /// A ledger in a part of a reservation that the caller has committed, and in one that begins at a page.
    pub(super) fn new(front: Range<usize>, back: Range<usize>) -> Self {
        let committed = AtomicUsize::new(front.len());
        Self { front, back, used: AtomicUsize::new(0), committed }
    }

    /// Bytes of both parts.
    fn capacity(&self) -> usize {
        self.front.len() + self.back.len()
    }

    /// The bytes of the ledger that a record of `layout` takes behind `used` others. A record lies in one part.
    fn place(&self, used: usize, layout: Layout) -> Option<Range<usize>> {
        let front = self.front.len();
        let place = |part: usize, used: usize| {
            let start = part + layout::align_up(used - part, layout.align())?;
            Some(start..start.checked_add(layout.size())?)
        };
        let first = if used < front { place(0, used).filter(|record| record.end <= front) } else { None };
        first.or_else(|| place(front, used.max(front))).filter(|record| record.end <= self.capacity())
    }

    /// Where the byte of the ledger at `place` lies in the reservation.
    fn offset(&self, place: usize) -> usize {
        match place.checked_sub(self.front.len()) {
            None => self.front.start + place,
            Some(behind) => self.back.start + behind,
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] when the ledger is full, [`Error::Pages`] when the system refuses memory; nothing is claimed then.
    pub(super) fn insert<'l, T: Sync>(&'l self, pages: &'l Reservation, value: T) -> Result<Record<'l, T>, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "records are never dropped") };
        const { assert!(align_of::<T>() <= layout::RECORD_ALIGN) };
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
            let record = self.place(used, layout).ok_or(full)?;
            self.commit(pages, record.end)?;
            match self.used.compare_exchange_weak(used, record.end, Relaxed, Relaxed) {
                // SAFETY: the record is within the capacity, and the ledger lies in the reservation.
                Ok(_) => return Ok(unsafe { pages.at(self.offset(record.start)) }),
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
        // The first part is writable: this is about the second. `end` is not above the capacity, a multiple of the chunk or itself the
        // bound.
        let (front, back) = (self.front.len(), self.back.len());
        let ahead = front + layout::align_up(end - front, CHUNK).map_or(back, |ahead| ahead.min(back));
        // SAFETY: whole pages between the capacity's bound and what is committed; the ledger's pages are never sealed. Another thread may
        // have committed some of them already and be using them: committing again keeps what they hold (`PageSource::commit`).
        unsafe { pages.commit(self.offset(committed)..self.offset(ahead)) }?;
        self.committed.fetch_max(ahead, AcqRel);
        Ok(())
    }
}
