//! Whole slabs: for classes, and in a row for objects larger than any class.
//!
//! ```text
//!   ├ class ┼ span ┼ rest ┼ rest ┼ vacant ┼ vacant ┼ class ┤ … high
//!             ◀────── 3 slabs ──▶ may grow in place ▶
//! ```

use super::classes::{SLAB, TABLE};
use super::slabs::{BITMAPS, COMMIT, REST, SPAN, Slabs};
use crate::error::Error;
use crate::pages::HUGE;
use core::ops::Range;
use core::ptr::NonNull;

impl Slabs {
    /// Takes `count` slabs in a row, of which the first begins at a multiple of `align` bytes.
    pub(super) fn take_slabs(&self, count: usize, align: usize) -> Result<usize, Error> {
        if let Some(first) = self.find_vacant(count, align) {
            return Ok(first);
        }
        match self.raise(count, align) {
            Ok(first) => Ok(first),
            // Slabs that lie empty in their classes serve as well, once nothing else does.
            Err(error) => match self.vacate_empty() {
                0 => Err(error),
                _ => self.find_vacant(count, align).map_or_else(|| self.raise(count, align), Ok),
            },
        }
    }

    fn find_vacant(&self, count: usize, align: usize) -> Option<usize> {
        let fits = |first: usize| self.address(first).addr().get() % align == 0;
        let first = self.vacant.run(self.fence.get(), self.high.get(), count, fits)?;
        (first..first + count).for_each(|number| self.vacant.remove(number));
        Some(first)
    }

    /// Takes slabs that were never used, and vacant ones just before them. There is no room among the vacant ones.
    fn raise(&self, count: usize, align: usize) -> Result<usize, Error> {
        let high = self.high.get();
        // Vacant slabs at the end are too few, but the first of those that are needed.
        let vacant = (self.fence.get()..high).rev().take_while(|&number| self.vacant.contains(number));
        let end = vacant.last().unwrap_or(high);
        let skipped = crate::layout::pad(self.address(end).addr().get(), align.max(SLAB)) / SLAB;
        let left = self.plan.slabs - end;
        if count > left || skipped > left - count {
            let needed = count.saturating_add(skipped).saturating_mul(SLAB);
            return Err(Error::Exhausted { needed, left: left * SLAB });
        }
        let first = end + skipped;
        self.commit((first + count) * SLAB)?;
        self.high.set(first + count);
        (high..first).for_each(|number| self.vacant.insert(number));
        (first..high).for_each(|number| self.vacant.remove(number));
        Ok(first)
    }

    /// Makes the first `end` bytes of slabs writable, and some ahead if the system grants them.
    fn commit(&self, end: usize) -> Result<(), Error> {
        let committed = self.committed.get();
        if end <= committed {
            return Ok(());
        }
        let commit = |end: usize| {
            self.commit_far(end / SLAB)?;
            // SAFETY: whole pages of the objects' part of the reservation, which is never sealed.
            unsafe { self.pages.commit(self.origin + committed..self.origin + end) }?;
            self.committed.set(end);
            self.prefer_huge(committed..end);
            Ok(())
        };
        let ahead = end.max(committed + COMMIT.max(committed / 4));
        // A huge page comes of a range that is writable as a whole.
        let ahead = match ahead.checked_sub(self.huge_from) {
            None | Some(0) => ahead.next_multiple_of(SLAB),
            Some(huge) => self.huge_from + huge.next_multiple_of(HUGE),
        };
        let ahead = ahead.min(self.plan.slabs * SLAB);
        commit(ahead).or_else(|error: Error| if end < ahead { commit(end) } else { Err(error) })
    }

    /// Asks for huge pages for what was just made writable, as far as it lies behind what a small heap has.
    fn prefer_huge(&self, slabs: Range<usize>) {
        // With the beginning of the huge page that it begins in, which was made writable before.
        let start = self.huge_from.saturating_add(slabs.start.saturating_sub(self.huge_from) / HUGE * HUGE);
        if start < slabs.end {
            // SAFETY: whole pages of slabs, because slabs and where this begins are multiples of a slab; committed and never sealed. A
            // refusal changes nothing but how fast it is.
            let _ = unsafe { self.pages.huge(self.origin + start..self.origin + slabs.end, false) };
        }
    }

    /// Marks slabs as vacant that nothing is in.
    pub(super) fn vacate(&self, slabs: Range<usize>) {
        for number in slabs {
            self.slab(number).set_use(0, 0);
            self.slab(number).fresh.set(0);
            self.vacant.insert(number);
        }
    }

    /// Takes the slabs that have no object out away from their classes. Returns how many.
    pub(super) fn vacate_empty(&self) -> usize {
        let (mut count, high) = (0, self.high.get());
        for (class, table) in TABLE.iter().enumerate() {
            let mut next = self.partial.next(class, 0, high);
            while let Some(number) = next {
                let (free, _) = self.bits(self.slab(number), table);
                let free: usize = free.iter().map(|word| word.get().count_ones() as usize).sum();
                if free == usize::from(self.slab(number).fresh.get()) {
                    self.take_away(class, number);
                    count += 1;
                }
                next = self.partial.next(class, number + 1, high);
            }
        }
        count
    }

    /// Takes a slab that has no object out away from its class.
    pub(super) fn take_away(&self, class: usize, number: usize) {
        self.pool.give_back(self.slab(number).link(), BITMAPS * TABLE[class].words);
        self.partial.remove(class, number);
        if self.open[class].get() as usize == number + 1 {
            self.open[class].set(0);
        }
        self.vacate(number..number + 1);
    }

    // ── large objects ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// A large object: at least `bytes`, zeroed if asked.
    pub(super) fn alloc_span(&self, bytes: usize, align: usize, zeroed: bool) -> Result<NonNull<u8>, Error> {
        let count = bytes.div_ceil(SLAB);
        self.afford(count)?;
        let first = self.take_slabs(count, align)?;
        self.slab(first).set_use(SPAN, count as u32);
        (first + 1..first + count).for_each(|number| self.slab(number).set_use(REST, 0));
        self.out_bytes.set(self.out_bytes.get() + count * SLAB);
        if zeroed {
            self.zero_touched(first, bytes);
        }
        (first..first + count).for_each(|number| self.slab(number).touch());
        Ok(self.address(first))
    }

    fn afford(&self, slabs: usize) -> Result<(), Error> {
        let left = self.limit - self.out_bytes.get();
        let needed = slabs.saturating_mul(SLAB);
        if needed > left { Err(Error::Limit { limit: self.limit, needed, left }) } else { Ok(()) }
    }

    /// Zeroes the first `bytes` of a span where somebody wrote before; pages that nobody touched are zero.
    fn zero_touched(&self, first: usize, bytes: usize) {
        for (number, start) in (first..).zip((0..bytes).step_by(SLAB)) {
            if self.slab(number).is_touched() {
                // SAFETY: within the span, which nobody uses yet.
                unsafe { self.address(number).write_bytes(0, SLAB.min(bytes - start)) };
            }
        }
    }

    /// Takes a large object back.
    pub(super) fn free_span(&self, first: usize, count: usize) {
        self.slab(first).unmark();
        self.vacate(first..first + count);
        self.out_bytes.set(self.out_bytes.get() - count * SLAB);
    }

    /// Makes a large object of `count` slabs larger or smaller where it lies; `false` if something lies behind it.
    pub(super) fn resize_span(&self, first: usize, count: usize, bytes: usize) -> bool {
        let wanted = bytes.div_ceil(SLAB);
        if wanted > count && !self.extend_span(first + count, wanted - count) {
            return false;
        }
        if wanted < count {
            self.vacate(first + wanted..first + count);
        }
        self.slab(first).set_use(SPAN, wanted as u32);
        self.out_bytes.set(self.out_bytes.get() + wanted * SLAB - count * SLAB);
        true
    }

    /// Takes the slabs from `end` on, if they are all vacant or were never used.
    fn extend_span(&self, end: usize, count: usize) -> bool {
        let used = self.high.get().saturating_sub(end).min(count);
        let vacant = end >= self.fence.get() && (end..end + used).all(|number| self.vacant.contains(number));
        if !vacant || self.afford(count).is_err() || (used < count && !self.raise_by(end + count)) {
            return false;
        }
        for number in end..end + count {
            self.vacant.remove(number);
            self.slab(number).set_use(REST, 0);
            self.slab(number).touch();
        }
        true
    }

    fn raise_by(&self, high: usize) -> bool {
        let fits = high <= self.plan.slabs && self.commit(high * SLAB).is_ok();
        if fits {
            self.high.set(high);
        }
        fits
    }
}
