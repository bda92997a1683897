//! A module while it is filled: which runs of pages its loader may write to.
//!
//! ```text
//!   run ├ earlier modules ┼ block ┼·gap·┼ block ┼┄┄┄┄┄┄┄ room ┄┄┄┄┄┄┄┤
//!                         start                  cursor            limit
//! ```
//!
//! What lies before the cursor never changes again, save a [`Link`](crate::Link) (invariant 2). When the room does not suffice, in this
//! order: the parked tail of a finished module is taken over, the run is made longer in place, a new run is claimed. Runs double from 16
//! KiB to 1 MiB, so that what a loader claims stays within a small factor of what it fills (soundness S21).

use super::arena::CodeArena;
use super::bump::Bump;
use super::code_pages::{FIRST_RUN, Next};
use super::extent::{Extent, ModuleRecord, Run};
use super::module::Module;
use super::published::Record;
use crate::error::{Error, PageError};
use crate::layout;
use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

/// No run is wished longer than this.
const LONGEST_RUN: usize = 1 << 20;

pub(super) struct Filling<'a> {
    arena: &'a CodeArena,
    module: Record<'a, ModuleRecord>,
    /// The extent that the cursor walks through.
    current: Cell<Option<Record<'a, Extent>>>,
    /// The module's latest extent; `current` or one that is full.
    latest: Cell<Option<Record<'a, Extent>>>,
    /// How long the next run is wished to be.
    wish: Cell<usize>,
    /// Whether the processor is to execute the module: its pages are then its alone.
    executable: bool,
}

impl<'a> Filling<'a> {
    pub(super) fn new(arena: &'a CodeArena, module: Record<'a, ModuleRecord>, executable: bool) -> Self {
        let (current, latest, wish) = (Cell::new(None), Cell::new(None), Cell::new(FIRST_RUN));
        Self { arena, module, current, latest, wish, executable }
    }

    pub(super) fn arena(&self) -> &'a CodeArena {
        self.arena
    }

    pub(super) fn module(&self) -> Module<'a> {
        Module::new(self.arena, self.module)
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Closes the module; with `padded`, its last page takes nothing more.
    pub(super) fn close(&self, bump: &Bump, padded: bool) {
        self.park_cursor(bump);
        let mut bytes = 0;
        for extent in self.module.get().extents() {
            Extent::publish(extent, bytes);
            bytes += extent.end() - extent.start();
        }
        // Before the extents can be located: who finds a module finds all of it.
        self.module.set_bytes(bytes);
        // Machine code that is not sealed by its loader is read-only with the next seal, and never executable.
        let next = if padded && self.executable { Next::OwnSeal } else { Next::AnySeal };
        for extent in self.module.get().extents() {
            // SAFETY: the loader is being closed, which happens once; it holds the runs of its module's extents and writes to none again.
            unsafe { self.arena.pages().leave(extent, padded || self.executable, next) };
        }
        self.arena.enlist(self.module, bytes, bump.gaps(), bump.lost());
    }

    /// Seals the pages of the closed module, as many as the system lets it.
    pub(super) fn seal(&self) -> Result<(), PageError> {
        let mut refused = None;
        for extent in self.module.get().extents() {
            let pages = self.arena.pages();
            let sealed =
                if self.executable { pages.seal_executable_extent(&extent) } else { pages.seal_extent(&extent) };
            refused = refused.or(sealed.err());
        }
        refused.map_or(Ok(()), Err)
    }

    /// Writes down how far the current extent is filled.
    fn park_cursor(&self, bump: &Bump) {
        if let Some(extent) = self.current.get() {
            extent.set_end(self.offset(bump.cursor().addr().get()));
        }
    }

    /// An address among the code pages as an offset.
    fn offset(&self, address: usize) -> usize {
        address - self.arena.pages().at(0).addr().get()
    }

    /// Whether the byte at `address` lies in what was filled so far.
    pub(super) fn filled(&self, bump: &Bump, address: usize) -> bool {
        self.park_cursor(bump);
        let Some(offset) = self.arena.pages().offset(address) else { return false };
        self.module.get().extents().any(|extent| (extent.start()..extent.end()).contains(&offset))
    }

    /// Where the current extent begins.
    pub(super) fn floor(&self) -> Option<NonNull<u8>> {
        self.current.get().map(|extent| self.arena.pages().at(extent.start()))
    }

    // ── finding room ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Places a block that does not fit the current run.
    pub(super) fn refill(&self, bump: &Bump, layout: Layout) -> Result<NonNull<u8>, Error> {
        let (cursor, limit) = (bump.cursor(), bump.limit());
        if self.current.get().is_none() {
            if !self.executable {
                self.take_tail(bump, layout)?;
            }
        } else if let Some(limit) = self.extended(self.offset(cursor.addr().get()), self.offset(limit), layout)? {
            // SAFETY: the run was made longer in place.
            unsafe { bump.enter(cursor, self.arena.pages().at(limit).addr().get()) };
        }
        match bump.place(layout) {
            Some(at) => Ok(at),
            None => self.claim(bump, layout),
        }
    }

    /// The new limit of a run filled up to `cursor`, if it can be made long enough where it lies.
    fn extended(&self, cursor: usize, limit: usize, layout: Layout) -> Result<Option<usize>, Error> {
        let address = self.arena.pages().at(cursor).addr().get();
        let Some(need) = layout::need(address, layout.size(), layout.align()) else { return Ok(None) };
        let extended = self.arena.pages().extend(limit, need - (limit - cursor), self.wish.get())?;
        if let Some(limit) = extended {
            self.grow_wish();
            if let Some(extent) = self.current.get() {
                // SAFETY: this loader holds the run, and what was added was claimed for it.
                unsafe { extent.run().set_limit(limit) };
            }
        }
        Ok(extended)
    }

    /// Goes on behind a finished module, if one left a tail that has room or can be given it.
    fn take_tail(&self, bump: &Bump, layout: Layout) -> Result<(), Error> {
        let pages = self.arena.pages();
        let Some(run) = pages.take_parked() else { return Ok(()) };
        let taken = self.fit_tail(run, layout).and_then(|fits| match fits {
            // SAFETY: the run was taken, so this loader holds it; module and run are of the arena that the extent is recorded in.
            true => self.arena.record(unsafe { Extent::new(self.module, run) }).map(Some),
            false => Ok(None),
        });
        match taken {
            Ok(Some(extent)) => {
                pages.hold(&extent);
                self.append(extent);
                self.enter(bump, extent);
                Ok(())
            }
            other => {
                // SAFETY: taken above, and nothing was done with it.
                unsafe { pages.park(run) };
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
            // SAFETY: the run was taken, and what was added was claimed for it.
            unsafe { run.set_limit(limit) };
        }
        Ok(extended.is_some())
    }

    /// Claims a new run for the block. The cursor moves there, unless the current run has more room left.
    fn claim(&self, bump: &Bump, layout: Layout) -> Result<NonNull<u8>, Error> {
        let pages = self.arena.pages();
        let range = pages.claim(layout.size(), layout.align(), self.wish.get())?;
        let extent = self
            .arena
            // SAFETY: claimed just now from this arena's pages, for its own ledger.
            .record(unsafe { Run::new(range.start, range.end) })
            // SAFETY: nobody else has heard of the run; module and run are of this arena.
            .and_then(|run| self.arena.record(unsafe { Extent::new(self.module, run) }))
            // SAFETY: claimed just now, and nobody was told.
            .inspect_err(|_| unsafe { pages.give_back(range) })?;
        self.grow_wish();
        self.append(extent);
        let former = (self.current.get(), bump.cursor(), bump.limit());
        let former_room = bump.room();
        self.park_cursor(bump);
        self.enter(bump, extent);
        // The run was claimed for this block.
        let at = bump.place(layout).ok_or(Error::Exhausted { needed: layout.size(), left: 0 })?;
        if former_room > bump.room() {
            self.park_cursor(bump);
            self.current.set(former.0);
            // SAFETY: where it was before.
            unsafe { bump.enter(former.1, former.2) };
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
    fn enter(&self, bump: &Bump, extent: Record<'a, Extent>) {
        let (start, limit) = (self.arena.pages().at(extent.start()), self.arena.pages().at(extent.run().limit()));
        // SAFETY: the rest of a run that this loader holds (see `extent.rs`): zero, committed, nobody else's.
        unsafe { bump.enter(start, limit.addr().get()) };
        self.current.set(Some(extent));
    }
}
