//! The cursor that places blocks one behind the other, upward.
//!
//! ```text
//!   ├ earlier blocks ┼ block ┼·gap·┼ block ┼┄┄┄┄┄┄┄ room ┄┄┄┄┄┄┄┤
//!                                          cursor            limit
//! ```
//!
//! From `cursor` to `limit` every byte is zero and nobody else's (invariant 7). Placing is one comparison of room and one store of the
//! cursor; where more room comes from is for the owner to know.

use crate::base::align;
use crate::base::cpu::prefetch;
use crate::error::Error;
use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

/// The distance ahead of the cursor at which the cache is asked for memory: a page. Measured (`benches/code.rs`); half
/// of it does nearly as well.
const AHEAD: usize = 4096;

pub(in crate::code) struct Bump {
    cursor: Cell<NonNull<u8>>,
    /// An address; `cursor` is never above it.
    limit: Cell<usize>,
    /// Bytes skipped for alignment.
    gaps: Cell<usize>,
    /// Bytes placed and given up again.
    lost: Cell<usize>,
}

/// A block that was placed in another room than where the cursor was.
pub(super) struct PlacedIn {
    pub(super) at: NonNull<u8>,
    /// The address where the block ends, and so what is filled of that room.
    pub(super) end: usize,
    /// `true` if the cursor goes on there.
    pub(super) goes_on: bool,
}

impl Bump {
    /// A cursor at `nowhere`, without room.
    pub(in crate::code) fn new(nowhere: NonNull<u8>) -> Self {
        Self {
            cursor: Cell::new(nowhere),
            limit: Cell::new(nowhere.addr().get()),
            gaps: Cell::new(0),
            lost: Cell::new(0),
        }
    }

    /// The next block, if there is room for it.
    #[inline(always)]
    pub(in crate::code) fn place(&self, layout: Layout) -> Option<NonNull<u8>> {
        let cursor = self.cursor.get();
        let pad = align::place(cursor.addr().get(), self.limit.get(), layout.size(), layout.align())?;
        self.gaps.set(self.gaps.get() + pad);
        // SAFETY: `pad + size` bytes lie between the cursor and the limit, both of them in one allocation.
        unsafe {
            let at = cursor.add(pad);
            let end = at.add(layout.size());
            self.cursor.set(end);
            prefetch(end.as_ptr().wrapping_add(AHEAD));
            Some(at)
        }
    }

    pub(in crate::code) fn cursor(&self) -> NonNull<u8> {
        self.cursor.get()
    }

    pub(in crate::code) fn limit(&self) -> usize {
        self.limit.get()
    }

    /// Bytes between the cursor and the limit.
    pub(in crate::code) fn room(&self) -> usize {
        self.limit.get() - self.cursor.get().addr().get()
    }

    /// Makes the room longer.
    ///
    /// # Safety
    ///
    /// The bytes from the limit to this one lie in the same allocation, are zero, and the owner's alone.
    pub(super) unsafe fn lengthen(&self, limit: usize) {
        self.limit.set(limit);
    }

    /// Places a block at the beginning of another room. The cursor goes on in whichever of both has more left.
    ///
    /// # Safety
    ///
    /// From `start` to `limit`, not below it, lies zeroed memory of one allocation that is the owner's alone.
    pub(super) unsafe fn place_in(&self, start: NonNull<u8>, limit: usize, block: Layout) -> Result<PlacedIn, Error> {
        let former = (self.cursor.replace(start), self.limit.replace(limit));
        let former_room = former.1 - former.0.addr().get();
        let placed = self.place(block);
        let (end, room) = (self.cursor.get().addr().get(), self.room());
        let goes_on = placed.is_some() && former_room <= room;
        if !goes_on {
            self.cursor.set(former.0);
            self.limit.set(former.1);
        }
        let at = placed.ok_or(Error::Exhausted { needed: block.size(), left: room })?;
        Ok(PlacedIn { at, end, goes_on })
    }

    /// Takes back `size` bytes at `at`, of which the first `written` are not zero, as if they had not been placed. They
    /// are lost if something was placed behind them, or if `at` lies before `floor`, the start of the current place.
    ///
    /// # Safety
    ///
    /// They were placed from here, and nobody refers to them.
    pub(in crate::code) unsafe fn undo(
        &self,
        at: NonNull<u8>,
        size: usize,
        written: usize,
        floor: Option<NonNull<u8>>,
    ) {
        // SAFETY: the caller's promise.
        unsafe { at.write_bytes(0, written) };
        let last = at.addr().get().checked_add(size) == Some(self.cursor.get().addr().get());
        if last && floor.is_some_and(|floor| floor <= at) {
            self.cursor.set(at);
        } else {
            self.lost.set(self.lost.get() + size);
        }
    }

    pub(in crate::code) fn gaps(&self) -> usize {
        self.gaps.get()
    }

    pub(in crate::code) fn lost(&self) -> usize {
        self.lost.get()
    }
}
