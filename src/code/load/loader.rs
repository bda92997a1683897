//! The open, writable phase of a module.
//!
//! ```text
//!   Loader ── bump ──▶ the next block          one comparison, one store
//!          └─ room ──▶ a module's pages                        where room comes from
//!                   or a piece of a heap, for transient code
//! ```
//!
//! A loader does not say which of the two it fills, so one lowering function serves for both.

use super::bump::Bump;
use super::module_room::ModuleRoom;
use super::region_room::{BlockSource, RegionRoom};
use super::room::Room;
use crate::code::arena::{CodeArena, Module};
use crate::code::store::End;
use crate::error::Error;
use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

/// A module while it is built: blocks are allocated through it, until it is finished or sealed.
///
/// A loader belongs to one thread at a time (`Send`, not `Sync`); any number may be open at once. Each allocation returns a plain
/// reference that is valid as long as the arena is borrowed: now, after the seal, and in every forked child. Blocks are never freed one
/// by one, and those of an abandoned load stay in the arena: parse first, lower second.
///
/// Dropping a loader finishes its module.
///
/// [`CodeRef::transient`](crate::CodeRef::transient) lends one whose blocks go to a counted region of a heap instead.
pub struct Loader<'a> {
    bump: Bump,
    room: Room<'a>,
    /// Invariant in `'a`: a loader of a long-lived arena takes no short-lived references (soundness S11).
    invariant: PhantomData<fn(&'a ()) -> &'a ()>,
}

// SAFETY: a loader of a module holds a cursor into pages that only it writes to, references to an arena and its records, which are `Sync`,
// and cells, which move with it and keep it from being `Sync`. A loader of a region refers to a heap that must stay on its thread:
// `for_region` asks that only a reference be given away, and `&Loader` is not `Send`.
unsafe impl Send for Loader<'_> {}

impl CodeArena {
    /// Opens a module called `name`. Names need not be unique; the arena keeps a copy.
    ///
    /// Costs a record and the copy, and one system call in some five hundred loads, for 64 KiB more of records. It costs no code
    /// page: those come with the first block.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] or [`Error::Pages`] when there is no room for the record.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let (one, other) = (arena.load("json")?, arena.load("json")?); // both open at once
    /// assert_eq!(arena.stats().claimed, 0);
    /// assert_ne!(one.finish(), other.finish());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn load(&self, name: &str) -> Result<Loader<'_>, Error> {
        Loader::open(self, name, End::Front)
    }
}

impl<'a> Loader<'a> {
    /// Opens a module of what is claimed from `end`. Its record is new, so no other loader fills it.
    pub(in crate::code) fn open(arena: &'a CodeArena, name: &str, end: End) -> Result<Self, Error> {
        let room = Room::Module(ModuleRoom::new(arena, arena.store().module_record(name)?, end));
        Ok(Self { bump: Bump::new(arena.store().pages().at(0)), room, invariant: PhantomData })
    }

    /// Makes a loader that fills a region.
    ///
    /// # Safety
    ///
    /// 1. Only references to the loader are given away. So it stays on this thread, and is never finished or sealed.
    /// 2. It is dropped before a handle counts a part of the region. So handles that outlive it find all links as they stay.
    /// 3. A function that is lent the loader must accept every `'a`. So it has no other loader of this lifetime.
    pub(crate) unsafe fn for_region(arena: &'a CodeArena, region: &'a dyn BlockSource) -> Self {
        let room = Room::Region(RegionRoom::new(arena, region));
        Self { bump: Bump::new(arena.store().pages().at(0)), room, invariant: PhantomData }
    }

    /// The arena that the names lie in, and the blocks too unless they go to a region.
    ///
    /// Not for users: in a region's loader, a loader of this arena at the same lifetime would let permanent blocks refer to the region.
    pub(crate) fn arena(&self) -> &'a CodeArena {
        self.room.arena()
    }

    /// The region that is filled, if it is no module.
    pub(in crate::code) fn region(&self) -> Option<&RegionRoom<'a>> {
        match &self.room {
            Room::Module(_) => None,
            Room::Region(room) => Some(room),
        }
    }

    /// Returns the bytes that the module fills so far: its blocks and the gaps between them. What [`Module::bytes`] will say of it when it is
    /// closed now.
    ///
    /// Use it to bound what one module may take, or to report progress.
    ///
    /// # Cost
    ///
    /// A load for each place that the module lies in, commonly one. No system call and no allocation.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// loader.alloc(2u32)?; // behind a gap of three bytes
    /// assert_eq!(loader.bytes(), 1 + 3 + 4);
    /// assert_eq!(loader.finish().bytes(), 8);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn bytes(&self) -> usize {
        self.room.bytes(&self.bump)
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Closes the module. It cannot fail and writes to no code page.
    ///
    /// The rest of its room, from the middle of its last page on, waits for later loaders, which use it before they claim pages. The pages become
    /// read-only with the next [`CodeArena::seal`]: the way to load many small modules.
    ///
    /// Costs no system call, save one for more records where very many tails wait.
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
        let closed = ManuallyDrop::new(self);
        closed.close(false).module()
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
    /// assert_eq!(module.protection(), permacode::code::Protection::ReadOnly);
    /// assert_eq!((text, arena.stats().unsealed), ("good for reading", 0));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn seal(self) -> Result<Module<'a>, Error> {
        let closed = ManuallyDrop::new(self);
        let room = closed.close(true);
        room.seal().map_err(Error::Pages)?;
        Ok(room.module())
    }

    /// Closes the module, which only the owner of a loader can.
    fn close(&self, padded: bool) -> &ModuleRoom<'a> {
        match &self.room {
            Room::Module(room) => {
                room.close(&self.bump, padded);
                room
            }
            Room::Region(_) => unreachable!("a loader that fills a region is never given away"),
        }
    }

    /// Whether the byte at `address` lies in what this loader has filled so far.
    pub(in crate::code) fn filled(&self, address: usize) -> bool {
        self.room.filled(&self.bump, address)
    }

    // ── placing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Memory for a block: aligned, zero, this loader's alone. Size zero touches nothing.
    #[inline(always)]
    pub(crate) fn place(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        if layout.size() == 0 {
            // Aligned, not null, and in no arena.
            let dangling = ptr::without_provenance_mut(layout.align());
            return Ok(NonNull::new(dangling).unwrap_or(NonNull::dangling()));
        }
        match self.bump.place(layout) {
            Some(at) => Ok(at),
            None => self.room.refill(&self.bump, layout),
        }
    }

    /// Makes `size` bytes at `at`, the first `written` of them not zero, as if they had not been placed; where something was placed
    /// behind them, they are lost.
    ///
    /// # Safety
    ///
    /// [`place`](Self::place) gave these bytes, and nobody refers to them.
    pub(crate) unsafe fn undo(&self, at: NonNull<u8>, size: usize, written: usize) {
        if size != 0 {
            // SAFETY: the caller's promise.
            unsafe { self.bump.undo(at, size, written, self.room.floor()) };
        }
    }
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        if let Room::Module(room) = &self.room {
            room.close(&self.bump, false);
        }
    }
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Loader");
        match &self.room {
            Room::Module(room) => debug.field("module", &room.module()),
            Room::Region(_) => debug.field("region", &()),
        };
        debug.finish_non_exhaustive()
    }
}
