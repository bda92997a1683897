//! Bits out of line: sets over all slabs, and a pool of bitmaps over the objects of one.
//!
//! ```text
//!   pool   [ ... ┆ free of slab 1 │ marks of slab 1 ┆ free of slab 0 │ marks of slab 0 ]     grows down
//!                                                     ◀── words ───▶
//! ```
//!
//! All of it lies in the heap's metadata pages, zeroed and committed before use. A bitmap takes a power of two of words, so that one that
//! is given back serves the next slab of any class of the same length.

use crate::error::PageError;
use core::cell::Cell;
use core::ptr::NonNull;
use core::slice;

/// Bits of a word.
pub(super) const BITS: usize = 64;

/// A set of small numbers, in zeroed words that outlive it.
pub(super) struct BitSet {
    words: NonNull<Cell<u64>>,
    len: usize,
}

impl BitSet {
    /// Bytes of a set of numbers below `bound`.
    pub(super) const fn bytes(bound: usize) -> usize {
        bound.div_ceil(BITS) * 8
    }

    /// An empty set of numbers below `bound`.
    ///
    /// # Safety
    ///
    /// `at` is aligned, [`bytes`](Self::bytes) long, zero, and for this set alone as long as it lives.
    pub(super) unsafe fn new(at: NonNull<u8>, bound: usize) -> Self {
        Self { words: at.cast(), len: bound.div_ceil(BITS) }
    }

    #[inline]
    fn words(&self) -> &[Cell<u64>] {
        // SAFETY: the promise of `new`; any bits are valid words.
        unsafe { slice::from_raw_parts(self.words.as_ptr(), self.len) }
    }

    pub(super) fn insert(&self, number: usize) {
        let word = &self.words()[number / BITS];
        word.set(word.get() | 1 << (number % BITS));
    }

    pub(super) fn remove(&self, number: usize) {
        let word = &self.words()[number / BITS];
        word.set(word.get() & !(1 << (number % BITS)));
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.words()[number / BITS].get() >> (number % BITS) & 1 == 1
    }

    /// The least member in `from..bound`.
    pub(super) fn next(&self, from: usize, bound: usize) -> Option<usize> {
        let mut number = from;
        while number < bound {
            let rest = self.words()[number / BITS].get() >> (number % BITS);
            if rest != 0 {
                return Some(number + rest.trailing_zeros() as usize).filter(|&found| found < bound);
            }
            number = (number / BITS + 1) * BITS;
        }
        None
    }

    /// The first `count` consecutive members in `from..bound` of which the first satisfies `fits`.
    pub(super) fn run(&self, from: usize, bound: usize, count: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let mut start = self.next(from, bound)?;
        loop {
            // First, so that no member is looked at again and again.
            if !fits(start) {
                start = self.next(start + 1, bound)?;
                continue;
            }
            let broken = (start..start + count).find(|&number| number >= bound || !self.contains(number));
            match broken {
                None => return Some(start),
                Some(gap) => start = self.next(gap, bound)?,
            }
        }
    }
}

/// Bitmaps over the objects of slabs, taken and given back.
pub(super) struct Pool {
    /// The end of the pool, which grows down from there: a bitmap's number is how far before it begins.
    end: NonNull<Cell<u64>>,
    /// Words that the pool may have.
    capacity: usize,
    /// Words that were ever taken. No bitmap has the number 0, which stands for none.
    used: Cell<usize>,
    /// Words that are committed.
    committed: Cell<usize>,
    /// For each power of two, the last bitmap given back; each names the one before it.
    spare: [Cell<u32>; 10],
}

/// Words that are committed at once: 64 KiB.
const CHUNK: usize = 8 << 10;

impl Pool {
    /// Words of a pool that has `bitmaps` bitmaps for each of `slabs` slabs, of as many objects as a slab can have.
    ///
    /// Twice as many, because spare bitmaps of one length do not serve for another: if all slabs have each length once, one after the
    /// other, that is the sum of the powers of two.
    pub(super) const fn capacity(slabs: usize, bitmaps: usize) -> usize {
        (2 * slabs * bitmaps * (super::classes::SLAB / 8 / BITS) + BITS).next_multiple_of(CHUNK)
    }

    /// Words that are committed from the beginning.
    pub(super) const FIRST: usize = CHUNK;

    /// A pool of `capacity` words, the [`FIRST`](Self::FIRST) of them committed.
    ///
    /// # Safety
    ///
    /// `end` is aligned to a page, and what lies before it is for this pool alone, which is not used after it.
    pub(super) unsafe fn new(end: NonNull<u8>, capacity: usize) -> Self {
        Self {
            end: end.cast(),
            capacity,
            used: Cell::new(0),
            committed: Cell::new(Self::FIRST),
            spare: Default::default(),
        }
    }

    /// A zeroed bitmap of at least `words` words; its number is not zero. `commit` makes bytes of the pool writable, counted from its end.
    pub(super) fn take(
        &self,
        words: usize,
        commit: impl FnOnce(core::ops::Range<usize>) -> Result<(), PageError>,
    ) -> Result<Option<u32>, PageError> {
        let words = words.next_power_of_two();
        let spare = &self.spare[words.ilog2() as usize];
        if spare.get() != 0 {
            let taken = spare.get();
            let bitmap = self.bitmap(taken, words);
            spare.set(bitmap[0].get() as u32);
            bitmap.iter().for_each(|word| word.set(0));
            return Ok(Some(taken));
        }
        let end = self.used.get() + words;
        if end > self.capacity {
            return Ok(None);
        }
        if end > self.committed.get() {
            let ahead = end.next_multiple_of(CHUNK).min(self.capacity);
            commit(self.committed.get() * 8..ahead * 8)?;
            self.committed.set(ahead);
        }
        self.used.set(end);
        Ok(u32::try_from(end).ok())
    }

    /// Gives back what [`take`](Self::take) gave for as many words.
    pub(super) fn give_back(&self, bitmap: u32, words: usize) {
        let words = words.next_power_of_two();
        let spare = &self.spare[words.ilog2() as usize];
        self.bitmap(bitmap, words)[0].set(u64::from(spare.get()));
        spare.set(bitmap);
    }

    /// One word of a bitmap that was taken, which has more words than `word`.
    #[inline]
    pub(super) fn word(&self, bitmap: u32, word: usize) -> &Cell<u64> {
        debug_assert!(bitmap as usize > word && bitmap as usize <= self.used.get());
        // SAFETY: a number that `take` gave, so its words are committed and in the pool.
        unsafe { &*self.end.as_ptr().sub(bitmap as usize - word) }
    }

    /// The words of a bitmap that was taken.
    #[inline]
    pub(super) fn bitmap(&self, bitmap: u32, words: usize) -> &[Cell<u64>] {
        debug_assert!(bitmap as usize >= words && bitmap as usize <= self.used.get());
        // SAFETY: a number that `take` gave, so the words are committed and in the pool.
        unsafe { slice::from_raw_parts(self.end.as_ptr().sub(bitmap as usize), words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aligned_run_is_found_without_a_look_at_each_run_that_is_not() {
        let bound = 1 << 18;
        let mut memory = vec![u64::MAX; bound / BITS];
        // SAFETY: aligned, as long as needed, and used by nobody else; that it is not zero makes it a full set.
        let set = unsafe { BitSet::new(NonNull::from(memory.as_mut_slice()).cast(), bound) };
        // Looking at whole runs at every number would take minutes here.
        let count = bound / 2;
        assert_eq!(set.run(1, bound, count, |number| number % count == 0), Some(count));
        set.remove(bound - 1);
        assert_eq!(set.run(1, bound, count, |number| number % count == 0), None);
        assert_eq!(set.run(1, bound, count, |number| number % 2 == 0), Some(2));
    }
}
