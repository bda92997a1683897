//! The layout of a heap's reservation.
//!
//! ```text
//!   ├ first bitmaps │ home │ vacant │ partial │ ◀ table │ magazines ┼ slab 0 ┼ slab 1 ┼ ┄┄ ▶ no access ┄┄ ┤ far ▶ ┄┄ ◀ more bitmaps ┤
//!                                                                        64 KiB
//! ```

use super::bitmaps::BitmapPool;
use super::classes::{CLASSES, SLAB, TABLE};
use super::far::{self, NEAR};
use super::sets::Sets;
use super::slab::Slab;
use super::vacant::FACTS;
use crate::base::page::RECORD_ALIGN;
use core::ops::Range;
use core::ptr::NonNull;

/// Bytes of slabs that are made writable at a time, at least.
pub(in crate::heap) const COMMIT: usize = 1 << 20;

/// Bitmaps of a slab of a class.
pub(in crate::heap) const BITMAPS: usize = if cfg!(debug_assertions) { 4 } else { 2 };

/// Entries that a magazine may grow to.
const MOST: usize = 2048;
/// Bytes of objects that a magazine may hold.
const MOST_BYTES: usize = 128 << 10;
/// Entries that a magazine begins with.
pub(in crate::heap) const FIRST_ENTRIES: usize = 32;

/// Bytes of the magazines of all classes before any has grown. Those that grow lie behind them, best from a page on, so that a magazine of
/// 512 entries lies on one and not on two.
const FIRST_BYTES: usize = CLASSES * FIRST_ENTRIES * size_of::<NonNull<u8>>();

/// The most entries of each class's magazine. It is a table, because a heap is made with one of each, and a division
/// takes as long as all the rest.
pub(in crate::heap) static MOST_ENTRIES: [usize; CLASSES] = {
    let mut most = [MOST; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let entries = MOST_BYTES / TABLE[class].size;
        if entries < MOST {
            most[class] = entries;
        }
        class += 1;
    }
    most
};

/// The place to which each class's magazine moves when it grows, in bytes behind the first. The last number is the end
/// of all.
pub(in crate::heap) static GROWN: [usize; CLASSES + 1] = {
    let mut grown = [FIRST_BYTES; CLASSES + 1];
    let mut class = 0;
    while class < CLASSES {
        let room = if MOST_ENTRIES[class] > FIRST_ENTRIES { MOST_ENTRIES[class] } else { 0 };
        grown[class + 1] = grown[class] + room * size_of::<NonNull<u8>>();
        class += 1;
    }
    grown
};

/// The layout of a heap's reservation, as offsets from the first part; all but the magazines begin at a page.
///
/// A small heap uses memory at the beginning and around one place, just before the first slab. So one call makes it all
/// writable. It shares page tables of the kernel's, each of which costs more to make than a page does. And the heap is
/// two mappings: this one, and the part behind it that has no access yet.
#[derive(Clone, Copy)]
pub(in crate::heap) struct HeapPlan {
    /// Slabs that there is address space for.
    pub(in crate::heap) slabs: usize,
    /// The end of the pool's first chunk, and room for the `HeapArena` itself, alone or in a `DualArena`, if it is leaked.
    pub(in crate::heap) home: usize,
    /// Facts of vacant slabs; what is known of the pool's chunks grows down from there.
    pub(in crate::heap) vacant: usize,
    /// For each class, slabs with free objects.
    pub(in crate::heap) partial: usize,
    /// The border between the table and the magazines, which may lie in the middle of a page: both are used first
    /// there.
    pub(in crate::heap) magazines: usize,
    /// Slab 0. A multiple of a slab's size, so that where the reservation begins at a huge page, no byte is lost before it.
    pub(in crate::heap) objects: usize,
    /// Bytes of what is known of far slabs, which lies behind the objects.
    pub(in crate::heap) far: usize,
    /// Bytes of all parts: the end of the pool's other chunks, which grow down from there.
    pub(in crate::heap) len: usize,
}

impl HeapPlan {
    /// The parts for `bytes` of objects and for the `arena` bytes of a leaked arena. `None` where the sum is more than an allocation may have.
    pub(in crate::heap) fn new(bytes: usize, page: usize, arena: usize) -> Option<Self> {
        let slabs = bytes.max(1).checked_next_multiple_of(SLAB)? / SLAB;
        if u32::try_from(slabs).is_err() || slabs.checked_mul(2 * SLAB)? > isize::MAX as usize {
            return None;
        }
        let home = (BitmapPool::FIRST * 8).next_multiple_of(page);
        let capacity = BitmapPool::capacity(slabs, BITMAPS);
        let known = BitmapPool::known(capacity);
        // The bookkeeping of the pool's first chunks lies on the first page of the sets.
        let vacant = (home + arena + known).next_multiple_of(page) + RECORD_ALIGN;
        let partial = (vacant + Sets::<FACTS>::bytes(slabs, NEAR)).next_multiple_of(page);
        // The first magazines end with a page, and the table ends where they begin.
        let partial_end = partial + Sets::<CLASSES>::bytes(slabs, NEAR).next_multiple_of(page);
        let table = partial_end + slabs.min(NEAR) * size_of::<Slab>();
        let magazines = (table + FIRST_BYTES).next_multiple_of(page) - FIRST_BYTES;
        // A page to spare, so that a write just before the first object hits nothing that is used.
        let objects = ((magazines + GROWN[CLASSES]).next_multiple_of(page) + page).next_multiple_of(SLAB);
        let far = far::bytes(slabs).next_multiple_of(page);
        let len = objects + slabs * SLAB + far + ((capacity - BitmapPool::FIRST) * 8).next_multiple_of(page);
        Some(Self { slabs, home, vacant, partial, magazines, objects, far, len })
    }

    /// Returns the part that is writable from the beginning: the metadata, the first chunk of the pool, and some of the
    /// objects.
    pub(in crate::heap) fn first(&self) -> Range<usize> {
        0..self.objects + self.first_objects()
    }

    /// Returns the place of the bookkeeping of far slabs.
    pub(in crate::heap) fn far(&self) -> Range<usize> {
        let start = self.objects + self.slabs * SLAB;
        start..start + self.far
    }

    /// Returns the place of bytes of the pool that are counted from its end and are all of one chunk.
    pub(in crate::heap) fn pool(&self, bytes: Range<usize>) -> Range<usize> {
        let end = if bytes.end <= BitmapPool::FIRST * 8 { self.home } else { self.len + BitmapPool::FIRST * 8 };
        end - bytes.end..end - bytes.start
    }

    /// Bytes of objects among these.
    pub(in crate::heap) fn first_objects(&self) -> usize {
        COMMIT.min(self.slabs * SLAB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::HUGE;

    #[test]
    fn what_is_writable_at_first_is_too_short_for_a_huge_page() {
        // So nobody asks for small pages there before it grows; where it is longer, the builder asks.
        for slabs in [1, 15, 16, 17, NEAR, NEAR + 1, 8 * NEAR] {
            // Not all of these sizes are to be had on 32 bits.
            let plan =
                slabs.checked_mul(SLAB).and_then(|bytes| HeapPlan::new(bytes, 4096, crate::heap::HeapArena::HOME));
            let Some(plan) = plan else { continue };
            assert!(plan.first().len() < HUGE, "{slabs} slabs: {:?}", plan.first());
        }
    }
}
