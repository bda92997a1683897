//! A region outside the arena that a loader fills like a module: what transient code is made in.
//!
//! The same lowering function serves for a module and for an `eval`, so it must not see the difference. This file has what a loader asks of
//! the owner of such a region; the owner lies above (`handles/region/region.rs`), on a heap that this layer does not know.

use super::bump::Bump;
use crate::code::arena::CodeArena;
use crate::code::value::Sites;
use crate::error::Error;
use core::alloc::Layout;
use core::cell::{Cell, RefCell};
use core::ptr::NonNull;
use std::collections::HashSet;

/// Where a loader's blocks go if not into a module.
///
/// # Safety
///
/// What [`more`](Self::more) gives is zero, aligned for the layout, large enough for it, nobody else's, and lives as long as any reference
/// that the loader gives out.
pub(crate) unsafe trait BlockSource {
    /// Memory for a block, and room behind it for others.
    fn more(&self, block: Layout) -> Result<NonNull<[u8]>, Error>;

    /// Whether an address lies in the region.
    fn contains(&self, address: usize) -> bool;

    /// Remembers what a promotion should know of a block.
    fn note(&self, note: BlockNote) -> Result<(), Error>;

    /// Site numbers that are the region's as long as it lives.
    fn sites(&self, count: usize) -> Result<Sites, Error>;
}

/// What no type says of a block.
#[derive(Clone, Copy)]
pub(crate) enum BlockNote {
    /// It is a name, of which the arena has one copy.
    Name(NonNull<[u8]>),
    /// It was asked to lie at a multiple of so many bytes.
    Aligned(NonNull<[u8]>, usize),
}

/// A region while a loader fills it.
pub(in crate::code) struct RegionRoom<'a> {
    arena: &'a CodeArena,
    region: &'a dyn BlockSource,
    /// Where the current piece of memory begins.
    floor: Cell<Option<NonNull<u8>>>,
    /// Bytes filled in other pieces.
    elsewhere: Cell<usize>,
    /// Names that were interned and are not the arena's.
    names: RefCell<HashSet<&'a str>>,
}

impl<'a> RegionRoom<'a> {
    pub(in crate::code) fn new(arena: &'a CodeArena, region: &'a dyn BlockSource) -> Self {
        Self { arena, region, floor: Cell::new(None), elsewhere: Cell::new(0), names: RefCell::default() }
    }

    pub(in crate::code) fn region(&self) -> &'a dyn BlockSource {
        self.region
    }

    pub(in crate::code) fn arena(&self) -> &'a CodeArena {
        self.arena
    }

    pub(in crate::code) fn floor(&self) -> Option<NonNull<u8>> {
        self.floor.get()
    }

    /// Places a block that does not fit where the cursor is. The cursor moves, unless there is more room left where it was.
    pub(in crate::code) fn refill(&self, bump: &Bump, layout: Layout) -> Result<NonNull<u8>, Error> {
        let piece = self.region.more(layout)?;
        let (start, end) = (piece.cast::<u8>(), piece.cast::<u8>().addr().get() + piece.len());
        let former = (bump.cursor(), bump.limit());
        let (former_room, filled) = (bump.room(), Self::distance(self.floor.get(), bump));
        // SAFETY: the promise of `more`.
        unsafe { bump.enter(start, end) };
        let at = bump.place(layout).ok_or(Error::Exhausted { needed: layout.size(), left: 0 })?;
        if former_room > bump.room() {
            self.elsewhere.set(self.elsewhere.get() + Self::distance(Some(start), bump));
            // SAFETY: where it was before.
            unsafe { bump.enter(former.0, former.1) };
        } else {
            self.elsewhere.set(self.elsewhere.get() + filled);
            self.floor.set(Some(start));
        }
        Ok(at)
    }

    /// Bytes filled so far: blocks and the gaps between them.
    pub(in crate::code) fn bytes(&self, bump: &Bump) -> usize {
        self.elsewhere.get() + Self::distance(self.floor.get(), bump)
    }

    /// Bytes between the beginning of a piece and the cursor in it.
    fn distance(floor: Option<NonNull<u8>>, bump: &Bump) -> usize {
        floor.map_or(0, |floor| bump.cursor().addr().get() - floor.addr().get())
    }

    /// The arena's copy of a name, or the region's.
    pub(in crate::code) fn known(&self, text: &str) -> Option<&'a str> {
        let names = self.arena.store().names();
        let permanent = names.find(names.hash(text), text).ok();
        permanent.or_else(|| self.names.borrow().get(text).copied())
    }

    /// Remembers the region's copy of a name.
    pub(in crate::code) fn remember(&self, name: &'a str) -> Result<(), Error> {
        let mut names = self.names.borrow_mut();
        names.try_reserve(1).map_err(|_| Error::Memory { bytes: size_of::<&str>() })?;
        self.region.note(BlockNote::Name(NonNull::from(name.as_bytes())))?;
        names.insert(name);
        Ok(())
    }
}
