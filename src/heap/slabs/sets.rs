//! Several sets of slabs, side by side.
//!
//! ```text
//!   heads   [ 64 chunks of 64 slabs: a word for each set ] [ … ]       bit: the chunk's word is not zero
//!   chunks  [ slabs 0 to 63: a word for each set ] [ slabs 64 to 127: … ] [ … ]
//!             ◀──── 8 bytes × the number of sets ────▶
//! ```
//!
//! A heap has two of these. One is of the slabs that have a free object, a set for each class. The other is of what
//! holds of vacant slabs and of huge pages, a set for each [fact](super::vacant). Words of the same slabs lie together,
//! whatever their set. So a heap that is small writes to one page of each. A search steps from head to head, each of
//! which says in one word what is in 256 MiB.
//!
//! Rows of slabs behind the first GiB lie elsewhere, with the rest that is known of these, and are used once they are writable.

use super::bitmaps::BITS;
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

/// A word for each set.
pub(in crate::heap) type Row<const N: usize> = [Cell<u64>; N];

/// The place of rows that do not lie behind the heads: at an offset, one each so many bytes.
pub(in crate::heap) struct FarRows {
    pub(in crate::heap) first: NonNull<u8>,
    pub(in crate::heap) offset: usize,
    pub(in crate::heap) stride: usize,
}

/// `N` sets of slabs, in zeroed rows that outlive them.
pub(in crate::heap) struct Sets<const N: usize> {
    /// `heads` rows of heads, behind them `near` rows.
    rows: NonNull<Row<N>>,
    heads: usize,
    near: usize,
    /// The rows of the chunks behind those.
    far: FarRows,
    /// Chunks whose rows may be used: the near ones, and of the far ones as many as are writable.
    known: Cell<usize>,
    /// Heads below this one are those that ever had a bit.
    used: Cell<usize>,
}

impl<const N: usize> Sets<N> {
    const fn heads(bound: usize) -> usize {
        bound.div_ceil(BITS * BITS)
    }

    const fn chunks(bound: usize) -> usize {
        bound.div_ceil(BITS)
    }

    /// Bytes of the heads of slabs below `bound`, and of the rows of those below `near`.
    pub(in crate::heap) const fn bytes(bound: usize, near: usize) -> usize {
        let near = if near < bound { near } else { bound };
        (Self::heads(bound) + Self::chunks(near)) * size_of::<Row<N>>()
    }

    /// Empty sets of slabs below `bound`, of which those below `near` have their rows behind the heads. `near` is a multiple of 64.
    ///
    /// # Safety
    ///
    /// 1. `at` is aligned, [`bytes`](Self::bytes) long, zero, and for this value alone as long as it lives.
    /// 2. `far` has an aligned row for each 64 slabs from `near` to `bound`. Each is zero, and for this value alone, from the moment when it
    ///    is [known](Self::know) as long as the value lives.
    pub(in crate::heap) unsafe fn new(at: NonNull<u8>, bound: usize, near: usize, far: FarRows) -> Self {
        let near = Self::chunks(near.min(bound));
        Self { rows: at.cast(), heads: Self::heads(bound), near, far, known: Cell::new(near), used: Cell::new(0) }
    }

    /// Uses the rows of so many far chunks from now on.
    ///
    /// # Safety
    ///
    /// They are writable, and there are so many.
    pub(in crate::heap) unsafe fn know(&self, far: usize) {
        self.known.set(self.near + far);
    }

    #[inline]
    fn heads_of_all(&self) -> &[Row<N>] {
        // SAFETY: the promise of `new`; any bits are valid words.
        unsafe { slice::from_raw_parts(self.rows.as_ptr(), self.heads) }
    }

    #[inline]
    fn row(&self, chunk: usize) -> Option<&Row<N>> {
        if chunk >= self.known.get() {
            return None;
        }
        let row = match chunk.checked_sub(self.near) {
            // SAFETY: the promise of `new`: so many rows lie there.
            None => unsafe { self.rows.add(self.heads + chunk) },
            // SAFETY: the promises of `new` and `know`.
            Some(far) => unsafe { self.far.first.add(far * self.far.stride + self.far.offset).cast() },
        };
        // SAFETY: a row; any bits are valid words.
        Some(unsafe { row.as_ref() })
    }

    /// The members among the slabs from `64 * chunk` on, a bit each; none behind what is known. Where nothing was ever put, no memory is
    /// looked at: a page that was never touched costs a fault.
    #[inline]
    pub(in crate::heap) fn word(&self, set: usize, chunk: usize) -> u64 {
        if chunk / BITS >= self.used.get() {
            return 0;
        }
        self.row(chunk).map_or(0, |row| row[set].get())
    }

    /// Changes the members of a chunk, which is known.
    #[inline]
    fn set_word(&self, set: usize, chunk: usize, word: u64) {
        if word == 0 && chunk / BITS >= self.used.get() {
            return;
        }
        let (Some(row), Some(head)) = (self.row(chunk), self.heads_of_all().get(chunk / BITS)) else {
            debug_assert!(false, "a set has no room for the slabs of chunk {chunk}");
            return;
        };
        let (head, bit) = (&head[set], 1 << (chunk % BITS));
        row[set].set(word);
        if word == 0 {
            head.set(head.get() & !bit);
        } else {
            head.set(head.get() | bit);
            self.used.set(self.used.get().max(chunk / BITS + 1));
        }
    }

    pub(in crate::heap) fn contains(&self, set: usize, slab: usize) -> bool {
        self.word(set, slab / BITS) >> (slab % BITS) & 1 == 1
    }

    #[inline]
    pub(in crate::heap) fn insert(&self, set: usize, slab: usize) {
        self.set_word(set, slab / BITS, self.word(set, slab / BITS) | 1 << (slab % BITS));
    }

    #[inline]
    pub(in crate::heap) fn remove(&self, set: usize, slab: usize) {
        self.set_word(set, slab / BITS, self.word(set, slab / BITS) & !(1 << (slab % BITS)));
    }

    /// Puts the slabs of a range into a set, or takes them out.
    pub(in crate::heap) fn assign(&self, set: usize, slabs: Range<usize>, member: bool) {
        let mut at = slabs.start;
        while at < slabs.end {
            let count = (BITS - at % BITS).min(slabs.end - at);
            let bits = u64::MAX >> (BITS - count) << (at % BITS);
            let word = self.word(set, at / BITS);
            self.set_word(set, at / BITS, if member { word | bits } else { word & !bits });
            at += count;
        }
    }

    /// The first chunk from `from` on in which one of the sets has a member.
    pub(in crate::heap) fn next_chunk(&self, sets: &[usize], from: usize) -> Option<usize> {
        let heads = &self.heads_of_all()[..self.used.get()];
        let any = |head: &Row<N>| sets.iter().fold(0, |any, &set| any | head[set].get());
        let mut head = from / BITS;
        let mut rest = any(heads.get(head)?) >> (from % BITS) << (from % BITS);
        while rest == 0 {
            head += 1;
            rest = any(heads.get(head)?);
        }
        Some(head * BITS + rest.trailing_zeros() as usize)
    }

    /// The first slab of a set from `from` on.
    #[inline]
    pub(in crate::heap) fn next(&self, set: usize, from: usize) -> Option<usize> {
        let chunk = from / BITS;
        let rest = self.word(set, chunk) >> (from % BITS);
        if rest != 0 {
            return Some(from + rest.trailing_zeros() as usize);
        }
        let chunk = self.next_chunk(&[set], chunk + 1)?;
        Some(chunk * BITS + self.word(set, chunk).trailing_zeros() as usize)
    }

    /// The last slab of a set before `bound`.
    pub(in crate::heap) fn last(&self, set: usize, bound: usize) -> Option<usize> {
        let (chunk, above) = (bound / BITS, BITS - bound % BITS);
        let in_chunk = |chunk: usize, word: u64| chunk * BITS + (BITS - 1 - word.leading_zeros() as usize);
        // The bits below the bound; a shift by all bits is none.
        let rest = self.word(set, chunk) & u64::MAX.checked_shr(above as u32).unwrap_or(0);
        if rest != 0 {
            return Some(in_chunk(chunk, rest));
        }
        let heads = self.heads_of_all();
        let mut head = chunk / BITS;
        let mut rest = heads.get(head).map_or(0, |row| row[set].get()) & !(u64::MAX << (chunk % BITS));
        while rest == 0 {
            head = head.checked_sub(1)?;
            rest = heads.get(head).map_or(0, |row| row[set].get());
        }
        let chunk = head * BITS + (BITS - 1 - rest.leading_zeros() as usize);
        Some(in_chunk(chunk, self.word(set, chunk)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_sets_are_sets() {
        const N: usize = 16;
        // Everything before and behind the far rows stays as it is.
        const STRIDE: usize = N + 3;
        let (bound, near) = (3 * BITS * BITS + 100, BITS * BITS + 5 * BITS);
        let chunks = (bound - near).div_ceil(BITS);
        let mut memory = vec![0u64; Sets::<N>::bytes(bound, near) / 8];
        let mut behind = vec![7u64; chunks * STRIDE];
        behind.chunks_mut(STRIDE).for_each(|row| row[1..=N].fill(0));
        let first = NonNull::from(behind.as_mut_slice()).cast();
        let far = FarRows { first, offset: 8, stride: STRIDE * 8 };
        // SAFETY: aligned, as long as needed, zero, and used by nobody else.
        let sets: Sets<N> = unsafe { Sets::new(NonNull::from(memory.as_mut_slice()).cast(), bound, near, far) };
        assert_eq!((sets.word(0, near / BITS), sets.next(0, near)), (0, None), "nothing behind what is known");
        // SAFETY: there are so many.
        unsafe { sets.know(chunks) };
        let mut model = [const { BTreeSet::new() }; N];
        let mut random = 1u64;
        for _ in 0..5_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (set, slab) = ((random >> 60) as usize, (random >> 30) as usize % bound / 7 * 7);
            if random >> 20 & 3 == 0 {
                sets.remove(set, slab);
                model[set].remove(&slab);
            } else if random >> 20 & 3 == 1 {
                sets.insert(set, slab);
                model[set].insert(slab);
            }
            if random >> 20 & 31 == 2 {
                let (range, member) = (slab / 2..slab, random >> 50 & 1 == 0);
                sets.assign(set, range.clone(), member);
                range.for_each(|slab| _ = if member { model[set].insert(slab) } else { model[set].remove(&slab) });
            }
            let at = (random >> 10) as usize % (bound + 1);
            assert_eq!(sets.next(set, at), model[set].range(at..).next().copied());
            assert_eq!(sets.last(set, at), model[set].range(..at).next_back().copied());
            assert_eq!(sets.contains(set, at), model[set].contains(&at));
            let other = (set + 1) % N;
            let least = model[set].range(at / BITS * BITS..).chain(model[other].range(at / BITS * BITS..)).min();
            assert_eq!(sets.next_chunk(&[set, other], at / BITS), least.map(|slab| slab / BITS));
        }
        assert!(behind.chunks(STRIDE).all(|row| row[0] == 7 && row[N + 1..] == [7, 7]));
    }
}
