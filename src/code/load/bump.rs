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
use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

/// How far before the cursor the cache is asked for memory: a page. Measured (`benches/code.rs`); half of it does nearly as well.
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

    /// Goes to another place.
    ///
    /// # Safety
    ///
    /// From `cursor` to `limit`, not below it, lies zeroed memory of one allocation that is the owner's alone.
    pub(in crate::code) unsafe fn enter(&self, cursor: NonNull<u8>, limit: usize) {
        self.cursor.set(cursor);
        self.limit.set(limit);
    }

    /// Makes the `size` bytes at `at`, the first `written` of them not zero, as if they had not been placed; where something was placed
    /// behind them, or if `at` lies before `floor`, where the current place begins, they are lost.
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
