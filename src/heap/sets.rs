//! For each class, the slabs that have a free object: what a refill looks for first.
//!
//! ```text
//!   heads   [ 64 chunks of 64 slabs: a word for each class ] [ … ]       bit: the chunk's word is not zero
//!   chunks  [ slabs 0 to 63: a word for each class ] [ slabs 64 to 127: … ] [ … ]
//!             ◀────────── 704 bytes ─────────▶
//! ```
//!
//! What belongs to the same slabs lies together, whatever its class. So a heap that is small writes to one page of each part, however many
//! classes it uses, and a forked child copies no more than that. The search for a class's first slab steps from head to head, each of
//! which says in one word what is in 256 MiB.

use super::classes::CLASSES;
use super::words::BITS;
use core::cell::Cell;
use core::ptr::NonNull;
use core::slice;

/// A word for each class.
type Row = [Cell<u64>; CLASSES];

/// Sets of slabs, one for each class, in zeroed rows that outlive them.
pub(super) struct Partial {
    /// `heads` rows of heads, behind them `chunks` rows.
    rows: NonNull<Row>,
    heads: usize,
    chunks: usize,
}

impl Partial {
    const fn heads(bound: usize) -> usize {
        bound.div_ceil(BITS * BITS)
    }

    const fn chunks(bound: usize) -> usize {
        bound.div_ceil(BITS)
    }

    /// Bytes of the sets of slabs below `bound`.
    pub(super) const fn bytes(bound: usize) -> usize {
        (Self::heads(bound) + Self::chunks(bound)) * size_of::<Row>()
    }

    /// Empty sets of slabs below `bound`.
    ///
    /// # Safety
    ///
    /// `at` is aligned, [`bytes`](Self::bytes) long, zero, and for this value alone as long as it lives.
    pub(super) unsafe fn new(at: NonNull<u8>, bound: usize) -> Self {
        Self { rows: at.cast(), heads: Self::heads(bound), chunks: Self::chunks(bound) }
    }

    fn rows(&self) -> (&[Row], &[Row]) {
        // SAFETY: the promise of `new`; any bits are valid words.
        unsafe { slice::from_raw_parts(self.rows.as_ptr(), self.heads + self.chunks) }.split_at(self.heads)
    }

    #[cold]
    pub(super) fn insert(&self, class: usize, slab: usize) {
        let (heads, chunks) = self.rows();
        let (head, chunk) = (&heads[slab / BITS / BITS][class], &chunks[slab / BITS][class]);
        chunk.set(chunk.get() | 1 << (slab % BITS));
        head.set(head.get() | 1 << (slab / BITS % BITS));
    }

    pub(super) fn remove(&self, class: usize, slab: usize) {
        let (heads, chunks) = self.rows();
        let (head, chunk) = (&heads[slab / BITS / BITS][class], &chunks[slab / BITS][class]);
        chunk.set(chunk.get() & !(1 << (slab % BITS)));
        if chunk.get() == 0 {
            head.set(head.get() & !(1 << (slab / BITS % BITS)));
        }
    }

    /// The first slab of a class's set in `from..bound`.
    pub(super) fn next(&self, class: usize, from: usize, bound: usize) -> Option<usize> {
        let (heads, chunks) = self.rows();
        let in_chunk = |chunk: usize, from: usize| {
            let rest = chunks[chunk][class].get() >> from;
            (rest != 0).then(|| chunk * BITS + from + rest.trailing_zeros() as usize)
        };
        if from >= bound {
            return None;
        }
        if let Some(found) = in_chunk(from / BITS, from % BITS) {
            return Some(found).filter(|&found| found < bound);
        }
        let mut chunk = from / BITS + 1;
        while chunk * BITS < bound {
            let rest = heads[chunk / BITS][class].get() >> (chunk % BITS);
            if rest != 0 {
                return in_chunk(chunk + rest.trailing_zeros() as usize, 0).filter(|&found| found < bound);
            }
            chunk = (chunk / BITS + 1) * BITS;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_sets_are_sets() {
        let bound = 3 * BITS * BITS + 100;
        let mut memory = vec![0u64; Partial::bytes(bound) / 8];
        // SAFETY: aligned, as long as needed, zero, and used by nobody else.
        let partial = unsafe { Partial::new(NonNull::from(memory.as_mut_slice()).cast(), bound) };
        let mut model = [const { BTreeSet::new() }; CLASSES];
        let mut random = 1u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (class, slab) = ((random >> 60) as usize, (random >> 30) as usize % bound / 7 * 7);
            if random >> 20 & 3 == 0 {
                partial.remove(class, slab);
                model[class].remove(&slab);
            } else if random >> 20 & 3 == 1 {
                partial.insert(class, slab);
                model[class].insert(slab);
            }
            let (from, to) = (slab / 2, bound - slab / 3);
            let expected = model[class].range(from..to.max(from)).next().copied();
            assert_eq!(partial.next(class, from, to), expected);
        }
    }
}
