//! The choice of a slab: memory that is there serves first, and huge pages cost nothing that was not asked for.
//!
//! ```text
//!   ├── mixed, small pages ──┼── chunk for classes, advised ──┼── spans, small pages ──┼── chunk for classes, advised ──┼ …
//!   0                      mixed                                                                                     high
//!
//!   a class takes:  dirty in mixed or a chunk of classes ▶ clean there ▶ a chunk set aside anew ▶ whatever is left
//!   a span takes:   vacant outside of chunks of classes ▶ what is dirty in them ▶ slabs never used ▶ whatever is left
//! ```
//!
//! A chunk is what one huge page covers. One that is set aside for classes is full of small objects soon, so a huge page there wastes little:
//! only such chunks are advised. Their number grows by a quarter at a time, so that advised and other stretches stay few.
//!
//! * Advice stands on whole chunks. A chunk of which a *part* is returned, or in which a large object lies, loses it
//!   before. Otherwise the system would collapse it anew and undo the return. One that is returned as a whole keeps it,
//!   because it has no page that could be collapsed.
//! * The first touch of an advised chunk makes all of it resident. So its vacant slabs are dirty from then on.

use super::bitmaps::BITS;
use super::classes::SLAB;
use super::plan::COMMIT;
use super::slab::{Flag, GRAINS};
use super::slabs::{Slabs, aligned_slab};
use super::vacant::{ADVISED, CLASSY, DIRTY, HELD, VACANT};
use crate::error::Error;
use crate::pages::HUGE;
use core::ops::Range;

/// Sixteenths of slabs in chunks of classes that are dirty before large objects take some: 4 MiB.
const MUCH: usize = 1024;
/// Slabs of a chunk.
pub(in crate::heap) const CHUNK: usize = HUGE / SLAB;

impl Slabs {
    // ── a slab for a class ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes a slab for small objects.
    pub(in crate::heap) fn take_slab(&self) -> Result<usize, Error> {
        if self.vacancy.is_refused(1) {
            return Err(self.exhausted(1));
        }
        let known = || self.slab_for_class(DIRTY).or_else(|| self.slab_for_class(VACANT));
        let found = known().or_else(|| self.renew_held(1).and_then(|()| known())).or_else(|| self.grant());
        match found {
            Some(number) => self.take(number..number + 1),
            None => self.take_slabs(1, 1),
        }
    }

    /// The first slab of a set that a class should take.
    fn slab_for_class(&self, set: usize) -> Option<usize> {
        let sets = &self.vacancy.sets;
        let member = |chunk| {
            let zone = sets.word(CLASSY, chunk) | below(self.mixed, chunk);
            sets.word(set, chunk) & sets.word(VACANT, chunk) & zone
        };
        self.vacancy.run(&[set], 0, 1, |slab| slab, member)
    }

    /// Sets chunks aside for classes. Returns a slab of theirs, or nothing where no whole chunk is to be had.
    fn grant(&self) -> Option<usize> {
        if self.high.get() < self.mixed {
            return None;
        }
        let sets = &self.vacancy.sets;
        // One that large objects left, and first one that is resident.
        let left_by_spans = |set| {
            let member = |chunk| {
                sets.word(set, chunk) & sets.word(VACANT, chunk) & !sets.word(CLASSY, chunk) & !below(self.mixed, chunk)
            };
            self.vacancy.run(&[set], self.mixed, CHUNK, |slab| aligned_slab(self.base, slab, HUGE), member)
        };
        let found = left_by_spans(DIRTY).or_else(|| left_by_spans(VACANT)).map(|first| first..first + CHUNK);
        let chunks = found.or_else(|| self.raise_chunks())?;
        sets.assign(CLASSY, chunks.clone(), true);
        self.granted.set(self.granted.get() + chunks.len() / CHUNK);
        self.advise(chunks.clone());
        Some(chunks.start)
    }

    /// Makes slabs vacant that were never used: as many whole chunks as make a quarter of what classes have, or one.
    fn raise_chunks(&self) -> Option<Range<usize>> {
        let (high, wished) = (self.high.get(), (self.granted.get() / 4).max(1));
        let first = aligned_slab(self.base, high, HUGE);
        let most = self.plan.slabs.checked_sub(first)? / CHUNK;
        [wished.min(most), most.min(1)].into_iter().filter(|&chunks| chunks != 0).find_map(|chunks| {
            let end = first + chunks * CHUNK;
            self.commit(end * SLAB).ok()?;
            self.vacancy.sets.assign(VACANT, high..end, true);
            self.high.set(end);
            Some(first..end)
        })
    }

    /// Asks for huge pages for whole chunks.
    fn advise(&self, chunks: Range<usize>) {
        let unsure = |number| self.slab(number).is(Flag::Unsure);
        if chunks.clone().all(|number| self.vacancy.is(ADVISED, number)) || chunks.clone().any(unsure) {
            return;
        }
        // SAFETY: whole chunks of committed slabs: none is unsure. A refusal changes nothing but how fast it is.
        let advised = unsafe { self.pages.huge(self.bytes_of(chunks.clone())) };
        self.vacancy.sets.assign(ADVISED, chunks, advised.is_ok());
    }

    /// Takes the advice for huge pages back from the chunks that some slabs lie in.
    pub(in crate::heap) fn unadvise(&self, slabs: Range<usize>) {
        let advised = self.vacancy.sets.next(ADVISED, slabs.start);
        if advised.is_none_or(|number| number >= slabs.end) {
            return;
        }
        let chunks = self.chunk_of(slabs.start).start..self.chunk_of(slabs.end - 1).end;
        // If it is refused, the system may make huge pages here again.
        let _ = self.pages.plain(self.bytes_of(chunks.clone()));
        self.vacancy.sets.assign(ADVISED, chunks, false);
    }

    /// The chunk that a slab lies in; of one in the mixed part, the slab alone.
    pub(in crate::heap) fn chunk_of(&self, number: usize) -> Range<usize> {
        match number.checked_sub(self.mixed) {
            Some(behind) => {
                let start = number - behind % CHUNK;
                start..(start + CHUNK).min(self.plan.slabs)
            }
            None => number..number + 1,
        }
    }

    /// Notes that a slab is used from now on, which makes the whole chunk resident if advice stands on it.
    pub(in crate::heap) fn touch_chunk(&self, number: usize) {
        if !self.vacancy.is(ADVISED, number) {
            return;
        }
        self.slab(number).touch(GRAINS);
        for other in self.chunk_of(number) {
            if self.vacancy.is(VACANT, other) && self.slab(other).touched() != GRAINS {
                self.dirtied(other);
            }
        }
    }

    /// Offsets of slabs in the reservation.
    pub(in crate::heap) fn bytes_of(&self, slabs: Range<usize>) -> Range<usize> {
        self.origin + slabs.start * SLAB..self.origin + slabs.end * SLAB
    }

    // ── slabs in a row ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes `count` slabs in a row, of which the first begins at a multiple of `align` bytes.
    pub(in crate::heap) fn take_slabs(&self, count: usize, align: usize) -> Result<usize, Error> {
        if self.vacancy.is_refused(count) {
            return Err(self.exhausted(count));
        }
        let run = |all: bool| self.vacant_run(count, align, all);
        // Resident memory that classes left is better used than other memory beside it, but not for the sake of a few MiB.
        let much_lies_there = || self.class_dirt() >= (count / 2).saturating_mul(GRAINS).saturating_add(MUCH);
        let found = run(false)
            .or_else(|| if much_lies_there() { run(true) } else { None })
            .or_else(|| self.renew_held(count).and_then(|()| run(false)));
        if let Some(first) = found {
            return self.take(first..first + count);
        }
        let error = match self.raise(count, align, false) {
            Ok(first) => return self.take(first..first + count),
            Err(error) => error,
        };
        // Nothing is left but what somebody else should rather have had.
        let any = || run(true).or_else(|| self.raise(count, align, true).ok());
        let left = any()
            .or_else(|| self.renew_held(usize::MAX).and_then(|()| any()))
            .or_else(|| if self.cut_slack() { any() } else { None });
        match (left, error) {
            (Some(first), _) => self.take(first..first + count),
            (None, Error::Exhausted { .. }) => {
                if align <= SLAB {
                    self.vacancy.refuse(count);
                }
                Err(error)
            }
            (None, error) => Err(error),
        }
    }

    /// The first run of vacant slabs that a growing object should lie in; not one for which something else must give way.
    pub(in crate::heap) fn run_to_grow_in(&self, count: usize, align: usize) -> Option<usize> {
        if self.vacancy.is_refused(count) {
            return None;
        }
        self.vacant_run(count, align, false).or_else(|| {
            let first = self.raise(count, align, false).ok()?;
            self.vacancy.sets.assign(VACANT, first..first + count, true);
            Some(first)
        })
    }

    /// Sixteenths that are dirty and were a class's.
    fn class_dirt(&self) -> usize {
        self.vacancy.dirty.get() - self.vacancy.large.get()
    }

    /// The first run of vacant slabs outside of chunks of classes, or in `all`.
    fn vacant_run(&self, count: usize, align: usize, all: bool) -> Option<usize> {
        let sets = &self.vacancy.sets;
        let member = |chunk| sets.word(VACANT, chunk) & if all { u64::MAX } else { !sets.word(CLASSY, chunk) };
        self.vacancy.run(&[VACANT], 0, count, |slab| aligned_slab(self.base, slab, align), member)
    }

    /// Returns the memory of held slabs in a row to the system, so that they are nobody else's and serve. It takes as
    /// many as are asked for, or all that there are. Nothing if there are none, or the system refuses.
    fn renew_held(&self, count: usize) -> Option<()> {
        let sets = &self.vacancy.sets;
        let mut from = sets.next(HELD, 0)?;
        if count < usize::MAX {
            let member = |chunk| (sets.word(VACANT, chunk) | sets.word(HELD, chunk)) & !sets.word(CLASSY, chunk);
            let any = |chunk| sets.word(HELD, chunk);
            let first = match count {
                1 => self.vacancy.run(&[HELD], 0, 1, |slab| slab, any),
                _ => self.vacancy.run(&[VACANT, HELD], 0, count, |slab| slab, member),
            }?;
            // Those that follow will be wanted next.
            let end =
                (first + 1..first + CHUNK).find(|&number| number >= first + count && !self.vacancy.is(HELD, number));
            let end = end.unwrap_or(first + CHUNK.max(count)).min(self.high.get());
            return self.give_back(first..end, true).ok();
        }
        loop {
            let end = (from..self.high.get()).find(|&number| !self.vacancy.is(HELD, number)).unwrap_or(self.high.get());
            self.give_back(from..end, true).ok()?;
            match sets.next(HELD, end) {
                Some(next) => from = next,
                None => return Some(()),
            }
        }
    }

    /// Takes vacant slabs, which are accessible from then on.
    pub(in crate::heap) fn take(&self, slabs: Range<usize>) -> Result<usize, Error> {
        if self.occupy(slabs.clone()) {
            if let Err(error) = self.recommit(slabs.clone()) {
                self.vacate(slabs, false);
                return Err(error);
            }
        }
        Ok(slabs.start)
    }

    /// Gives the advice for small objects up where a large one lies from now on.
    pub(in crate::heap) fn settle_span(&self, slabs: Range<usize>) {
        let sets = &self.vacancy.sets;
        if self.huge_spans && slabs.len() >= CHUNK {
            let first = aligned_slab(self.base, slabs.start.max(self.mixed), HUGE);
            let chunks = first..first + slabs.end.saturating_sub(first) / CHUNK * CHUNK;
            self.unadvise(slabs.start..chunks.start.min(slabs.end));
            self.unadvise(chunks.end.max(slabs.start)..slabs.end);
            return if chunks.is_empty() { self.unadvise(slabs) } else { self.advise(chunks) };
        }
        self.unadvise(slabs.clone());
        // A chunk in which no class has anything is for anybody again.
        let mut at = slabs.start.max(self.mixed);
        while at < slabs.end {
            let chunk = self.chunk_of(at);
            let empty = |number: usize| slabs.contains(&number) || self.vacancy.is(VACANT, number);
            if sets.contains(CLASSY, at) && chunk.clone().all(empty) {
                sets.assign(CLASSY, chunk.clone(), false);
                self.granted.set(self.granted.get() - 1);
            }
            at = chunk.end;
        }
    }

    /// Takes in slabs that were never used, so that `count` lie in a row with vacant ones just before them. It takes
    /// none in chunks of classes, unless `all` serve. There is no room among the vacant ones. New ones in the row are
    /// in no set yet: the caller has them or makes them vacant. So a heap's first objects touch no page of the sets.
    fn raise(&self, count: usize, align: usize, all: bool) -> Result<usize, Error> {
        let high = self.high.get();
        // Vacant slabs at the end are too few, but the first of those that are needed.
        let free = |&number: &usize| self.vacancy.is(VACANT, number) && (all || !self.vacancy.is(CLASSY, number));
        let end = (0..high).rev().take_while(free).last().unwrap_or(high);
        let first = aligned_slab(self.base, end, align);
        let (skipped, left) = (first - end, self.plan.slabs - end);
        if count > left || skipped > left - count {
            let needed = count.saturating_add(skipped).saturating_mul(SLAB);
            return Err(Error::Exhausted { needed, left: left * SLAB });
        }
        self.commit((first + count) * SLAB)?;
        let new = first.max(high)..first + count;
        self.raised(new.start);
        // Written before it is read: a page of the table costs one fault then and not two.
        new.clone().for_each(|number| self.slab(number).cut(0));
        self.high.set(new.end);
        Ok(first)
    }

    /// Moves `high`, behind which all is committed, so that what lies between is vacant.
    pub(in crate::heap) fn raised(&self, high: usize) {
        if high > self.high.get() {
            self.vacancy.sets.assign(VACANT, self.high.get()..high, true);
            self.high.set(high);
        }
    }

    pub(in crate::heap) fn exhausted(&self, count: usize) -> Error {
        let left = (self.plan.slabs - self.high.get()) * SLAB;
        Error::Exhausted { needed: count.saturating_mul(SLAB).max(left + SLAB), left }
    }

    /// Makes the first `end` bytes of slabs writable, and some ahead if the system grants them.
    pub(in crate::heap) fn commit(&self, end: usize) -> Result<(), Error> {
        let committed = self.committed.get();
        if end <= committed {
            return Ok(());
        }
        let upto = |end: usize| {
            self.commit_far(end.div_ceil(SLAB))?;
            self.commit_small(self.origin + committed..self.origin + end)?;
            self.committed.set(end);
            Ok(())
        };
        let ahead = end.max(committed + COMMIT.max(committed / 4));
        // A huge page comes of a range that is writable as a whole.
        let ahead = match ahead.checked_sub(self.mixed * SLAB) {
            None | Some(0) => ahead.next_multiple_of(SLAB),
            Some(behind) => self.mixed * SLAB + behind.next_multiple_of(HUGE),
        };
        let ahead = ahead.min(self.plan.slabs * SLAB);
        upto(ahead).or_else(|error: Error| if end < ahead { upto(end) } else { Err(error) })
    }
}

/// The slabs below `bound` in a chunk of 64.
fn below(bound: usize, chunk: usize) -> u64 {
    match bound.saturating_sub(chunk * BITS) {
        0 => 0,
        some => u64::MAX >> (BITS - some.min(BITS)),
    }
}
