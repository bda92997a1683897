//! The loader, which allocates blocks.
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
use crate::code::arena::{CodeArena, Share};
use crate::error::Error;
use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::{self, NonNull};

/// Allocates blocks, interns names, sets links and numbers sites. A lowering function takes a `&Loader<'a>`.
///
/// Two things lend one. An [`OpenModule`](crate::OpenModule) is one by `Deref`: its blocks go to the module. And
/// [`CodeRef::transient`](crate::CodeRef::transient) lends one to a function: its blocks go to a counted region of a heap. So one lowering function
/// serves for both.
///
/// Each allocation returns a plain reference that is valid as long as the arena is borrowed: now, after the seal, and in every forked child.
/// Blocks are never freed one by one, and those of an abandoned load stay in the arena: parse first, lower second. A loader is neither `Send`
/// nor `Sync`.
///
/// ```
/// use permacode::{CodeArena, Error, Loader};
///
/// fn lower<'a>(loader: &Loader<'a>, source: &str) -> Result<&'a [u8], Error> {
///     loader.alloc_slice_copy(source.as_bytes())
/// }
///
/// let arena = CodeArena::new()?;
/// let module = arena.load("m")?;
/// assert_eq!(lower(&module, "+-")?, b"+-");
/// # Ok::<(), Error>(())
/// ```
///
/// # Variance
///
/// Invariant in `'a`: a loader of a long-lived arena takes no short-lived references.
pub struct Loader<'a> {
    bump: Bump,
    room: Room<'a>,
    /// Invariant in `'a`: a loader of a long-lived arena takes no short-lived references (soundness S11).
    invariant: PhantomData<fn(&'a ()) -> &'a ()>,
}

// The functions that a loader is given run between two of its steps. If one panics, its slice is zeroed and counted as lost, as after an error.
impl UnwindSafe for Loader<'_> {}
impl RefUnwindSafe for Loader<'_> {}

impl<'a> Loader<'a> {
    /// Makes a loader that fills a module. Whoever owns it [closes](Self::close) it.
    pub(super) fn for_module(room: ModuleRoom<'a>) -> Self {
        let nowhere = room.arena().store().pages().at(0);
        Self { bump: Bump::new(nowhere), room: Room::Module(room), invariant: PhantomData }
    }

    /// Closes the module, so that nothing is placed in it from now on; with `padded`, its last page takes nothing more. Only the owner does so, once.
    pub(super) fn close(&self, padded: bool) {
        if let Room::Module(room) = &self.room {
            room.close(&self.bump, padded);
        }
    }

    /// Makes a loader that fills a region.
    ///
    /// # Safety
    ///
    /// 1. Only references to the loader are given away.
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

    /// Keeps what a share is in for as long as the blocks of this loader live. Its arena keeps it, or the region that it fills. Its own arena
    /// lives that long anyway.
    ///
    /// # Errors
    ///
    /// [`Error::Younger`] if an arena is to keep one that was made later. Else those of a record, or of an object of the heap.
    pub(crate) fn keep(&self, share: &Share) -> Result<(), Error> {
        match &self.room {
            _ if share.is_in(self.arena()) => Ok(()),
            Room::Module(room) => room.arena().keep_alive(share),
            Room::Region(room) => room.region().keep(share),
        }
    }

    /// Returns the bytes that the module fills so far: its blocks and the gaps between them.
    /// [`Module::bytes`](crate::Module::bytes) will say the same if it is closed now.
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

    /// Returns `true` if the byte at `address` lies in what this loader has filled so far.
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
            None => self.refill(layout),
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        self.room.refill(&self.bump, layout)
    }

    /// Takes back `size` bytes at `at`, of which the first `written` are not zero, as if they had not been placed. They
    /// are lost if something was placed behind them.
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

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
