//! The bookkeeping of slabs behind the first GiB. It becomes writable as they do, so that a large reservation costs no
//! more than a small one.
//!
//! ```text
//!   first GiB    sets ▶ · ◀ table                       writable from the beginning, near what a small heap uses
//!   behind it    ├ 64 slabs ┼ 64 slabs ┼ ┄ no access ┄ ┤
//!                  a word for each set, an entry for each slab
//! ```

use super::bitmaps::BITS;
use super::classes::{CLASSES, SLAB};
use super::sets::{FarRows, Row};
use super::slab::Slab;
use super::vacant::FACTS;
use core::mem::offset_of;
use core::ops::Range;
use core::ptr::NonNull;

/// Slabs that are not far: those of the first GiB.
pub(in crate::heap) const NEAR: usize = (1 << 30) / SLAB;

/// Bytes that are made writable at a time, at least; whole pages.
const STEP: usize = 64 << 10;

/// The bookkeeping of 64 slabs.
#[repr(C)]
pub(in crate::heap) struct Far {
    facts: Row<FACTS>,
    partial: Row<CLASSES>,
    slabs: [Slab; BITS],
}

impl Far {
    #[inline]
    pub(in crate::heap) fn slab(&self, number: usize) -> &Slab {
        &self.slabs[number]
    }

    /// The rows of facts in what begins at `first`.
    pub(in crate::heap) fn facts(first: NonNull<u8>) -> FarRows {
        FarRows { first, offset: offset_of!(Self, facts), stride: size_of::<Self>() }
    }

    /// The rows of the classes' sets in what begins at `first`.
    pub(in crate::heap) fn partial(first: NonNull<u8>) -> FarRows {
        FarRows { first, offset: offset_of!(Self, partial), stride: size_of::<Self>() }
    }
}

/// Bytes of what is known of the far ones among `slabs` slabs.
pub(in crate::heap) const fn bytes(slabs: usize) -> usize {
    slabs.saturating_sub(NEAR).div_ceil(BITS) * size_of::<Far>()
}

/// Bytes to be made writable for the far ones among `slabs` slabs, where the first `committed` are, of `all`; none where those are enough.
pub(in crate::heap) fn missing(slabs: usize, committed: usize, all: usize) -> Option<Range<usize>> {
    let needed = bytes(slabs);
    (needed > committed).then(|| committed..needed.next_multiple_of(STEP).min(all))
}
