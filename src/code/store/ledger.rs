//! The arena's own records, in pages of their own: written once, published by one atomic pointer, never moved, never freed.
//!
//! Modules, runs, extents and interned names are small records that are only ever added. They lie apart from code (invariant 1), in two
//! parts. The first is writable from the beginning, and its first page is the page table's too; the second is for arenas with very
//! many records. It grows down, from behind the code, and goes on among the code pages that no code has claimed:
//!
//! ```text
//!   ├─ ◀ page table ┼ records ▶ … ┼── code ▶ ── … ┄ no access ┄ … ◀ records ┼ page table ▶ ─┤
//!                front.start                                                top
//! ```
//!
//! Values that an arena [keeps](crate::CodeArena::keep) lie among them. They may change.
//!
//! * A record is claimed by compare-exchange on `used`, so any number of threads insert at once and none waits (invariant 5).
//! * A record whose thread is gone before it was published is a few lost bytes and nothing else.
//! * Memory is committed ahead in chunks. Two threads may commit the same pages: committing twice changes nothing.

use super::record::Record;
use crate::base::align;
use crate::base::page::RECORD_ALIGN;
use crate::error::Error;
use crate::pages::{Reservation, Sealable, Step};
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// The memory that is committed at once: one system call for some five hundred modules.
pub(in crate::code) const CHUNK: usize = 64 << 10;

/// Insert-only memory for records. The first part begins, and the second ends, at a multiple of every record's alignment.
pub(in crate::code) struct Ledger {
    /// The first part, as offsets in the reservation.
    front: Range<usize>,
    /// The end of the second part, as an offset in the reservation. It grows down from here.
    top: usize,
    /// Bytes of the second part that are set aside for it. Beyond them it takes what code has not claimed.
    back: usize,
    /// Bytes that records fill: of the first part, then of the second.
    used: AtomicUsize,
    /// Bytes of both parts that are writable; never less than what a finished claim in `used` needs.
    committed: AtomicUsize,
}

/// A place for a record.
struct Place {
    /// Its start in the reservation.
    offset: usize,
    /// Bytes of the ledger that are filled then.
    used: usize,
}

/// The memory that a ledger takes.
pub(in crate::code) trait Memory {
    fn pages(&self) -> &Reservation<Sealable>;

    /// Takes the last `bytes` bytes of the code pages, a multiple of the page size, unless code has claimed one of them. Whether they are
    /// the ledger's now.
    fn take_from_code(&self, bytes: usize) -> bool;
}

impl Ledger {
    /// A ledger in a part of a reservation that the caller has committed, and in one of `back` bytes and more that ends at `top`.
    pub(in crate::code) fn new(front: Range<usize>, top: usize, back: usize) -> Self {
        let committed = AtomicUsize::new(front.len());
        Self { front, top, back, used: AtomicUsize::new(0), committed }
    }

    /// Bytes of both parts: those set aside, and those taken from code.
    fn capacity(&self) -> usize {
        (self.front.len() + self.back).max(self.committed.load(Relaxed))
    }

    /// Returns the place of a record of `layout` behind `used` bytes of others. A record lies in one part. `None` if no
    /// word can say the place.
    fn place(&self, used: usize, layout: Layout) -> Option<Place> {
        let front = self.front.len();
        if used < front {
            let start = align::align_up(used, layout.align())?;
            let end = start.checked_add(layout.size())?;
            if end <= front {
                return Some(Place { offset: self.front.start + start, used: end });
            }
        }
        // Down from the top, which is aligned: what ends up there has a multiple of its alignment behind its beginning.
        let end = align::align_up((used.max(front) - front).checked_add(layout.size())?, layout.align())?;
        Some(Place { offset: self.top.checked_sub(end)?, used: front + end })
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] when the ledger is full, [`Error::Pages`] when the system refuses memory; nothing is claimed then.
    pub(in crate::code) fn insert<'l, T: Sync>(
        &'l self,
        memory: &'l impl Memory,
        value: T,
    ) -> Result<Record<'l, T>, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "records are never dropped") };
        const { assert!(align_of::<T>() <= RECORD_ALIGN) };
        let at = self.claim(memory, Layout::new::<T>())?.cast::<T>();
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
    pub(in crate::code) fn insert_named<'l, T: Sync>(
        &'l self,
        memory: &'l impl Memory,
        text: &str,
        record: impl FnOnce(Record<'l, str>) -> T,
    ) -> Result<Record<'l, T>, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "records are never dropped") };
        const { assert!(align_of::<T>() <= RECORD_ALIGN) };
        let too_large = Error::TooLarge { len: text.len(), element: 1 };
        let (both, behind) = Layout::new::<T>().extend(Layout::for_value(text)).map_err(|_| too_large)?;
        let at = self.claim(memory, both)?;
        // SAFETY: as in `insert`, for the record and the text behind it; the bytes are a copy of a `str`, so they are UTF-8.
        unsafe {
            let copy = at.add(behind);
            copy.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len());
            let copy = NonNull::slice_from_raw_parts(copy, text.len());
            let at = at.cast::<T>();
            at.write(record(Record::new(core::str::from_utf8_unchecked(copy.as_ref()))));
            Ok(Record::new(at.as_ref()))
        }
    }

    /// Takes memory for a record that nothing is written to yet.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    pub(in crate::code) fn claim(&self, memory: &impl Memory, layout: Layout) -> Result<NonNull<u8>, Error> {
        debug_assert!(layout.align() <= RECORD_ALIGN, "neither part is aligned to more");
        let mut used = self.used.load(Relaxed);
        loop {
            let full = || Error::Bookkeeping { capacity: self.capacity() };
            let place = self.place(used, layout).ok_or_else(full)?;
            if !self.commit(memory, place.used)? {
                return Err(full());
            }
            match self.used.compare_exchange_weak(used, place.used, Relaxed, Relaxed) {
                // SAFETY: the record is within what was committed, which lies in the reservation.
                Ok(_) => return Ok(unsafe { memory.pages().at(place.offset) }),
                Err(now) => used = now,
            }
        }
    }

    /// Makes sure that the first `end` bytes of the ledger are writable. `false` where there are not so many.
    fn commit(&self, memory: &impl Memory, end: usize) -> Result<bool, Error> {
        let committed = self.committed.load(Acquire);
        if end <= committed {
            return Ok(true);
        }
        // The first part is writable: this is about the second. A chunk more, or what is left of what is set aside; where code leaves no
        // chunk, the pages that are needed.
        let (front, page) = (self.front.len(), memory.pages().page());
        let has = |bytes: usize| bytes <= self.back || memory.take_from_code(bytes - self.back);
        let needed = end - front;
        let chunk =
            align::align_up(needed, CHUNK).map(|chunk| if needed <= self.back { chunk.min(self.back) } else { chunk });
        let Some(ahead) = [chunk, page.ceil(needed)].into_iter().flatten().find(|&bytes| has(bytes)) else {
            return Ok(false);
        };
        // SAFETY: whole pages between what is committed and what the ledger may have; its pages are never sealed. Another thread may have
        // committed some of them already and be using them: committing again keeps what they hold (`PageSource::commit`).
        unsafe { memory.pages().apply(Step::Commit, self.top - ahead..self.top - (committed - front)) }?;
        self.committed.fetch_max(front + ahead, AcqRel);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::watermark::{End, Watermark};
    use super::*;
    use crate::pages::Source;
    use std::collections::BTreeMap;
    use std::thread;

    /// Bytes that the watermark counts as one: it has half a word for each end.
    const UNIT: usize = 64;

    /// A reservation, and pages of code that lie in front of the ledger's second part.
    struct Pages {
        reservation: Reservation<Sealable>,
        watermark: Watermark,
        code: usize,
    }

    impl Memory for Pages {
        fn pages(&self) -> &Reservation<Sealable> {
            &self.reservation
        }

        fn take_from_code(&self, bytes: usize) -> bool {
            self.watermark.reach(bytes.div_ceil(UNIT), self.code / UNIT)
        }
    }

    impl Pages {
        /// Claims code.
        fn claim(&self, bytes: usize) {
            self.watermark.claim(End::Front, |_| Ok::<_, ()>(bytes / UNIT)).unwrap();
        }

        /// Bytes that records took.
        fn taken(&self) -> usize {
            self.watermark.get().back * UNIT
        }
    }

    /// A ledger whose first part begins in the middle of a page. Its second part has a page more than two chunks to
    /// itself, and as much again of the code in front of it.
    fn ledger() -> (Pages, Ledger) {
        let page = Source::default().page_size().unwrap().bytes();
        let part = page + 2 * CHUNK;
        let (front, code) = (page / 2..2 * page, page + part);
        let top = front.end + code + part;
        let reservation = Reservation::new(Source::default(), top).unwrap();
        // SAFETY: whole pages of a new reservation.
        unsafe { reservation.apply(Step::Commit, 0..front.end) }.unwrap();
        let pages = Pages { reservation, watermark: Watermark::new(), code };
        pages.claim(page);
        (pages, Ledger::new(front, top, part))
    }

    /// Claims records of some sizes and alignments until none fits, and writes to all their bytes. Where each lies, with its length.
    fn fill(pages: &Pages, ledger: &Ledger, seed: usize) -> Vec<(usize, usize)> {
        let mut records = Vec::new();
        for number in seed.. {
            let layout = Layout::from_size_align(number * 37 % 301 + 1, 1 << (number % 7)).unwrap();
            match ledger.claim(pages, layout) {
                Ok(at) => {
                    assert_eq!(at.addr().get() % layout.align(), 0);
                    // SAFETY: claimed just now, for this alone.
                    unsafe { at.write_bytes(seed as u8, layout.size()) };
                    records.push((at.addr().get() - pages.reservation.base().addr().get(), layout.size()));
                }
                Err(error) => {
                    assert_eq!(error, Error::Bookkeeping { capacity: ledger.capacity() });
                    assert_eq!(ledger.capacity(), ledger.front.len() + 2 * ledger.back);
                    break;
                }
            }
        }
        records
    }

    /// Fails unless the records lie apart, each in one part, and leave no more room in either than one of them needs.
    fn check(ledger: &Ledger, records: impl IntoIterator<Item = (usize, usize)>) {
        let records: BTreeMap<usize, usize> = records.into_iter().collect();
        let bottom = ledger.top - 2 * ledger.back;
        for part in [ledger.front.clone(), bottom..ledger.top] {
            let mut ends = vec![(part.start, part.start)];
            ends.extend(records.range(part.clone()).map(|(&start, &len)| (start, start + len)));
            ends.push((part.end, part.end));
            for pair in ends.windows(2) {
                let gap = pair[1].0.checked_sub(pair[0].1).expect("two records overlap");
                let outer = [part.start, part.end].iter().any(|end| pair[1].0 == *end || pair[0].1 == *end);
                assert!(gap < 64 || outer && gap < 301 + 64, "{gap} bytes between {pair:?} of {part:?}");
            }
        }
        assert!(records.keys().all(|start| ledger.front.contains(start) || (bottom..ledger.top).contains(start)));
    }

    // soundness S4
    #[test]
    fn records_fill_the_first_part_and_then_the_second_and_then_what_code_does_not_need() {
        for seed in 0..50 {
            let (pages, ledger) = ledger();
            let records = fill(&pages, &ledger, seed);
            let second = records.iter().position(|record| record.0 >= ledger.front.end).unwrap();
            assert!(records[..second].is_sorted(), "claimed upwards");
            assert!(records[second..].is_sorted_by(|one, next| one > next), "claimed downwards");
            let calls = pages.reservation.calls() - 2;
            assert!((6..=7).contains(&calls), "{calls}: by chunks, each once, and by pages where no chunk is left");
            assert_eq!(pages.taken(), ledger.back);
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
        for len in [2 * ledger.back + 1, isize::MAX as usize - 7] {
            assert!(ledger.claim(&pages, of(len)).is_err());
        }
        assert_eq!(pages.taken(), 0, "what is refused takes nothing");
        for len in [8, ledger.front.len(), 8] {
            let at = ledger.claim(&pages, of(len)).unwrap();
            // SAFETY: claimed just now, for this alone.
            unsafe { at.write_bytes(1, len) };
        }
        let used = ledger.used.load(Relaxed);
        assert_eq!(used, ledger.front.len() * 2 + 8, "what is left of the first part is skipped");
        let rest = ledger.front.len() + 2 * ledger.back - used;
        let last = ledger.claim(&pages, of(rest)).unwrap();
        // SAFETY: as above.
        unsafe { last.write_bytes(1, rest) };
        assert!(ledger.claim(&pages, of(1)).is_err());
    }

    #[test]
    fn what_code_has_claimed_is_not_taken() {
        let (pages, ledger) = ledger();
        pages.claim(ledger.back);
        let of = |len| Layout::from_size_align(len, 8).unwrap();
        assert!(ledger.claim(&pages, of(ledger.back + 8)).is_err());
        assert!(ledger.claim(&pages, of(ledger.back)).is_ok());
        assert_eq!(pages.taken(), 0);
    }
}
