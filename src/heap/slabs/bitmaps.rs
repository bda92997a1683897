//! Bits out of line: a pool of bitmaps over the objects of slabs.
//!
//! ```text
//!   pool   [ chunk 0: … ┆ free of slab 1 │ marks of slab 1 ┆ free of slab 0 │ marks of slab 0 ]    before the objects
//!                                                            ◀── words ───▶
//!          [ ┄┄ │ chunk 3 │ chunk 2: returned │ chunk 1 ]                                          behind them; grows down
//!   in use [ ┄┄ ┆ nobody's ┆ words ┆ words ]
//! ```
//!
//! All of it lies in the heap's metadata pages, zeroed and committed before use. A bitmap takes a power of two of words
//! and begins at a multiple of that. So one that is given back serves the next slab of any class of the same length,
//! and none lies in two chunks.
//!
//! * For each chunk there is the number of its words that are in use. A chunk without any can be returned to the
//!   system. None of its bitmaps is a spare one then, and it is cut anew when it is wanted.
//! * Every word of a chunk that is not in use is in a spare bitmap, or not cut yet, or its chunk is returned.

use super::classes::SLAB;
use crate::error::PageError;
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

/// Bits of a word.
pub(in crate::heap) const BITS: usize = 64;

/// Words of the longest bitmap of a slab.
pub(in crate::heap) const WORDS: usize = SLAB / 8 / BITS;

/// Words of a chunk, which is committed, and returned, as a whole: 64 KiB.
const CHUNK: usize = 8 << 10;

/// The number that stands for a returned chunk, in the place of its words in use.
const RETURNED: u16 = u16::MAX;
/// And for one that may have lost its access, because its return was refused.
const LOST: u16 = u16::MAX - 1;

/// Bitmaps over the objects of slabs, taken and given back.
pub(in crate::heap) struct BitmapPool {
    /// The end of the first chunk: a bitmap's number is how far before it begins.
    end: NonNull<Cell<u64>>,
    /// The base of the other chunks' numbers: a chunk behind their end, so nothing lies there.
    others: *mut Cell<u64>,
    /// Words in use of the first chunk: a small heap has no other, and touches one page less.
    first_in_use: Cell<u16>,
    /// For each chunk its words in use, from here down; the place of the first is not used.
    in_use: NonNull<Cell<u16>>,
    /// Words that the pool may have, whole chunks.
    capacity: usize,
    /// Words that were ever cut, and the next of the chunk that is being cut. No bitmap has the number 0, which stands for none.
    cut: Cell<usize>,
    next: Cell<usize>,
    /// Chunks that are returned.
    returned: Cell<usize>,
    /// For each power of two, the last bitmap given back; each names the one before it.
    spare: [Cell<u32>; 10],
}

impl BitmapPool {
    /// Words of a pool that has `bitmaps` bitmaps for each of `slabs` slabs, of as many objects as a slab can have.
    ///
    /// Twice as many, because spare bitmaps of one length do not serve for another. If all slabs have each length once,
    /// one after the other, that is the sum of the powers of two. Some more are cut off on the way to a multiple of a
    /// length.
    pub(in crate::heap) const fn capacity(slabs: usize, bitmaps: usize) -> usize {
        (9 * slabs * bitmaps * WORDS / 4 + BITS).next_multiple_of(CHUNK)
    }

    /// Words that are committed from the beginning.
    pub(in crate::heap) const FIRST: usize = CHUNK;

    /// Bytes of what is known of the chunks of so many words.
    pub(in crate::heap) const fn known(capacity: usize) -> usize {
        capacity / CHUNK * size_of::<u16>()
    }

    /// A pool of `capacity` words, whole chunks, the [`FIRST`](Self::FIRST) of them committed.
    ///
    /// # Safety
    ///
    /// 1. `end` and `others` are aligned to a page. The first chunk before `end`, and all others before `others`, are for this pool alone, which
    ///    is not used after them.
    /// 2. Before `in_use`, which is aligned to a word, lie [`known`](Self::known) bytes, zero and for this pool alone.
    pub(in crate::heap) unsafe fn new(
        end: NonNull<u8>,
        others: NonNull<u8>,
        in_use: NonNull<u8>,
        capacity: usize,
    ) -> Self {
        Self {
            end: end.cast(),
            others: others.cast::<Cell<u64>>().as_ptr().wrapping_add(Self::FIRST),
            first_in_use: Cell::new(0),
            in_use: in_use.cast(),
            capacity,
            cut: Cell::new(CHUNK),
            next: Cell::new(0),
            returned: Cell::new(0),
            spare: Default::default(),
        }
    }

    /// Returns `true` if no chunk was committed but the [`FIRST`](Self::FIRST).
    pub(super) fn is_as_made(&self) -> bool {
        self.cut.get() == Self::FIRST
    }

    /// The words of a chunk that are in use.
    fn in_use(&self, chunk: usize) -> &Cell<u16> {
        if chunk == 0 {
            return &self.first_in_use;
        }
        // SAFETY: there is a number for each chunk, by the promise of `new`.
        let all =
            unsafe { slice::from_raw_parts(self.in_use.as_ptr().sub(self.capacity / CHUNK), self.capacity / CHUNK) };
        &all[all.len() - 1 - chunk]
    }

    /// A zeroed bitmap of at least `words` words; its number is not zero. `commit` makes bytes of the pool writable, counted from its end.
    pub(in crate::heap) fn take(
        &self,
        words: usize,
        commit: impl FnOnce(Range<usize>) -> Result<(), PageError>,
    ) -> Result<Option<u32>, PageError> {
        let words = words.next_power_of_two();
        let spare = &self.spare[words.ilog2() as usize];
        let taken = match spare.get() {
            0 => {
                if !self.cut_for(words, commit)? {
                    return Ok(None);
                }
                self.next.set(self.next.get() + words);
                self.next.get() as u32
            }
            taken => {
                // SAFETY: a spare one of this length, which `give_back` was given, or `split` cut.
                let bitmap = unsafe { self.bitmap(taken, words) };
                spare.set(bitmap[0].get() as u32);
                bitmap.iter().for_each(|word| word.set(0));
                taken
            }
        };
        let in_use = self.in_use((taken as usize - 1) / CHUNK);
        in_use.set(in_use.get() + words as u16);
        Ok(Some(taken))
    }

    /// Moves to where so many words can be cut; `false` if there is no room.
    fn cut_for(
        &self,
        words: usize,
        commit: impl FnOnce(Range<usize>) -> Result<(), PageError>,
    ) -> Result<bool, PageError> {
        let next = self.next.get();
        if next % CHUNK == 0 && next != 0 || next.next_multiple_of(words) % CHUNK == 0 && next % CHUNK != 0 {
            let chunk = match self.returned.get() {
                0 => self.cut.get() / CHUNK,
                _ => (0..self.cut.get() / CHUNK)
                    .find(|&chunk| self.in_use(chunk).get() == RETURNED)
                    .unwrap_or(self.cut.get() / CHUNK),
            };
            let (start, end) = (chunk * CHUNK, (chunk + 1) * CHUNK);
            if end > self.capacity || u32::try_from(end).is_err() {
                return Ok(false);
            }
            if end > self.cut.get() {
                commit(start * 8..end * 8)?;
                self.cut.set(end);
            } else {
                self.returned.set(self.returned.get() - 1);
                self.in_use(chunk).set(0);
            }
            self.split(next.next_multiple_of(CHUNK));
            self.next.set(start);
        }
        self.split(self.next.get().next_multiple_of(words));
        Ok(true)
    }

    /// Cuts what lies before `end` into spare bitmaps.
    fn split(&self, end: usize) {
        let mut next = self.next.get();
        while next < end {
            let words = 1 << next.trailing_zeros();
            next += words;
            // SAFETY: cut here, so nobody has it.
            unsafe { self.add_spare(next as u32, words) };
        }
        self.next.set(next);
    }

    /// Gives a bitmap back.
    ///
    /// # Safety
    ///
    /// 1. [`take`](Self::take) gave it for as many words, and it was not given back since.
    /// 2. Nobody refers to its words any more.
    pub(in crate::heap) unsafe fn give_back(&self, bitmap: u32, words: usize) {
        let words = words.next_power_of_two();
        let in_use = self.in_use((bitmap as usize - 1) / CHUNK);
        in_use.set(in_use.get() - words as u16);
        // SAFETY: the caller's promise.
        unsafe { self.add_spare(bitmap, words) };
    }

    /// # Safety
    ///
    /// A bitmap of so many words, a power of two, that nobody has.
    unsafe fn add_spare(&self, bitmap: u32, words: usize) {
        let spare = &self.spare[words.ilog2() as usize];
        // SAFETY: the caller's promise: it has as many words, at least one.
        unsafe { self.word(bitmap, 0) }.set(u64::from(spare.get()));
        spare.set(bitmap);
    }

    /// Returns the memory of chunks of which nothing is in use. `discard` returns bytes of the pool, counted from its
    /// end, which are writable and read as zeros then. If it says `false`, they may be neither, and the chunk is lost
    /// until the next time. It is told whether the chunk was lost before.
    pub(in crate::heap) fn trim(&self, discard: impl Fn(Range<usize>, bool) -> bool) {
        let being_cut = self.next.get().div_ceil(CHUNK).max(1) - 1;
        let empty = |chunk: usize| chunk != being_cut && [0, LOST].contains(&self.in_use(chunk).get());
        let chunks = 0..self.cut.get() / CHUNK;
        if !chunks.clone().any(empty) {
            return;
        }
        for (spare, words) in self.spare.iter().zip((0..).map(|bit| 1 << bit)) {
            let mut link = spare.replace(0);
            while link != 0 {
                // SAFETY: a spare one of this length.
                let next = unsafe { self.word(link, 0) }.get() as u32;
                if !empty((link as usize - 1) / CHUNK) {
                    // SAFETY: nobody has it.
                    unsafe { self.add_spare(link, words) };
                }
                link = next;
            }
        }
        for chunk in chunks.filter(|&chunk| empty(chunk)) {
            let lost = self.in_use(chunk).get() == LOST;
            let discarded = discard(chunk * CHUNK * 8..(chunk + 1) * CHUNK * 8, lost);
            self.in_use(chunk).set(if discarded { RETURNED } else { LOST });
            self.returned.set(self.returned.get() + usize::from(discarded));
        }
    }

    /// One word of a bitmap.
    ///
    /// # Safety
    ///
    /// 1. [`take`](Self::take) gave the bitmap, for more words than `word`.
    /// 2. The reference is not used when the pool is gone.
    #[inline]
    pub(in crate::heap) unsafe fn word(&self, bitmap: u32, word: usize) -> &Cell<u64> {
        debug_assert!(bitmap as usize > word && bitmap as usize <= self.cut.get());
        // SAFETY: the caller's promise: a number that `take` gave, so its words are committed and in the pool.
        unsafe { &*self.words_of(bitmap).add(word) }
    }

    /// The first `words` words of a bitmap.
    ///
    /// # Safety
    ///
    /// 1. [`take`](Self::take) gave the bitmap, for at least so many words.
    /// 2. The slice is not used when the pool is gone.
    #[inline]
    pub(in crate::heap) unsafe fn bitmap(&self, bitmap: u32, words: usize) -> &[Cell<u64>] {
        debug_assert!(bitmap as usize >= words && bitmap as usize <= self.cut.get());
        // SAFETY: the caller's promise: a number that `take` gave, so the words are committed and in the pool.
        unsafe { slice::from_raw_parts(self.words_of(bitmap), words) }
    }

    /// Returns the start of a bitmap.
    #[inline]
    fn words_of(&self, bitmap: u32) -> *const Cell<u64> {
        let end = if bitmap as usize <= Self::FIRST { self.end.as_ptr() } else { self.others };
        end.wrapping_sub(bitmap as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn bitmaps_are_disjoint_zeroed_and_come_back_whether_their_chunks_were_returned_or_not() {
        let capacity = 40 * CHUNK;
        let mut memory = vec![0u64; capacity + CHUNK];
        let start = NonNull::from(memory.as_mut_slice()).cast::<u64>();
        // SAFETY: within the memory; what is known of chunks lies in its last part.
        let (end, others, known) = unsafe { (start.add(CHUNK), start.add(capacity), start.add(capacity + CHUNK)) };
        // SAFETY: aligned, zero, and used by nobody else.
        let pool = unsafe { BitmapPool::new(end.cast(), others.cast(), known.cast(), capacity) };
        let discard = |bytes: Range<usize>, _lost: bool| {
            let from_start = if bytes.end == CHUNK * 8 { 0 } else { (capacity + CHUNK) * 8 - bytes.end };
            // SAFETY: a part of the pool that nobody uses.
            unsafe { start.cast::<u8>().add(from_start).write_bytes(0, bytes.len()) };
            true
        };
        let mut taken: BTreeMap<u32, usize> = BTreeMap::new();
        let mut random = 1u64;
        for step in 0..40_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = (random >> 33) as usize;
            let growing = step / 4000 % 2 == 0;
            if pick % 5 < if growing { 3 } else { 1 } {
                let words = 2 << (pick / 8 % 8);
                let Ok(Some(bitmap)) = pool.take(words, |_| Ok(())) else { continue };
                // SAFETY: just taken, for so many words.
                let all = unsafe { pool.bitmap(bitmap, words) };
                assert!(all.iter().all(|word| word.get() == 0));
                all.iter().for_each(|word| word.set(u64::from(bitmap)));
                let next = taken.range(bitmap..).next().map_or(usize::MAX, |(&next, &words)| next as usize - words);
                let before = taken.range(..=bitmap).next_back().map_or(0, |(&before, _)| before as usize);
                assert!(bitmap as usize <= next && before <= bitmap as usize - words);
                taken.insert(bitmap, words);
            } else if let Some((&bitmap, &words)) = taken.range(pick as u32 % capacity as u32..).next() {
                // SAFETY: taken for so many words, and given back once.
                unsafe {
                    assert!(pool.bitmap(bitmap, words).iter().all(|word| word.get() == u64::from(bitmap)));
                    pool.give_back(bitmap, words);
                }
                taken.remove(&bitmap);
            }
            if step % 500 == 0 {
                pool.trim(|bytes, lost| step % 1000 == 0 && discard(bytes, lost));
            }
        }
        for (bitmap, words) in taken {
            // SAFETY: taken for so many words, and given back once.
            unsafe { pool.give_back(bitmap, words) };
        }
        pool.trim(discard);
        assert!(pool.returned.get() + 1 >= pool.cut.get() / CHUNK, "all but the one that is being cut");
    }
}
