//! Bits out of line: a pool of bitmaps over the objects of slabs.
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

/// Words of the longest bitmap of a slab.
pub(super) const WORDS: usize = super::classes::SLAB / 8 / BITS;

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
            // SAFETY: a spare one of this length, which `give_back` was given.
            let bitmap = unsafe { self.bitmap(taken, words) };
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

    /// Gives a bitmap back.
    ///
    /// # Safety
    ///
    /// 1. [`take`](Self::take) gave it for as many words, and it was not given back since.
    /// 2. Nobody refers to its words any more.
    pub(super) unsafe fn give_back(&self, bitmap: u32, words: usize) {
        let words = words.next_power_of_two();
        let spare = &self.spare[words.ilog2() as usize];
        // SAFETY: the caller's promise: it has as many words, at least one.
        unsafe { self.word(bitmap, 0) }.set(u64::from(spare.get()));
        spare.set(bitmap);
    }

    /// One word of a bitmap.
    ///
    /// # Safety
    ///
    /// 1. [`take`](Self::take) gave the bitmap, for more words than `word`.
    /// 2. The reference is not used when the pool is gone.
    #[inline]
    pub(super) unsafe fn word(&self, bitmap: u32, word: usize) -> &Cell<u64> {
        debug_assert!(bitmap as usize > word && bitmap as usize <= self.used.get());
        // SAFETY: the caller's promise: a number that `take` gave, so its words are committed and in the pool.
        unsafe { &*self.end.as_ptr().sub(bitmap as usize - word) }
    }

    /// The first `words` words of a bitmap.
    ///
    /// # Safety
    ///
    /// 1. [`take`](Self::take) gave the bitmap, for at least so many words.
    /// 2. The slice is not used when the pool is gone.
    #[inline]
    pub(super) unsafe fn bitmap(&self, bitmap: u32, words: usize) -> &[Cell<u64>] {
        debug_assert!(bitmap as usize >= words && bitmap as usize <= self.used.get());
        // SAFETY: the caller's promise: a number that `take` gave, so the words are committed and in the pool.
        unsafe { slice::from_raw_parts(self.end.as_ptr().sub(bitmap as usize), words) }
    }
}
