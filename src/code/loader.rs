//! The open, writable phase of a module.
//!
//! A loader bumps a cursor upward through runs of pages that it alone may write to:
//!
//! ```text
//!   run ├ earlier modules ┼ block ┼·gap·┼ block ┼┄┄┄┄┄┄┄ room ┄┄┄┄┄┄┄┤
//!                         start                  cursor            limit
//! ```
//!
//! * From `cursor` to `limit` every byte is zero and nobody else's (invariant 7).
//! * What lies before the cursor never changes again, save a [`Link`](crate::Link) (invariant 2).
//! * A block's fast path is one comparison of room and one store of the cursor; all else is in [`refill`](Loader::refill).
//!
//! When the room does not suffice, in this order: the parked tail of a finished module is taken over, the run is made longer in place,
//! a new run is claimed. Runs double from 16 KiB to 1 MiB, so that what a loader claims stays within a small factor of what it fills
//! (soundness S21).

use super::arena::CodeArena;
use super::extent::{Extent, Run};
use super::ledger::Record;
use super::module::{Module, ModuleRecord};
use super::prefetch::prefetch;
use crate::error::Error;
use crate::layout;
use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

/// The first run of a module.
const FIRST_RUN: usize = 16 << 10;
/// No run is wished longer than this.
const LONGEST_RUN: usize = 1 << 20;
/// How far before the cursor the cache is asked for memory: a page. Measured (`benches/code.rs`); half of it does nearly as well.
const AHEAD: usize = 4096;

/// A module while it is built: blocks are allocated through it, until it is finished or sealed.
///
/// A loader belongs to one thread at a time (`Send`, not `Sync`); any number may be open at once. Each allocation returns a plain
/// reference that is valid as long as the arena is borrowed: now, after the seal, and in every forked child. Blocks are never freed one
/// by one, and those of an abandoned load stay in the arena: parse first, lower second.
///
/// Dropping a loader finishes its module.
pub struct Loader<'a> {
    arena: &'a CodeArena,
    module: Record<'a, ModuleRecord>,
    cursor: Cell<NonNull<u8>>,
    /// An address; `cursor` is never above it.
    limit: Cell<usize>,
    /// The extent that the cursor walks through.
    current: Cell<Option<Record<'a, Extent>>>,
    /// The module's latest extent; `current` or one that is full.
    latest: Cell<Option<Record<'a, Extent>>>,
    /// How long the next run is wished to be.
    wish: Cell<usize>,
    gaps: Cell<usize>,
    lost: Cell<usize>,
    /// Invariant in `'a`: a loader of a long-lived arena takes no short-lived references (soundness S11).
    invariant: PhantomData<fn(&'a ()) -> &'a ()>,
}

// SAFETY: the cursor points into pages that only this loader writes to, and moves with it; the rest is shared references to an arena
// that is `Sync`, and cells, which keep the loader from being `Sync`.
unsafe impl Send for Loader<'_> {}

impl<'a> Loader<'a> {
    pub(super) fn new(arena: &'a CodeArena, module: Record<'a, ModuleRecord>) -> Self {
        let nowhere = arena.pages().at(0);
        Self {
            arena,
            module,
            cursor: Cell::new(nowhere),
            limit: Cell::new(nowhere.addr().get()),
            current: Cell::new(None),
            latest: Cell::new(None),
            wish: Cell::new(FIRST_RUN),
            gaps: Cell::new(0),
            lost: Cell::new(0),
            invariant: PhantomData,
        }
    }

    /// The arena that the module will lie in. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// assert!(std::ptr::eq(loader.arena(), &arena));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn arena(&self) -> &'a CodeArena {
        self.arena
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Closes the module. It cannot fail, costs no system call, and writes to no code page.
    ///
    /// The rest of the last page is left for one later loader to go on behind. The pages become read-only with the next
    /// [`CodeArena::seal`]: the way to load many small modules.
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// for name in ["a", "b", "c"] {
    ///     let loader = arena.load(name)?;
    ///     loader.alloc_str(name)?;
    ///     loader.finish();
    /// }
    /// assert_eq!(arena.seal()?.pages, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn finish(self) -> Module<'a> {
        let loader = ManuallyDrop::new(self);
        loader.close(false);
        Module::new(loader.arena, loader.module)
    }

    /// Closes the module and makes all its pages read-only now, the rest of the last one with them.
    ///
    /// Costs a system call for each run, commonly one; up to a page of padding.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refuses to protect them. The module is finished all the same and its references are good; nobody
    /// writes to its pages again, and [`CodeArena::seal`] tries again to protect them.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text = loader.alloc_str("good for reading")?;
    /// let module = loader.seal()?;
    /// assert_eq!(module.hardening(), permacode::Hardening::Protect);
    /// assert_eq!((text, arena.stats().unsealed), ("good for reading", 0));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn seal(self) -> Result<Module<'a>, Error> {
        let loader = ManuallyDrop::new(self);
        loader.close(true);
        let mut refused = None;
        for extent in loader.module.get().extents() {
            refused = refused.or(loader.arena.pages().seal_extent(&extent).err());
        }
        refused.map_or(Ok(Module::new(loader.arena, loader.module)), |error| Err(Error::Pages(error)))
    }

    fn close(&self, padded: bool) {
        self.park_cursor();
        let mut bytes = 0;
        for extent in self.module.get().extents() {
            Extent::publish(extent, bytes);
            bytes += extent.end() - extent.start();
        }
        // Before the extents can be located: who finds a module finds all of it.
        self.module.set_bytes(bytes);
        for extent in self.module.get().extents() {
            self.arena.pages().leave(extent, padded);
        }
        self.arena.enlist(self.module, bytes, self.gaps.get(), self.lost.get());
    }

    /// Writes down how far the current extent is filled.
    fn park_cursor(&self) {
        if let Some(extent) = self.current.get() {
            extent.set_end(self.offset());
        }
    }

    /// The cursor as an offset among the code pages.
    fn offset(&self) -> usize {
        self.cursor.get().addr().get() - self.arena.pages().at(0).addr().get()
    }

    /// Whether the byte at `address` lies in what this loader has filled so far.
    pub(super) fn filled(&self, address: usize) -> bool {
        self.park_cursor();
        let Some(offset) = self.arena.pages().offset(address) else { return false };
        self.module.get().extents().any(|extent| (extent.start()..extent.end()).contains(&offset))
    }

    // ── placing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Memory for a block: aligned, zero, this loader's alone. Size zero touches nothing.
    #[inline(always)]
    pub(super) fn place(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        if layout.size() == 0 {
            // Aligned, not null, and in no arena.
            let dangling = ptr::without_provenance_mut(layout.align());
            return Ok(NonNull::new(dangling).unwrap_or(NonNull::dangling()));
        }
        match self.bump(layout) {
            Some(at) => Ok(at),
            None => self.refill(layout),
        }
    }

    #[inline(always)]
    fn bump(&self, layout: Layout) -> Option<NonNull<u8>> {
        let cursor = self.cursor.get();
        let pad = layout::place(cursor.addr().get(), self.limit.get(), layout.size(), layout.align())?;
        self.gaps.set(self.gaps.get() + pad);
        // SAFETY: `pad + size` bytes lie between the cursor and the limit, both of them in the current run.
        unsafe {
            let at = cursor.add(pad);
            let end = at.add(layout.size());
            self.cursor.set(end);
            prefetch(end.as_ptr().wrapping_add(AHEAD));
            Some(at)
        }
    }

    /// Finds room for a block that does not fit the current run.
    #[cold]
    #[inline(never)]
    fn refill(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        if self.current.get().is_none() {
            self.take_tail(layout)?;
        } else if let Some(limit) = self.extended(self.offset(), self.limit_offset(), layout)? {
            self.limit.set(self.arena.pages().at(limit).addr().get());
        }
        match self.bump(layout) {
            Some(at) => Ok(at),
            None => self.claim(layout),
        }
    }

    fn limit_offset(&self) -> usize {
        self.limit.get() - self.arena.pages().at(0).addr().get()
    }

    /// The new limit of a run filled up to `cursor`, if it can be made long enough where it lies.
    fn extended(&self, cursor: usize, limit: usize, layout: Layout) -> Result<Option<usize>, Error> {
        let address = self.arena.pages().at(cursor).addr().get();
        let Some(need) = layout::need(address, layout.size(), layout.align()) else { return Ok(None) };
        let extended = self.arena.pages().extend(limit, need - (limit - cursor), self.wish.get())?;
        if let Some(limit) = extended {
            self.grow_wish();
            if let Some(extent) = self.current.get() {
                extent.run().set_limit(limit);
            }
        }
        Ok(extended)
    }

    /// Goes on behind a finished module, if one left a tail that has room or can be given it.
    fn take_tail(&self, layout: Layout) -> Result<(), Error> {
        let pages = self.arena.pages();
        let Some(run) = pages.take_parked() else { return Ok(()) };
        let taken = self.fit_tail(run, layout).and_then(|fits| match fits {
            true => self.arena.record(Extent::new(self.module, run)).map(Some),
            false => Ok(None),
        });
        match taken {
            Ok(Some(extent)) => {
                pages.hold(&extent);
                self.append(extent);
                self.enter(extent);
                Ok(())
            }
            other => {
                pages.park(run);
                other.map(|_| ())
            }
        }
    }

    fn fit_tail(&self, run: Record<'a, Run>, layout: Layout) -> Result<bool, Error> {
        let (resume, limit) = (run.resume(), run.limit());
        let address = |offset| self.arena.pages().at(offset).addr().get();
        if layout::place(address(resume), address(limit), layout.size(), layout.align()).is_some() {
            return Ok(true);
        }
        let extended = self.extended(resume, limit, layout)?;
        if let Some(limit) = extended {
            run.set_limit(limit);
        }
        Ok(extended.is_some())
    }

    /// Claims a new run for the block. The cursor moves there, unless the current run has more room left.
    fn claim(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        let pages = self.arena.pages();
        let range = pages.claim(layout.size(), layout.align(), self.wish.get())?;
        let extent = self
            .arena
            .record(Run::new(range.start, range.end))
            .and_then(|run| self.arena.record(Extent::new(self.module, run)))
            // SAFETY: claimed just now, and nobody was told.
            .inspect_err(|_| unsafe { pages.give_back(range) })?;
        self.grow_wish();
        self.append(extent);
        let former = (self.current.get(), self.cursor.get(), self.limit.get());
        let former_room = self.limit.get() - self.cursor.get().addr().get();
        self.park_cursor();
        self.enter(extent);
        // The run was claimed for this block.
        let at = self.bump(layout).ok_or(Error::Exhausted { needed: layout.size(), left: 0 })?;
        if former_room > self.limit.get() - self.cursor.get().addr().get() {
            self.park_cursor();
            self.current.set(former.0);
            self.cursor.set(former.1);
            self.limit.set(former.2);
        }
        Ok(at)
    }

    fn grow_wish(&self) {
        self.wish.set((self.wish.get() * 2).min(LONGEST_RUN));
    }

    /// Adds an extent to the module.
    fn append(&self, extent: Record<'a, Extent>) {
        match self.latest.replace(Some(extent)) {
            Some(latest) => latest.set_next(extent),
            None => self.module.set_first(extent),
        }
    }

    /// Moves the cursor to the beginning of an extent.
    fn enter(&self, extent: Record<'a, Extent>) {
        self.cursor.set(self.arena.pages().at(extent.start()));
        self.limit.set(self.arena.pages().at(extent.run().limit()).addr().get());
        self.current.set(Some(extent));
    }

    /// Makes `size` bytes at `at`, the first `written` of them not zero, as if they had not been placed; where something was placed
    /// behind them, they are lost.
    ///
    /// # Safety
    ///
    /// [`place`](Self::place) gave these bytes, and nobody refers to them.
    pub(super) unsafe fn undo(&self, at: NonNull<u8>, size: usize, written: usize) {
        if size == 0 {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe { at.write_bytes(0, written) };
        let last = at.addr().get().checked_add(size) == Some(self.cursor.get().addr().get());
        if last && self.current.get().is_some_and(|extent| self.arena.pages().at(extent.start()) <= at) {
            self.cursor.set(at);
        } else {
            self.lost.set(self.lost.get() + size);
        }
    }
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        self.close(false);
    }
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("module", &Module::new(self.arena, self.module)).finish_non_exhaustive()
    }
}
