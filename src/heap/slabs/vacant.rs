//! Slabs that nobody has: what may still lie in them, and which serve a request.
//!
//! ```text
//!            taken ◀──────────────────────────────┬───────────┐
//!              │                                  │           │
//!              │ freed, not shared                │           │
//!              ├───────────────▶ vacant, dirty ───┼─returned─▶ vacant, clean ◀── never used
//!              │                      ▲                       ▲
//!              │ freed, shared        │ fence lifted          │
//!              └───────────────▶ held, dirty ──────returned───┘
//! ```
//!
//! * A slab is **dirty** if it is vacant and may be resident. It is used again before a clean one.
//! * A slab is **held** if it is vacant behind a fence and its pages may be shared with a child. It serves nobody until the fence is lifted,
//!   or until its memory is returned, because a new page is nobody else's.
//! * `dirty` and `large` are sums over what `touched` says of the slabs of these sets.
//! * `refused <= n` means that no `n` vacant slabs lie in a row and none can be had. It is forgotten when a slab becomes vacant.

use super::bitmaps::BITS;
use super::classes::CLASSES;
use super::sets::Sets;
use super::slab::{Flag, GRAINS, Slab};
use super::slabs::Slabs;
use core::cell::Cell;
use core::ops::Range;

/// Facts of slabs, each of which is a set.
pub(in crate::heap) const FACTS: usize = 6;
/// Nobody has it, and anybody may.
pub(in crate::heap) const VACANT: usize = 0;
/// Nobody has it, and it may be resident.
pub(in crate::heap) const DIRTY: usize = 1;
/// Nobody has it, and nobody may yet.
pub(in crate::heap) const HELD: usize = 2;
/// It is dirty, and was a large object's.
pub(in crate::heap) const LARGE: usize = 3;
/// It lies in a chunk for classes.
pub(in crate::heap) const CLASSY: usize = 4;
/// Advice for huge pages stands on it.
pub(in crate::heap) const ADVISED: usize = 5;

/// The bookkeeping of slabs that nobody has.
pub(in crate::heap) struct Vacancy {
    pub(in crate::heap) sets: Sets<FACTS>,
    /// Sixteenths of dirty slabs.
    pub(in crate::heap) dirty: Cell<usize>,
    /// Of these, what large objects left.
    pub(in crate::heap) large: Cell<usize>,
    /// The least number of slabs in a row that was refused.
    refused: Cell<usize>,
    /// The number of times that a slab became vacant. A request that was refused before may be granted after that.
    epoch: Cell<u32>,
}

impl Vacancy {
    pub(in crate::heap) fn new(sets: Sets<FACTS>) -> Self {
        Self { sets, dirty: Cell::new(0), large: Cell::new(0), refused: Cell::new(usize::MAX), epoch: Cell::new(1) }
    }

    /// Returns `true` if so many slabs in a row are known not to be had.
    pub(in crate::heap) fn is_refused(&self, count: usize) -> bool {
        count >= self.refused.get()
    }

    pub(in crate::heap) fn refuse(&self, count: usize) {
        self.refused.set(self.refused.get().min(count));
    }

    /// The number of a time in which no slab became vacant; never 0.
    pub(in crate::heap) fn epoch(&self) -> u32 {
        self.epoch.get()
    }

    /// Forgets what was refused: there may be room now.
    pub(in crate::heap) fn has_room(&self) {
        self.refused.set(usize::MAX);
        self.epoch.set(self.epoch.get().wrapping_add(1).max(1));
    }

    pub(in crate::heap) fn is(&self, fact: usize, slab: usize) -> bool {
        self.sets.contains(fact, slab)
    }

    /// The first run of `count` slabs from `from` on which `member` names, a chunk of 64 at a time. `fit` names the first slab from one on
    /// that the run may begin with. `member` names none in a chunk without a slab of `sets`.
    pub(in crate::heap) fn run(
        &self,
        sets: &[usize],
        from: usize,
        count: usize,
        fit: impl Fn(usize) -> usize,
        member: impl Fn(usize) -> u64,
    ) -> Option<usize> {
        let mut start: Option<usize> = None;
        let mut chunk = self.sets.next_chunk(sets, from / BITS)?;
        loop {
            let mut word = member(chunk);
            if chunk == from / BITS {
                word &= u64::MAX << (from % BITS);
            }
            // In a heap that is full of holes most words have no run that is long enough, and only what touches an edge of one counts.
            let skips = word != u64::MAX && !has_run(word, count);
            if skips {
                let end = chunk * BITS + word.trailing_ones() as usize;
                if let Some(first) = start.filter(|first| first.checked_add(count).is_some_and(|last| last <= end)) {
                    return Some(first);
                }
                let above = word.leading_ones() as usize;
                start = (above != 0).then(|| fit((chunk + 1) * BITS - above));
            }
            let mut at = if skips { BITS } else { 0 };
            while at < BITS {
                let rest = word >> at;
                if rest & 1 == 0 {
                    start = None;
                    at = if rest == 0 { BITS } else { at + rest.trailing_zeros() as usize };
                    continue;
                }
                let first = *start.get_or_insert_with(|| fit(chunk * BITS + at));
                at += (!rest).trailing_zeros() as usize;
                if first.checked_add(count).is_some_and(|end| end <= chunk * BITS + at) {
                    return Some(first);
                }
            }
            chunk += 1;
            if start.is_none() {
                chunk = self.sets.next_chunk(sets, chunk)?;
            }
        }
    }
}

impl Slabs {
    /// Makes slabs vacant that nothing is in any more. Of each, `touched` says what may be resident.
    pub(in crate::heap) fn vacate(&self, slabs: Range<usize>, large: bool) {
        let (vacancy, mut dirty) = (&self.vacancy, 0);
        for number in slabs.clone() {
            let slab = self.slab(number);
            self.leave_hosts(slab);
            slab.becomes_vacant();
            let touched = slab.touched();
            if touched != 0 {
                dirty += touched;
                vacancy.sets.insert(DIRTY, number);
                if large {
                    vacancy.sets.insert(LARGE, number);
                }
            }
            let held = self.fenced.get() && slab.is(Flag::Old) && touched != 0;
            vacancy.sets.insert(if held { HELD } else { VACANT }, number);
        }
        vacancy.dirty.set(vacancy.dirty.get() + dirty);
        if large {
            vacancy.large.set(vacancy.large.get() + dirty);
        }
        vacancy.has_room();
        self.decay.became_vacant(vacancy.dirty.get(), vacancy.large.get());
    }

    /// Takes vacant slabs out of the sets, for somebody who has them from now on. Returns `true` if one may have lost its access.
    pub(in crate::heap) fn occupy(&self, slabs: Range<usize>) -> bool {
        let vacancy = &self.vacancy;
        let (mut dirty, mut large, mut regretted, mut unsure) = (0, 0, 0, false);
        for number in slabs.clone() {
            let slab = self.slab(number);
            dirty += slab.touched();
            large += if vacancy.is(LARGE, number) { slab.touched() } else { 0 };
            regretted += usize::from(slab.note(Flag::Returned, false));
            slab.note(Flag::Old, false);
            unsure |= slab.is(Flag::Unsure);
        }
        for set in [VACANT, HELD, DIRTY, LARGE] {
            vacancy.sets.assign(set, slabs.clone(), false);
        }
        vacancy.dirty.set(vacancy.dirty.get() - dirty);
        vacancy.large.set(vacancy.large.get() - large);
        self.decay.used_again(regretted * GRAINS);
        self.decay.vacant_now(vacancy.dirty.get());
        unsure
    }

    /// Says that the memory of vacant slabs is the system's again and reads as zeros. `alone` if nobody asked for that.
    pub(in crate::heap) fn returned(&self, slabs: Range<usize>, alone: bool) {
        let vacancy = &self.vacancy;
        let (mut dirty, mut large) = (0, 0);
        for number in slabs.clone() {
            let slab = self.slab(number);
            dirty += slab.touched();
            large += if vacancy.is(LARGE, number) { slab.touched() } else { 0 };
            if slab.touched() != 0 {
                slab.note(Flag::Returned, alone);
            }
            slab.note(Flag::Old, false);
            slab.cut(0);
        }
        for (set, member) in [(DIRTY, false), (LARGE, false), (HELD, false), (VACANT, true)] {
            vacancy.sets.assign(set, slabs.clone(), member);
        }
        vacancy.dirty.set(vacancy.dirty.get() - dirty);
        vacancy.large.set(vacancy.large.get() - large);
        vacancy.has_room();
    }

    /// Says that vacant slabs may hold anything, and may have lost their access: a return of their memory was refused.
    pub(in crate::heap) fn return_refused(&self, slabs: Range<usize>) {
        for number in slabs {
            self.slab(number).note(Flag::Unsure, true);
            self.dirtied(number);
        }
    }

    /// Says that a vacant slab may be resident as a whole.
    pub(in crate::heap) fn dirtied(&self, number: usize) {
        let (slab, vacancy) = (self.slab(number), &self.vacancy);
        let more = GRAINS - slab.touched();
        slab.touch(GRAINS);
        vacancy.sets.insert(DIRTY, number);
        vacancy.dirty.set(vacancy.dirty.get() + more);
        if vacancy.is(LARGE, number) {
            vacancy.large.set(vacancy.large.get() + more);
        }
    }

    /// Lets slabs that were held serve again.
    pub(in crate::heap) fn release_held(&self) {
        let sets = &self.vacancy.sets;
        let mut from = 0;
        while let Some(number) = sets.next(HELD, from) {
            sets.remove(HELD, number);
            sets.insert(VACANT, number);
            from = number + 1;
        }
        self.vacancy.has_room();
    }
}

/// Returns `true` if so many bits of a word are set in a row.
fn has_run(word: u64, count: usize) -> bool {
    if count > BITS {
        return false;
    }
    // Bits at which a run of `length` begins; two of these behind each other make a longer one.
    let (mut begins, mut length) = (word, 1);
    while length < count {
        let more = length.min(count - length);
        begins &= begins >> more;
        length += more;
    }
    begins != 0
}

impl Slabs {
    /// Notes that a slab becomes vacant, so that no guest lies in it.
    fn leave_hosts(&self, slab: &Slab) {
        if slab.is(Flag::Host) {
            self.hosts.set(self.hosts.get() - 1);
            if self.hosts.get() == 0 {
                // Their magazines open at the next free.
                (0..CLASSES).for_each(|class| self.guests[class].set(0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sets::FarRows;
    use super::*;
    use core::ptr::NonNull;
    use std::collections::BTreeSet;

    fn vacancy(memory: &mut [u64], bound: usize) -> Vacancy {
        let far = FarRows { first: NonNull::dangling(), offset: 0, stride: 0 };
        // SAFETY: aligned, as long as needed, zero, and used by nobody else while the value lives; nothing is far.
        Vacancy::new(unsafe { Sets::new(NonNull::from(memory).cast(), bound, bound, far) })
    }

    fn found(vacancy: &Vacancy, from: usize, count: usize, align: usize) -> Option<usize> {
        let member = |chunk| vacancy.sets.word(VACANT, chunk) & !vacancy.sets.word(CLASSY, chunk);
        vacancy.run(&[VACANT], from, count, |slab| slab.next_multiple_of(align), member)
    }

    #[test]
    fn a_run_is_the_first_that_is_long_enough_begins_where_it_may_and_lies_in_the_right_zone() {
        let bound = 3000;
        let mut memory = vec![0u64; Sets::<FACTS>::bytes(bound, bound) / 8];
        let vacancy = vacancy(&mut memory, bound);
        let mut model = BTreeSet::new();
        let mut random = 1u64;
        for step in 0..8000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let start = (random >> 33) as usize % bound;
            // Holes of all lengths, and times in which most are short.
            let (longest, most) = if step / 1000 % 2 == 0 { (200, 150) } else { (7, 9) };
            let range = start..(start + (random >> 24) as usize % longest).min(bound);
            let member = random >> 60 & 1 == 0;
            let set = if random >> 61 & 3 == 0 { CLASSY } else { VACANT };
            vacancy.sets.assign(set, range.clone(), member);
            let vacant = |slab: usize| vacancy.is(VACANT, slab) && !vacancy.is(CLASSY, slab);
            for slab in range {
                let _ = if vacant(slab) { model.insert(slab) } else { model.remove(&slab) };
            }
            let (from, count, align) =
                ((random >> 10) as usize % bound, (random >> 50) as usize % most + 1, 1 << (random >> 7 & 7));
            let fits = |&slab: &usize| slab % align == 0 && (slab..slab + count).all(|slab| model.contains(&slab));
            assert_eq!(found(&vacancy, from, count, align), model.range(from..).copied().find(fits));
        }
    }

    #[test]
    fn an_aligned_run_is_found_without_a_look_at_each_run_that_is_not() {
        let bound = 1 << 18;
        let mut memory = vec![0u64; Sets::<FACTS>::bytes(bound, bound) / 8];
        let vacancy = vacancy(&mut memory, bound);
        vacancy.sets.assign(VACANT, 0..bound, true);
        // Looking at whole runs at every number would take minutes here.
        let count = bound / 2;
        assert_eq!(found(&vacancy, 1, count, count), Some(count));
        vacancy.sets.remove(VACANT, bound - 1);
        assert_eq!(found(&vacancy, 1, count, count), None);
        assert_eq!(found(&vacancy, 1, count, 2), Some(2));
        assert_eq!(found(&vacancy, 1, usize::MAX, 1), None);
    }
}
