//! Giving memory back: that of vacant slabs, of pages without a live object, and behind the ends of spans.
//!
//! ```text
//!   slabs    │ vacant, dirty ▒▒▒▒▒▒▒▒▒▒▒▒ │ of a class ▓▓░░░░▓░░░░░░▓▓ │ span ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒ │
//!   returned   ◀──── a stretch: 1 call ───▶               ◀──▶ ◀────▶                           ◀───▶
//! ```
//!
//! * Advice for huge pages is taken back from a chunk before a part of it is returned.
//! * A refusal says nothing of what a range holds, and may have taken its access. Vacant slabs are [unsure](Flag::Unsure) then, and
//!   committed when somebody takes them. A range of a slab in use is committed at once; if that is refused too, the slab hands nothing out
//!   until it is granted.
//! * A slab of a class is *settled* when the pages of its free objects are returned, until an object comes back to it.

use super::bitmaps::BITS;
use super::classes::{GRAIN, SLAB, TABLE};
use super::slab::{Flag, GRAINS, SlabUse, SpanSize};
use super::slabs::Slabs;
use super::vacant::{ADVISED, DIRTY, HELD, VACANT};
use crate::base::bits;
use crate::base::otherwise::Otherwise;
use crate::error::Error;
use core::ops::Range;

/// Slabs that one step looks at in search of sparse ones, or of ends.
const LOOKED_AT: usize = 16 << 10;

impl Slabs {
    /// Returns the memory of slabs that are all vacant. `alone` if nobody asked for that.
    pub(in crate::heap) fn give_back(&self, slabs: Range<usize>, alone: bool) -> Result<(), Error> {
        let mut slabs = slabs;
        for edge in [slabs.start, slabs.end - 1] {
            let chunk = self.chunk_of(edge);
            let part = chunk.start < slabs.start || slabs.end < chunk.end;
            if !part || !self.vacancy.is(ADVISED, edge) {
                continue;
            }
            // One in which nothing is can go as a whole.
            let vacant = |number: usize| self.vacancy.is(VACANT, number) || self.vacancy.is(HELD, number);
            match chunk.clone().all(vacant) {
                true => slabs = slabs.start.min(chunk.start)..slabs.end.max(chunk.end),
                false => self.unadvise(edge..edge + 1),
            }
        }
        let otherwise = Otherwise::new(|| self.return_refused(slabs.clone()));
        // Only what is committed may be discarded.
        if slabs.clone().any(|number| self.slab(number).is(Flag::Unsure)) {
            self.recommit(slabs.clone())?;
        }
        self.discard(slabs.start * SLAB..slabs.end * SLAB)?;
        otherwise.done();
        self.returned(slabs, alone);
        Ok(())
    }

    /// Returns the memory of all dirty slabs, by a call for each stretch of vacant ones; says how many bytes they had.
    pub(in crate::heap) fn give_all_back(&self) -> Result<usize, Error> {
        let (mut from, mut bytes) = (0, 0);
        while let Some(first) = self.vacancy.sets.next(DIRTY, from) {
            let used = |&number: &usize| !self.vacancy.is(VACANT, number) && !self.vacancy.is(HELD, number);
            from = (first..self.high.get()).find(used).unwrap_or(self.high.get());
            // Up to the last that is dirty.
            let end = self.vacancy.sets.last(DIRTY, from).map_or(from, |last| last + 1);
            let grains: usize = (first..end).map(|number| self.slab(number).touched()).sum();
            self.give_back(first..end, false)?;
            bytes += grains * GRAIN;
        }
        Ok(bytes)
    }

    /// Returns the memory of slabs of a set of dirty ones, highest first, until `enough` says so of the sixteenths that went. First whole
    /// chunks, and what no advice stands on; parts of chunks only where that is not enough.
    pub(in crate::heap) fn purge(&self, set: usize, enough: impl Fn(usize) -> bool) -> Result<usize, Error> {
        let mut gone = 0;
        for split in [false, true] {
            let mut below = self.high.get();
            while !enough(gone) {
                let Some(last) = self.vacancy.sets.last(set, below) else { break };
                let chunk = self.chunk_of(last);
                let whole = || chunk.clone().all(|number| self.vacancy.is(set, number));
                let mut grains = self.slab(last).touched();
                let mut first = last;
                if !split && self.vacancy.is(ADVISED, last) {
                    below = chunk.start;
                    if !whole() {
                        continue;
                    }
                    first = chunk.start;
                    grains = chunk.clone().map(|number| self.slab(number).touched()).sum();
                } else {
                    let joins =
                        |number: usize| self.vacancy.is(set, number) && (split || !self.vacancy.is(ADVISED, number));
                    while first > 0 && joins(first - 1) && !enough(gone + grains) {
                        first -= 1;
                        grains += self.slab(first).touched();
                    }
                    below = first;
                }
                self.give_back(first..last + 1, true)?;
                gone += grains;
            }
        }
        Ok(gone)
    }

    // ── pages without an object ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// Returns the pages of a class's slab on which no object is out; says how many bytes that were.
    pub(in crate::heap) fn settle(&self, number: usize) -> Result<usize, Error> {
        let slab = self.slab(number);
        let SlabUse::Class(class) = slab.usage() else { return Ok(0) };
        if slab.is(Flag::Unsure) {
            self.recommit(number..number + 1)?;
            if slab.free.get() != 0 {
                self.offer(class, number);
            }
        }
        if slab.is(Flag::Settled) {
            return Ok(0);
        }
        let (size, objects) = (TABLE[class].size, TABLE[class].objects);
        let (mut bytes, mut end_of_last) = (0, 0);
        for index in self.out_indices(number).chain([objects]) {
            // Behind the last object lies what is too small for one more.
            let start = if index == objects { SLAB } else { index * size };
            bytes += self.discard_between(number, class, end_of_last..start)?;
            end_of_last = start + size;
        }
        slab.note(Flag::Settled, true);
        Ok(bytes)
    }

    /// The objects of a slab of a class that are out, in order.
    fn out_indices(&self, number: usize) -> impl Iterator<Item = usize> {
        let slab = self.slab(number);
        let class = match slab.usage() {
            SlabUse::Class(class) => Some(&TABLE[class]),
            _ => None,
        };
        class.into_iter().flat_map(move |class| {
            (0..class.words).flat_map(move |word| {
                let out = self.out_in(slab, class, word);
                bits::ones(out).map(move |bit| word * BITS + bit)
            })
        })
    }

    /// Returns the whole pages within a part of a slab of a class.
    fn discard_between(&self, number: usize, class: usize, part: Range<usize>) -> Result<usize, Error> {
        let page = self.pages.page();
        let start = page.ceil(part.start).unwrap_or(part.end);
        let end = page.floor(part.end.min(SLAB));
        if start >= end {
            return Ok(0);
        }
        self.unadvise(number..number + 1);
        // Before, because a refusal may come half-way.
        #[cfg(debug_assertions)]
        self.unpoison(number, start..end);
        let otherwise = Otherwise::new(|| {
            self.slab(number).touch(GRAINS);
            if self.recommit(number..number + 1).is_err() {
                self.close_open(class, Some(number));
                self.partial.remove(class, number);
            }
        });
        self.discard(number * SLAB + start..number * SLAB + end)?;
        otherwise.done();
        Ok(end - start)
    }

    /// Returns pages of slabs that are at most half full, from one on, until `stop`. Says where to go on. Of `rested` ones only, those that
    /// were as sparse when this was asked before and served nobody since; others it notes.
    pub(in crate::heap) fn thin_out(
        &self,
        from: usize,
        rested: bool,
        stop: impl Fn() -> bool,
    ) -> Result<Option<usize>, Error> {
        let end = self.high.get().min(from + LOOKED_AT);
        for number in from..end {
            if stop() {
                return Ok(Some(number));
            }
            let slab = self.slab(number);
            let SlabUse::Class(class) = slab.usage() else { continue };
            let out = slab.first_untouched.get() - slab.free.get();
            if usize::from(out) * 2 <= TABLE[class].objects && (slab.note(Flag::Rested, true) || !rested) {
                self.settle(number)?;
            }
        }
        Ok((end < self.high.get()).then_some(end))
    }

    /// Returns `true` if more than half of what classes have is free.
    pub(in crate::heap) fn is_sparse(&self) -> bool {
        let out = self.out_bytes.get() - self.span_grains.get() * GRAIN;
        self.class_slabs.get() * SLAB > 2 * out
    }

    // ── ends of spans ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Returns what is resident behind the ends of spans, from a slab on, until `stop`. Says where to go on, and how many bytes went.
    pub(in crate::heap) fn cut_tails(
        &self,
        from: usize,
        stop: impl Fn() -> bool,
    ) -> Result<(Option<usize>, usize), Error> {
        let (mut number, mut bytes) = (from, 0);
        let end = self.high.get().min(from.saturating_add(LOOKED_AT));
        while number < end && self.tail_grains.get() != 0 {
            if stop() {
                return Ok((Some(number), bytes));
            }
            number += match self.slab(number).usage() {
                SlabUse::Span(extent) => {
                    bytes += self.cut_tail(number, extent)?;
                    extent.owned()
                }
                _ => 1,
            };
        }
        Ok(((number < self.high.get() && self.tail_grains.get() != 0).then_some(number), bytes))
    }

    fn cut_tail(&self, first: usize, extent: SpanSize) -> Result<usize, Error> {
        let (last, tail) = (first + extent.slabs - 1, self.tail(first, extent));
        if tail == 0 {
            return Ok(0);
        }
        let page = self.pages.page();
        let (span_end, tail_end) = (extent.last * GRAIN, (extent.last + tail) * GRAIN);
        let start = page.ceil(span_end).unwrap_or(SLAB);
        let end = page.ceil(tail_end).unwrap_or(SLAB).min(SLAB);
        if self.slab(last).is(Flag::Unsure) {
            self.recommit(last..last + 1)?;
        }
        if start < end {
            self.unadvise(last..last + 1);
            let otherwise = Otherwise::new(|| {
                // It may hold anything up to its end, and may have lost its access.
                self.tail_reaches(first, extent, end / GRAIN);
                self.slab(last).note(Flag::Unsure, true);
                let _ = self.recommit(last..last + 1);
            });
            self.discard(last * SLAB + start..last * SLAB + end)?;
            otherwise.done();
        }
        // What lies on a page with the span's end stays resident. On pages of 4 KiB there is nothing.
        let shared = span_end..start.min(tail_end);
        // SAFETY: behind a span's end in its last slab, which is committed: nobody's.
        unsafe { self.address(last).add(shared.start).write_bytes(0, shared.len()) };
        self.tail_returned(first, extent);
        Ok(end.saturating_sub(start))
    }

    // ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(in crate::heap) fn discard(&self, objects: Range<usize>) -> Result<(), Error> {
        // SAFETY: slabs that are committed and hold no object that is out.
        unsafe { self.pages.discard(self.origin + objects.start..self.origin + objects.end) }.map_err(Error::Pages)
    }

    /// Gives slabs their access back, those that may have lost it. They are unsure if that is refused.
    pub(in crate::heap) fn recommit(&self, slabs: Range<usize>) -> Result<(), Error> {
        let committed = self.pages.commit(self.bytes_of(slabs.clone()));
        slabs.for_each(|number| _ = self.slab(number).note(Flag::Unsure, committed.is_err()));
        committed.map_err(Error::Pages)
    }
}

#[cfg(debug_assertions)]
impl Slabs {
    /// The poison of objects in pages that were given back is gone.
    fn unpoison(&self, number: usize, part: Range<usize>) {
        let slab = self.slab(number);
        let SlabUse::Class(class) = slab.usage() else { return };
        let class = &TABLE[class];
        let (_, poisoned) = self.check_bits(slab, class);
        for index in class.index(part.start)..=class.index(part.end - 1).min(class.objects - 1) {
            poisoned[index / BITS].set(poisoned[index / BITS].get() & !(1 << (index % BITS)));
        }
    }
}
