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
        const { assert!(align_of::<T>() <= layout::RECORD_ALIGN) };
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
        debug_assert!(layout.align() <= layout::RECORD_ALIGN, "neither part begins at a multiple of more");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Source;
    use std::collections::BTreeMap;
    use std::thread;

    /// A ledger whose first part begins in the middle of a page, and whose second is a page more than two chunks, behind a page of code.
    fn ledger() -> (Reservation, Ledger) {
        let page = Source::default().page_size().unwrap().bytes();
        let (front, back) = (page / 2..2 * page, 3 * page..4 * page + 2 * CHUNK);
        let pages = Reservation::new(Source::default(), back.end).unwrap();
        // SAFETY: whole pages of a new reservation.
        unsafe { pages.commit(0..front.end) }.unwrap();
        (pages, Ledger::new(front, back))
    }

    /// Claims records of some sizes and alignments until none fits, and writes to all their bytes. Where each lies, with its length.
    fn fill(pages: &Reservation, ledger: &Ledger, seed: usize) -> Vec<(usize, usize)> {
        let mut records = Vec::new();
        for number in seed.. {
            let layout = Layout::from_size_align(number * 37 % 301 + 1, 1 << (number % 7)).unwrap();
            match ledger.claim(pages, layout) {
                Ok(at) => {
                    assert_eq!(at.addr().get() % layout.align(), 0);
                    // SAFETY: claimed just now, for this alone.
                    unsafe { at.write_bytes(seed as u8, layout.size()) };
                    records.push((at.addr().get() - pages.base().addr().get(), layout.size()));
                }
                Err(error) => {
                    assert_eq!(error, Error::Bookkeeping { capacity: ledger.capacity() });
                    break;
                }
            }
        }
        records
    }

    /// Fails unless the records lie apart, each in one part, and leave no more room in either than one of them needs.
    fn check(ledger: &Ledger, records: impl IntoIterator<Item = (usize, usize)>) {
        let records: BTreeMap<usize, usize> = records.into_iter().collect();
        for part in [&ledger.front, &ledger.back] {
            let mut end = part.start;
            for (&start, &len) in records.range(part.clone()) {
                assert!(start >= end && start - end < 64, "{start} does not follow {end}");
                end = start + len;
            }
            assert!(end <= part.end && part.end - end < 301 + 64, "{end} of {part:?}");
        }
        assert!(records.keys().all(|start| ledger.front.contains(start) || ledger.back.contains(start)));
    }

    // soundness S4
    #[test]
    fn records_fill_the_first_part_and_then_the_second_and_each_lies_in_one() {
        for seed in 0..50 {
            let (pages, ledger) = ledger();
            let records = fill(&pages, &ledger, seed);
            assert!(records.is_sorted(), "claimed upwards");
            assert_eq!(pages.calls(), 2 + 3, "the second part is committed by chunks, each once");
            check(&ledger, records);
        }
    }

    // soundness S23
    #[test]
    fn threads_that_go_over_to_the_second_part_at_once_share_no_byte() {
        for _ in 0..20 {
            let (pages, ledger) = ledger();
            let records: Vec<_> = thread::scope(|scope| {
                let (pages, ledger) = (&pages, &ledger);
                let threads = [0, 1, 2, 3].map(|seed| scope.spawn(move || fill(pages, ledger, seed)));
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            check(&ledger, records);
        }
    }

    #[test]
    fn a_record_too_long_for_the_first_part_lies_in_the_second_and_one_too_long_for_both_is_refused() {
        let (pages, ledger) = ledger();
        let of = |len| Layout::from_size_align(len, 8).unwrap();
        assert!(ledger.claim(&pages, of(ledger.back.len() + 1)).is_err());
        for len in [8, ledger.front.len(), 8] {
            let at = ledger.claim(&pages, of(len)).unwrap();
            // SAFETY: claimed just now, for this alone.
            unsafe { at.write_bytes(1, len) };
        }
        let used = ledger.used.load(Relaxed);
        assert_eq!(used, ledger.front.len() * 2 + 8, "what is left of the first part is skipped");
        let rest = ledger.capacity() - used;
        let last = ledger.claim(&pages, of(rest)).unwrap();
        // SAFETY: as above.
        unsafe { last.write_bytes(1, rest) };
        assert!(ledger.claim(&pages, of(1)).is_err());
    }
}
