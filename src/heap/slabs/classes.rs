//! Size classes: which sizes slabs are cut into. Pure arithmetic, no memory.
//!
//! ```text
//!   8 16 24 … 504 512 │ 640 768 896 1024 │ 1280 … 2048 │ … │ 20480 24576 28672 32768 │ spans: steps of 4096
//!    64 steps of 8     │  four per doubling, 24 in all                              │
//! ```
//!
//! Ninety of a hundred requests of real interpreters are at most 148 bytes, and all but a few at most 512. Those find
//! their class by one shift. A class of 8 bytes pays: a quarter of one interpreter's requests are that small.
#![forbid(unsafe_code)]

/// Bytes of a slab: the unit that has one size class.
pub(in crate::heap) const SLAB: usize = 64 << 10;
/// The unit of sizes above the classes: a sixteenth of a slab, at most an eighth of such a size.
pub(in crate::heap) const GRAIN: usize = SLAB / 16;
/// The largest size that finds its class by a shift.
pub(in crate::heap) const SMALL: usize = 512;
/// The largest size that shares a slab.
pub(in crate::heap) const LARGEST: usize = 32 << 10;
/// Classes in all.
pub(in crate::heap) const CLASSES: usize = SMALL / STEP + 4 * (LARGEST.ilog2() - SMALL.ilog2()) as usize;

const STEP: usize = 8;
const SMALL_CLASSES: usize = SMALL / STEP;

/// The class of a size from 1 to [`SMALL`], of which `last` is one less.
#[inline(always)]
pub(in crate::heap) fn small_class(last: usize) -> usize {
    debug_assert!(last < SMALL);
    last / STEP
}

/// The class of a size from 1 to [`LARGEST`].
#[inline]
pub(in crate::heap) fn class(size: usize) -> usize {
    if size <= SMALL {
        return small_class(size - 1);
    }
    debug_assert!(size <= LARGEST);
    let doubling = (size - 1).ilog2();
    let quarter = ((size - 1) >> (doubling - 2)) & 3;
    SMALL_CLASSES + 4 * (doubling - SMALL.ilog2()) as usize + quarter
}

/// The constants of a class.
pub(in crate::heap) struct Class {
    /// Bytes of an object.
    pub(in crate::heap) size: usize,
    /// Objects in a slab.
    pub(in crate::heap) objects: usize,
    /// Words of a bitmap with a bit for each object.
    pub(in crate::heap) words: usize,
    /// Multiplying an offset in a slab by this and taking the high half divides by the size.
    reciprocal: u64,
}

impl Class {
    /// The number of the object that the byte at `offset` of a slab belongs to.
    #[inline]
    pub(in crate::heap) fn index(&self, offset: usize) -> usize {
        debug_assert!(offset < SLAB);
        ((offset as u64 * self.reciprocal) >> 32) as usize
    }
}

/// All classes, smallest first.
pub(in crate::heap) static TABLE: [Class; CLASSES] = table();

const fn table() -> [Class; CLASSES] {
    let mut table = [const { Class { size: 0, objects: 0, words: 0, reciprocal: 0 } }; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let size = if class < SMALL_CLASSES {
            (class + 1) * STEP
        } else {
            let (doubling, quarter) = ((class - SMALL_CLASSES) / 4, (class - SMALL_CLASSES) % 4);
            (SMALL << doubling) / 4 * (5 + quarter)
        };
        let objects = SLAB / size;
        let reciprocal = (1u64 << 32).div_ceil(size as u64);
        table[class] = Class { size, objects, words: objects.div_ceil(64), reciprocal };
        class += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_least_class_that_holds_it() {
        for size in 1..=LARGEST {
            let class = class(size);
            assert!(TABLE[class].size >= size);
            assert!(class == 0 || TABLE[class - 1].size < size, "{size}");
        }
        assert_eq!(TABLE[CLASSES - 1].size, LARGEST);
    }

    #[test]
    fn the_reciprocal_divides_exactly_over_a_whole_slab() {
        for class in &TABLE {
            for offset in 0..SLAB {
                assert_eq!(class.index(offset), offset / class.size);
            }
        }
    }

    #[test]
    fn a_size_rounded_up_to_its_alignment_has_a_class_that_keeps_it() {
        for align in (0..=LARGEST.ilog2()).map(|bit| 1usize << bit) {
            for size in (align..=LARGEST).step_by(align) {
                assert_eq!(TABLE[class(size)].size % align.min(8), 0);
                assert!(align <= 8 || TABLE[class(size)].size % align == 0, "{size} at {align}");
            }
        }
    }

    #[test]
    fn waste_inside_an_object_is_at_most_a_fifth_above_the_steps() {
        for size in SMALL + 1..=LARGEST {
            assert!(TABLE[class(size)].size * 4 <= size * 5 + 512, "{size}");
        }
    }
}
