//! Objects larger than any class: whole slabs in a row, of which the last is used in part.
//!
//! ```text
//!   ├ class ┼ span ┼ rest ┼ rest ▒▒┼ slack ┼ vacant ┼ class ┤ … high
//!             ◀────── bytes ────▶ ▒▒ end of its last slab
//!             ◀────────── owned ──────────▶ may grow in place ▶
//! ```
//!
//! * A span takes address space by the slab and counts by sixteenths of one. No more is resident, since nothing is
//!   written behind its end. If the memory was used before, such an end may be resident all the same. The sum of these
//!   ends is kept, and they are [returned](super::returns) when they grow too much.
//! * A span that had to move in order to grow keeps slabs behind it to grow into, as long as nobody else wants them. They are clean, so they
//!   cost address space alone.

use super::classes::{GRAIN, SLAB};
use super::decay::Decay;
use super::slab::{Flag, GRAINS, SlabUse, SpanSize};
use super::slabs::Slabs;
use super::vacant::{DIRTY, VACANT};
use crate::error::Error;
use core::ops::Range;
use core::ptr::NonNull;

/// If somebody wrote to more than this before, the memory of a zeroed span is returned. Otherwise it is overwritten with zeros.
const RATHER_RETURNED: usize = 8 << 20;
/// Slabs that all spans together may keep with what lies in them: 1 MiB.
const LITTLE: usize = 16;
/// Slabs that a span keeps behind it at most.
const MOST_SLACK: usize = 4096;

/// Slabs that a span keeps behind it, if it can.
fn room(extent: SpanSize) -> usize {
    (extent.slabs / 2).clamp(1, MOST_SLACK)
}

impl Slabs {
    /// A large object of at least `bytes`, zeroed if asked.
    pub(in crate::heap) fn alloc_span(&self, bytes: usize, align: usize, zeroed: bool) -> Result<NonNull<u8>, Error> {
        let extent = SpanSize::of(bytes);
        self.afford(extent.bytes())?;
        let first = self.take_slabs(extent.slabs, align)?;
        let slabs = first..first + extent.slabs;
        self.settle_span(slabs.clone());
        if zeroed {
            self.zero_touched(slabs, bytes)?;
        }
        Ok(self.found_span(first, extent))
    }

    /// A large object that had to move in order to grow, at a place where it can grow further; `None` where there is none.
    pub(in crate::heap) fn alloc_with_room(&self, bytes: usize, align: usize) -> Option<NonNull<u8>> {
        let extent = SpanSize::of(bytes);
        self.afford(extent.bytes()).ok()?;
        let first = self.run_to_grow_in(extent.slabs.checked_add(room(extent))?, align)?;
        self.take(first..first + extent.slabs).ok()?;
        self.settle_span(first..first + extent.slabs);
        let object = self.found_span(first, extent);
        self.leave_room(first, extent);
        Some(object)
    }

    /// Makes slabs that were taken a span.
    fn found_span(&self, first: usize, extent: SpanSize) -> NonNull<u8> {
        self.slab(first).becomes_span(extent);
        (first + 1..first + extent.slabs).for_each(|number| self.slab(number).becomes_rest(number - first));
        self.out_bytes.set(self.out_bytes.get() + extent.bytes());
        self.count_span(first, extent, 0);
        self.address(first)
    }

    /// Counts a span in, and notes that its slabs are written to. Those at its beginning that are known to be are left
    /// out.
    fn count_span(&self, first: usize, extent: SpanSize, known: usize) {
        let last = first + extent.slabs - 1;
        let new = (first + known).min(last)..last;
        #[cfg(test)]
        tests::NOTED.set(tests::NOTED.get() + new.len() + 1);
        new.for_each(|number| self.slab(number).touch(GRAINS));
        self.slab(last).touch(extent.last);
        self.span_grains.set(self.span_grains.get() + extent.bytes() / GRAIN);
        self.tail_grains.set(self.tail_grains.get() + self.tail(first, extent));
        self.slack.set(self.slack.get() + extent.slack);
        self.decay.has_tails(self.span_grains.get(), self.tail_grains.get());
    }

    /// Takes a span out of what is counted.
    fn discount_span(&self, first: usize, extent: SpanSize) {
        self.span_grains.set(self.span_grains.get() - extent.bytes() / GRAIN);
        self.tail_grains.set(self.tail_grains.get() - self.tail(first, extent));
        self.slack.set(self.slack.get() - extent.slack);
    }

    /// Sixteenths behind the end of a span that may be resident.
    pub(in crate::heap) fn tail(&self, first: usize, extent: SpanSize) -> usize {
        self.slab(first + extent.slabs - 1).touched() - extent.last
    }

    /// Says that what lies behind the end of a span may be resident up to so many sixteenths of its last slab.
    pub(in crate::heap) fn tail_reaches(&self, first: usize, extent: SpanSize, grains: usize) {
        let before = self.tail(first, extent);
        self.slab(first + extent.slabs - 1).touch(grains);
        self.tail_grains.set(self.tail_grains.get() - before + self.tail(first, extent));
    }

    /// Says that only zeros lie behind the end of a span, and that no page of its own is resident there.
    pub(in crate::heap) fn tail_returned(&self, first: usize, extent: SpanSize) {
        self.tail_grains.set(self.tail_grains.get() - self.tail(first, extent));
        self.slab(first + extent.slabs - 1).cut(extent.last);
    }

    fn afford(&self, needed: usize) -> Result<(), Error> {
        let left = self.limit - self.out_bytes.get();
        if needed > left { Err(Error::Limit { limit: self.limit, needed, left }) } else { Ok(()) }
    }

    /// Zeroes the first `bytes` of slabs where somebody wrote before; pages that nobody touched are zero.
    fn zero_touched(&self, slabs: Range<usize>, bytes: usize) -> Result<(), Error> {
        let touched: usize = slabs.clone().map(|number| self.slab(number).touched()).sum();
        if touched * GRAIN > RATHER_RETURNED {
            if self.discard(slabs.start * SLAB..slabs.end * SLAB).is_ok() {
                slabs.for_each(|number| self.slab(number).cut(0));
                return Ok(());
            }
            // They may hold anything now, and may have lost their access.
            slabs.clone().for_each(|number| self.slab(number).touch(GRAINS));
            if let Err(error) = self.recommit(slabs.clone()) {
                self.vacate(slabs, true);
                return Err(error);
            }
        }
        for (number, start) in slabs.zip((0..bytes).step_by(SLAB)) {
            let written = (self.slab(number).touched() * GRAIN).min(bytes - start);
            // SAFETY: within a slab of the span, which nobody uses yet.
            unsafe { self.address(number).write_bytes(0, written) };
        }
        Ok(())
    }

    /// Takes a large object back.
    pub(in crate::heap) fn free_span(&self, first: usize, extent: SpanSize) {
        self.discount_span(first, extent);
        self.vacate(first..first + extent.owned(), true);
        self.out_bytes.set(self.out_bytes.get() - extent.bytes());
    }

    /// Makes a large object larger or smaller where it lies; `false` if something lies behind it. Making it smaller never fails.
    pub(in crate::heap) fn resize_span(&self, first: usize, old: SpanSize, bytes: usize) -> bool {
        let mut new = SpanSize::of(bytes);
        if new.bytes() > old.bytes() {
            let last = first + old.slabs - 1;
            let unsure = self.slab(last).is(Flag::Unsure);
            if self.afford(new.bytes() - old.bytes()).is_err() || (unsure && self.recommit(last..last + 1).is_err()) {
                return false;
            }
        }
        if new.slabs > old.owned() && !self.extend_span(first, old, new.slabs) {
            return false;
        }
        self.discount_span(first, old);
        // It keeps the slabs that it grew into. Those that it gives up are somebody else's.
        new.slack = if new.slabs >= old.slabs { old.owned().saturating_sub(new.slabs) } else { 0 };
        if new.owned() < old.owned() {
            self.vacate(first + new.owned()..first + old.owned(), true);
        }
        self.slab(first).becomes_span(new);
        self.out_bytes.set(self.out_bytes.get() - old.bytes() + new.bytes());
        // Of a span all slabs but the last are written to as a whole.
        self.count_span(first, new, old.slabs - 1);
        true
    }

    /// Takes the slabs behind a span, up to `owned` in all, if they are all vacant or were never used.
    fn extend_span(&self, first: usize, old: SpanSize, owned: usize) -> bool {
        let (from, Some(end)) = (first + old.owned(), first.checked_add(owned)) else { return false };
        let known = self.high.get().min(end);
        if !(from..known).all(|number| self.vacancy.is(VACANT, number)) {
            return false;
        }
        if end > known {
            if end > self.plan.slabs || self.commit(end * SLAB).is_err() {
                return false;
            }
            self.raised(end);
        }
        if self.take(from..end).is_err() {
            return false;
        }
        self.settle_span(from..end);
        (from..end).for_each(|number| self.slab(number).becomes_rest(number - first));
        true
    }

    /// Lets a span keep the vacant slabs behind it to grow into. Their memory is returned first, so that they cost address space
    /// alone.
    fn leave_room(&self, first: usize, extent: SpanSize) {
        let from = first + extent.slabs;
        let vacant = |&number: &usize| self.vacancy.is(VACANT, number);
        let known = from..(from + room(extent)).min(self.high.get());
        let end = known.take_while(vacant).last().map_or(from, |last| last + 1);
        // As long as that is little, it stays as it is: to return it and to fault it in again costs about as much as to copy a small span.
        let little = self.slack.get() + end - from <= LITTLE;
        let dirty = !little && self.vacancy.sets.next(DIRTY, from).is_some_and(|number| number < end);
        if end == from || (dirty && (self.decay.policy() == Decay::Never || self.give_back(from..end, false).is_err()))
        {
            return;
        }
        if self.take(from..end).is_ok() {
            self.settle_span(from..end);
            (from..end).for_each(|number| self.slab(number).becomes_rest(number - first));
            self.slab(first).becomes_span(SpanSize { slack: end - from, ..extent });
            self.slack.set(self.slack.get() + end - from);
        }
    }

    /// Takes from all spans what they keep to grow into. Returns `true` if there was any.
    pub(in crate::heap) fn cut_slack(&self) -> bool {
        if self.slack.get() == 0 {
            return false;
        }
        let mut number = 0;
        while number < self.high.get() {
            number += match self.slab(number).usage() {
                SlabUse::Span(extent) => {
                    self.slab(number).becomes_span(SpanSize { slack: 0, ..extent });
                    self.vacate(number + extent.slabs..number + extent.owned(), false);
                    extent.owned()
                }
                _ => 1,
            };
        }
        self.slack.set(0);
        true
    }

    /// The large object that begins at an address.
    pub(in crate::heap) fn span_at(&self, object: NonNull<u8>) -> Option<(usize, SpanSize)> {
        let number = self.offset(object.addr().get())? / SLAB;
        match self.slab(number).usage() {
            SlabUse::Span(extent) => Some((number, extent)),
            _ => None,
        }
    }

    /// Marks a span. Returns `true` if it was not marked.
    pub(in crate::heap) fn mark_span(&self, first: usize) -> bool {
        !self.slab(first).note(Flag::Marked, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeapArena;
    use core::alloc::Layout;
    use core::cell::Cell;

    std::thread_local! {
        /// Slabs of which it was noted that a span writes to them.
        pub(in crate::heap) static NOTED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn a_large_object_that_changes_step_by_step_costs_what_each_step_adds() {
        let heap = HeapArena::builder().reservation(64 << 20).build().unwrap();
        let layout = |slabs: usize| Layout::from_size_align(slabs * SLAB, 8).unwrap();
        let mut object = heap.alloc(layout(1)).unwrap();
        let mut resize = |old: usize, new: usize| {
            // SAFETY: live, of the old layout, and used by nobody else.
            object = unsafe { heap.realloc(object, layout(old), layout(new)).unwrap() };
            let extent = heap.slabs().span_at(object).unwrap().1;
            assert!(extent.slabs == new && extent.last == GRAINS);
            let first = heap.slabs().number_of(object);
            assert!((first..first + new).all(|number| heap.slabs().slab(number).touched() == GRAINS));
        };
        NOTED.set(0);
        (1..500).for_each(|slabs| resize(slabs, slabs + 1));
        (1..500).rev().for_each(|slabs| resize(slabs + 1, slabs));
        (1..500).for_each(|slabs| resize(slabs, slabs + 1));
        assert!(NOTED.get() < 6 * 500, "{}", NOTED.get());
        assert_eq!(heap.stats().live, 500 * SLAB);
    }
}
