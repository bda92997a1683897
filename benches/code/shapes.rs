//! What the code objects look like: sizes drawn like those of real code, contents from a pool that stays in cache.
//!
//! ```text
//!   header, 72 B ─┬─▶ ops    bytecode, median 180 B
//!                 ├─▶ slots  constants and names, 8 B each, median 6 of them
//!                 └─▶ lines  line table, median 44 B
//! ```
//!
//! The mean object has about 439 B. The contents are windows of a pool of 32 KiB, because what a compiler has just made is in the
//! nearest cache when it is lowered: what is measured is where it goes to.

use crate::harness::random::Random;

/// Code objects in one fill.
pub(crate) const OBJECTS: usize = 100_000;
/// Bytes of each half of the pool: one is read as bytes, one as words.
const POOL_BYTES: usize = 16 << 10;
/// No part of an object is longer.
const LONGEST: usize = 8 << 10;
/// Numbers in each header: argument counts, stack depth, first line and the like.
pub(crate) const NUMBERS: usize = 6;

/// One code object as a compiler hands it over, before it is lowered.
pub(crate) struct Parts<'p> {
    pub(crate) ops: &'p [u8],
    pub(crate) slots: &'p [u64],
    pub(crate) lines: &'p [u8],
    pub(crate) numbers: [u32; NUMBERS],
}

/// A code object, lowered, as whoever runs it sees it.
pub(crate) struct View<'v> {
    pub(crate) ops: &'v [u8],
    /// Words in the machine's byte order.
    pub(crate) slots: Slots<'v>,
    pub(crate) lines: &'v [u8],
    pub(crate) numbers: [u32; NUMBERS],
}

/// Constants and names: a slice of its own, or part of a block.
pub(crate) enum Slots<'v> {
    Words(&'v [u64]),
    Bytes(&'v [u8]),
}

struct Shape {
    ops: u32,
    slots: u32,
    lines: u32,
    at: u32,
}

/// All the objects of a fill. The same in every process.
pub(crate) struct Input {
    shapes: Vec<Shape>,
    bytes: Vec<u8>,
    words: Vec<u64>,
}

impl Input {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(0x5EA1_ED0F_C0DE_0001);
        let words: Vec<u64> = (0..POOL_BYTES / 8).map(|_| random.next()).collect();
        let bytes = (0..POOL_BYTES / 8).flat_map(|_| random.next().to_ne_bytes()).collect();
        let shapes = (0..OBJECTS)
            .map(|_| {
                let ops = 180.0 * (0.75 * normal(&mut random)).exp();
                let slots = ops * (6.0 / 180.0) * (0.4 * normal(&mut random)).exp();
                let lines = ops * (44.0 / 180.0) * (0.3 * normal(&mut random)).exp();
                let at = random.next() as u32 % (POOL_BYTES - LONGEST) as u32;
                let clamp = |length: f64, longest: usize| (length as u32).min(longest as u32);
                Shape {
                    ops: clamp(ops, LONGEST).max(2) & !1,
                    slots: clamp(slots, LONGEST / 8),
                    lines: clamp(lines, LONGEST),
                    at,
                }
            })
            .collect();
        Self { shapes, bytes, words }
    }

    #[inline]
    pub(crate) fn parts(&self) -> impl Iterator<Item = Parts<'_>> {
        (0..self.shapes.len()).map(|index| self.at(index))
    }

    #[inline(always)]
    fn at(&self, index: usize) -> Parts<'_> {
        let shape = &self.shapes[index];
        let at = shape.at as usize;
        Parts {
            ops: &self.bytes[at..][..shape.ops as usize],
            slots: &self.words[at / 8..][..shape.slots as usize],
            lines: &self.bytes[at / 2..][..shape.lines as usize],
            numbers: [index as u32, shape.at, shape.ops, shape.slots, shape.lines, 1],
        }
    }

    /// What [`checksum`] of all objects gives if nothing was lost or mixed up.
    pub(crate) fn checksum(&self) -> u64 {
        let view = |parts: Parts<'_>| {
            checksum(&View {
                ops: parts.ops,
                slots: Slots::Words(parts.slots),
                lines: parts.lines,
                numbers: parts.numbers,
            })
        };
        self.parts().fold(0, |sum, parts| next(sum, view(parts)))
    }

    /// The median bytes of bytecode and of whole objects with their headers of `header` bytes, and the bytes of all of them.
    pub(crate) fn sizes(&self, header: usize) -> [usize; 3] {
        let median = |mut lengths: Vec<usize>| {
            lengths.sort_unstable();
            lengths[lengths.len() / 2]
        };
        let whole: Vec<usize> =
            self.parts().map(|parts| header + parts.ops.len() + size_of_val(parts.slots) + parts.lines.len()).collect();
        let sum = whole.iter().sum();
        [median(self.parts().map(|parts| parts.ops.len()).collect()), median(whole), sum]
    }
}

/// A sum over everything in an object: it reads every byte.
#[inline]
pub(crate) fn checksum(view: &View<'_>) -> u64 {
    let slots = match view.slots {
        Slots::Words(words) => words.iter().fold(0, |sum: u64, &word| sum.wrapping_add(word)),
        Slots::Bytes(bytes) => sum(bytes),
    };
    let numbers = view.numbers.iter().fold(0, |sum: u64, &number| sum.wrapping_mul(31).wrapping_add(number.into()));
    sum(view.ops).wrapping_add(slots.rotate_left(7)).wrapping_add(sum(view.lines).rotate_left(13)).wrapping_add(numbers)
}

/// Takes the checksum of the next object into that of all before it: their order counts.
#[inline]
pub(crate) fn next(sum: u64, object: u64) -> u64 {
    sum.rotate_left(1).wrapping_add(object)
}

#[inline]
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let whole = words.fold(0, |sum: u64, word| sum.wrapping_add(word.try_into().map_or(0, u64::from_ne_bytes)));
    rest.iter().fold(whole, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// Nearly normal: the sum of twelve uniform numbers.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| (random.next() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}
