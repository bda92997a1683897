//! What is known of slabs behind the first GiB: made writable as they are, so that a large reservation costs no more than a small one.
//!
//! ```text
//!   first GiB    sets of all classes ▶ · ◀ table        writable from the beginning, near what a small heap uses
//!   behind it    ├ 64 slabs ┼ 64 slabs ┼ ┄ no access ┄ ┤
//!                  a word for each class, an entry for each slab
//! ```

use super::classes::{CLASSES, SLAB};
use super::words::BITS;
use core::cell::Cell;
use core::ops::Range;

/// A word for each class: which of 64 slabs, or of 64 rows, have something free.
pub(super) type Row = [Cell<u64>; CLASSES];

/// Slabs that are not far: those of the first GiB.
pub(super) const NEAR: usize = (1 << 30) / SLAB;

/// Bytes that are made writable at a time, at least; whole pages.
const STEP: usize = 64 << 10;

/// What is known of 64 slabs, `S` of each.
pub(super) struct Far<S> {
    row: Row,
    slabs: [S; BITS],
}

impl<S> Far<S> {
    pub(super) fn row(&self) -> &Row {
        &self.row
    }

    #[inline]
    pub(super) fn slab(&self, number: usize) -> &S {
        &self.slabs[number]
    }
}

/// Bytes of what is known of the far ones among `slabs` slabs.
pub(super) const fn bytes<S>(slabs: usize) -> usize {
    slabs.saturating_sub(NEAR).div_ceil(BITS) * size_of::<Far<S>>()
}

/// Bytes to be made writable for the far ones among `slabs` slabs, where the first `committed` are, of `all`; none where those are enough.
pub(super) fn missing<S>(slabs: usize, committed: usize, all: usize) -> Option<Range<usize>> {
    let needed = bytes::<S>(slabs);
    (needed > committed).then(|| committed..needed.next_multiple_of(STEP).min(all))
}
