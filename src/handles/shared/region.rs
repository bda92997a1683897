//! A region of transient code that any thread may free.
//!
//! ```text
//!   Owned { root ─┐ │ share } ─▶ SharedRegion { Counted │ home │ pieces │ notes │ keeps │ sites ┼ desk ┼ block ┼ block ┼┄ room ┄┤   512 bytes
//!                 └─────────────────────────────────────────│────────────────────────────────────────▲
//!                                                           └─▶ Piece ┼ block ┼ block ┼┄ room ┄┤ ─▶ Piece ┼ …
//! ```
//!
//! One allocation for small code: the region, a *desk* for its bookkeeping, and room for blocks. Further pieces, and what the desk has no room
//! for, come from the global allocator too.
//!
//! * One thread fills it, by a loader that is only lent. Nothing of it is written after that but the count, until the last share is gone.
//! * It keeps its home, which keeps the arena, and what [`Loader::at`](crate::Loader::at) gave to its loader: arenas, and regions that were
//!   complete before. So there is no ring.
//! * All counted memory that a share can be in is a region of this kind. Only this file makes any.

use super::home::SharedHome;
use super::region_sites::RegionSites;
use crate::code::{BlockNote, BlockSource, CodeArena, Counted, Loader, Share, Sites};
use crate::error::Error;
use crate::handles::region::Source;
use alloc::alloc::{alloc, alloc_zeroed, dealloc};
use alloc::sync::Arc;
use core::alloc::Layout;
use core::cell::Cell;
use core::iter;
use core::mem::ManuallyDrop;
use core::ops::Range;
use core::ptr::{self, NonNull};

/// Bytes of the region's own memory.
const OWN: usize = 512;
/// Bytes of it for bookkeeping.
const DESK: usize = 96;
/// Bytes of it that are left for blocks.
const ROOM: usize = OWN - DESK - size_of::<SharedRegion>();
/// No piece is wished longer than this.
const LONGEST_PIECE: usize = 32 << 10;

/// Its own memory, and that of a piece at least.
const OWN_LAYOUT: Layout = match Layout::from_size_align(OWN, align_of::<SharedRegion>()) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two"),
};

/// The head of a region.
#[repr(C)]
pub(super) struct SharedRegion {
    /// First: a share leads here.
    counted: Counted,
    home: ManuallyDrop<Arc<SharedHome>>,
    /// The latest piece beside its own memory.
    pieces: Cell<Option<NonNull<Piece>>>,
    /// The start of the room in its own memory, until the loader asks for it.
    room: Cell<Option<NonNull<u8>>>,
    /// Bytes of the latest piece.
    wish: Cell<usize>,
    /// The place of the next entry.
    desk: Cell<NonNull<u8>>,
    notes: Cell<Option<NonNull<NoteEntry>>>,
    keeps: Cell<Option<NonNull<Keep>>>,
    sites: RegionSites,
    /// The next region in a list of those that end.
    ending: Cell<Option<NonNull<SharedRegion>>>,
}

/// The head of memory that holds blocks.
struct Piece {
    below: Option<NonNull<Piece>>,
    layout: Layout,
}

struct NoteEntry {
    below: Option<NonNull<NoteEntry>>,
    note: BlockNote,
}

struct Keep {
    below: Option<NonNull<Keep>>,
    share: Share,
}

impl SharedRegion {
    /// Makes a region, for a loader to fill before the share is given to anybody. Dropping the share gives all of it back.
    pub(super) fn make(home: &Arc<SharedHome>) -> Result<Share, Error> {
        // SAFETY: the layout has a size.
        let own = NonNull::new(unsafe { alloc_zeroed(OWN_LAYOUT) }).ok_or(Error::Memory { bytes: OWN })?;
        let at = own.cast::<Self>();
        // SAFETY: both lie in that memory.
        let (desk, room) = unsafe { (own.add(size_of::<Self>()), own.add(OWN - ROOM)) };
        home.add_region();
        let region = Self {
            counted: Counted::new(Self::end),
            home: ManuallyDrop::new(Arc::clone(home)),
            pieces: Cell::new(None),
            room: Cell::new(Some(room)),
            wish: Cell::new(OWN),
            desk: Cell::new(desk),
            notes: Cell::new(None),
            keeps: Cell::new(None),
            sites: RegionSites::new(),
            ending: Cell::new(None),
        };
        // SAFETY:
        // 1. New memory, larger than the head, that `end` frees. The pointer is to all of it.
        // 2. Nothing of a region is written once it is filled, blocks are `Sync`, the rest is `Send`: home, shares, and memory of the program.
        unsafe {
            at.write(region);
            Ok(Share::first(at.cast()))
        }
    }

    /// The region that a share is in, if it is in no arena.
    pub(super) fn of(share: &Share) -> Option<&Self> {
        // SAFETY: all counted memory is a region, which lives as long as the share.
        share.counted().map(|memory| unsafe { memory.cast::<Self>().as_ref() })
    }

    pub(super) fn home(&self) -> &Arc<SharedHome> {
        &self.home
    }

    /// Ends a region whose last share is gone, and then those of which it kept the last one: by a list, not by recursion.
    ///
    /// # Safety
    ///
    /// It is a region, with nobody else's share in it, and the pointer that it was made with.
    unsafe fn end(memory: NonNull<Counted>) {
        let mut list = Some(memory.cast::<Self>());
        while let Some(at) = list {
            // SAFETY: each region of the list is in it alone, and nobody's. An entry of a list is live until it is freed here, once.
            unsafe {
                let this = at.as_ref();
                list = this.ending.take();
                while let Some(entry) = this.keeps.get() {
                    let Keep { below, share } = entry.read();
                    this.keeps.set(below);
                    this.free_entry(entry);
                    // A page source may run the program's own code here: it finds no list of ours.
                    if let Some(last) = share.into_last_counted() {
                        let last = last.cast::<Self>();
                        last.as_ref().ending.set(list);
                        list = Some(last);
                    }
                }
                Self::free(at);
            }
        }
    }

    /// Gives everything back but what it kept, which is gone.
    ///
    /// # Safety
    ///
    /// As for [`end`](Self::end).
    unsafe fn free(at: NonNull<Self>) {
        // SAFETY: each object in the lists is the region's alone, was made with this layout, and is freed once. Its own memory comes last, and
        // the home after that: it was moved out.
        unsafe {
            let this = at.as_ref();
            while let Some(entry) = this.notes.get() {
                this.notes.set(entry.as_ref().below);
                this.free_entry(entry);
            }
            this.sites.give_back(this);
            let mut next = this.pieces.get();
            while let Some(piece) = next {
                next = piece.as_ref().below;
                dealloc(piece.as_ptr().cast(), piece.as_ref().layout);
            }
            let home = ManuallyDrop::into_inner((&raw const (*at.as_ptr()).home).read());
            dealloc(at.as_ptr().cast(), OWN_LAYOUT);
            home.remove_region();
        }
    }

    // ── bookkeeping ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Memory for an entry of a list: on the desk, or an object of its own.
    pub(super) fn entry<T>(&self, entry: T) -> Result<NonNull<T>, Error> {
        const { assert!(align_of::<T>() <= align_of::<usize>() && size_of::<T>() % align_of::<usize>() == 0) };
        let (desk, end) = (self.desk.get(), ptr::from_ref(self).addr() + (OWN - ROOM));
        let at = if size_of::<T>() <= end - desk.addr().get() {
            // SAFETY: there is so much left on the desk.
            self.desk.set(unsafe { desk.add(size_of::<T>()) });
            Some(desk)
        } else {
            // SAFETY: entries have a size.
            NonNull::new(unsafe { alloc(Layout::new::<T>()) })
        };
        let at = at.ok_or(Error::Memory { bytes: size_of::<T>() })?.cast::<T>();
        // SAFETY: the entry's alone, and aligned: the desk begins behind the head, and each entry ends at a multiple of a word.
        unsafe { at.write(entry) };
        Ok(at)
    }

    /// Frees an entry.
    ///
    /// # Safety
    ///
    /// `entry` of this region made it, and nobody uses it any more.
    pub(super) unsafe fn free_entry<T>(&self, at: NonNull<T>) {
        if at.addr().get().wrapping_sub(ptr::from_ref(self).addr()) >= OWN {
            // SAFETY: not on the desk, so an object with this layout.
            unsafe { dealloc(at.as_ptr().cast(), Layout::new::<T>()) };
        }
    }

    fn all_keeps(&self) -> impl Iterator<Item = &Keep> {
        // SAFETY: entries of the list are live as long as the region is, and not written to.
        let entry = |entry: NonNull<Keep>| unsafe { &*entry.as_ptr() };
        iter::successors(self.keeps.get().map(entry), move |keep| keep.below.map(entry))
    }

    fn all_notes(&self) -> impl Iterator<Item = &NoteEntry> {
        // SAFETY: entries of the list are live as long as the region is, and not written to.
        let entry = |entry: NonNull<NoteEntry>| unsafe { &*entry.as_ptr() };
        iter::successors(self.notes.get().map(entry), move |note| note.below.map(entry))
    }

    /// All memory that blocks lie in, the newest piece first.
    fn all_memory(&self) -> impl Iterator<Item = NonNull<[u8]>> {
        // SAFETY: pieces of the list are live as long as the region is, and their heads not written to.
        let piece = |piece: NonNull<Piece>| unsafe { &*piece.as_ptr() };
        let pieces = iter::successors(self.pieces.get(), move |at| piece(*at).below);
        let own = self.desk.get().cast::<u8>().with_addr(NonNull::from(self).addr());
        pieces
            .map(move |at| NonNull::slice_from_raw_parts(at.cast(), piece(at).layout.size()))
            .chain([NonNull::slice_from_raw_parts(own, OWN)])
    }

    /// Returns `true` for the whole of a name that the region has a copy of.
    pub(super) fn is_name(&self, text: &str) -> bool {
        let text = ptr::from_ref(text.as_bytes());
        self.all_notes().any(|entry| matches!(entry.note, BlockNote::Name(name) if ptr::eq(name.as_ptr(), text)))
    }

    /// Has a loader keep every arena that the region refers to.
    ///
    /// # Errors
    ///
    /// Those of [`Loader::keep`]. A region that it refers to is [`Error::OtherArena`].
    pub(super) fn hand_over(&self, loader: &Loader<'_>) -> Result<(), Error> {
        self.all_keeps().try_for_each(|keep| loader.keep(&keep.share))
    }
}

// SAFETY: pieces are new, zeroed memory, as large and as aligned as asked, and are freed with the region only, as shares are dropped.
unsafe impl BlockSource for SharedRegion {
    fn more(&self, block: Layout) -> Result<NonNull<[u8]>, Error> {
        let too_large = Error::TooLarge { len: block.size(), element: 1 };
        let needed = block.size().checked_add(block.align()).ok_or(too_large)?;
        if needed <= ROOM {
            if let Some(room) = self.room.take() {
                return Ok(NonNull::slice_from_raw_parts(room, ROOM));
            }
        }
        let wish = (self.wish.get() * 2).min(LONGEST_PIECE);
        let head = size_of::<Piece>();
        let size = needed.checked_add(head).ok_or(too_large)?.max(wish);
        let layout = Layout::from_size_align(size, block.align().max(align_of::<Piece>())).map_err(|_| too_large)?;
        // SAFETY: a piece is larger than its head.
        let at = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(Error::Memory { bytes: size })?;
        self.wish.set(wish);
        // SAFETY: new memory that is larger than its head.
        unsafe {
            at.cast::<Piece>().write(Piece { below: self.pieces.get(), layout });
            self.pieces.set(Some(at.cast()));
            Ok(NonNull::slice_from_raw_parts(at.add(head), size - head))
        }
    }

    fn pieces(&self, show: &mut dyn FnMut(Range<usize>) -> bool) {
        let range = |piece: NonNull<[u8]>| piece.addr().get()..piece.addr().get() + piece.len();
        self.all_memory().map(range).all(show);
    }

    fn note(&self, note: BlockNote) -> Result<(), Error> {
        let entry = self.entry(NoteEntry { below: self.notes.get(), note })?;
        self.notes.set(Some(entry));
        Ok(())
    }

    fn keep(&self, share: &Share) -> Result<(), Error> {
        if !self.all_keeps().any(|keep| keep.share.same(share)) {
            let entry = self.entry(Keep { below: self.keeps.get(), share: share.clone() })?;
            self.keeps.set(Some(entry));
        }
        Ok(())
    }

    fn sites(&self, count: usize) -> Result<Sites, Error> {
        self.sites.take(self, count)
    }
}

// SAFETY: the memory is live as long as the region is, and holds all of its blocks. What it keeps is not shown: `hand_over` refuses regions.
unsafe impl Source for SharedRegion {
    fn memory(&self, show: &mut dyn FnMut(NonNull<[u8]>) -> Result<(), Error>) -> Result<(), Error> {
        self.all_memory().try_for_each(show)
    }

    fn notes(&self, show: &mut dyn FnMut(BlockNote) -> Result<(), Error>) -> Result<(), Error> {
        self.all_notes().try_for_each(|entry| show(entry.note))
    }

    fn one_arena_a_tag(&self) -> Result<bool, Error> {
        Ok(true)
    }

    fn numbers(&self, sites: &Sites) -> Option<&CodeArena> {
        let arena = self.home.arena();
        let own = sites.tag() == arena.site_counter().tag() && self.sites.contains(sites.range().start);
        own.then_some(arena)
    }

    fn numbers_at(&self, _: usize, sites: &Sites) -> Option<&CodeArena> {
        self.numbers(sites)
    }
}
