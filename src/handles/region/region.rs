//! A counted region: where one piece of transient code lies, all that belongs to it included.
//!
//! ```text
//!   CodeRef ─▶ Part { count │ root ─┐ │ region }     a part: what handles count
//!                                   │     │
//!   Region { held parts │ pieces ┐ │ notes │ sites }
//!             ┌──────────────────┘  │
//!             ▼                     ▼
//!   pieces ├ Piece ┼ block ┼ block ┼ block ┼┄ room ┄┤ ◀─ ├ Piece ┼ block ┄┤     objects of the heap
//! ```
//!
//! Blocks are placed by an ordinary loader, and not freed one by one. Each code object that somebody holds is a *part*
//! with a count of its own. When the last part has no handle any more, the pieces, the notes and the numbers go back
//! together. Nothing here lies on a code page. Regions that lose their handles to a sweep end with it ([`Regions`]).

mod marks;
mod unheld;

use super::part::{Part, PartRef};
use super::parts::Parts;
use super::pieces::push;
use super::region_sites::RegionSites;
use super::regions::{Neighbours, Regions};
use super::shares::Shares;
use super::source::Source;
use super::transients::Transients;
use crate::code::{BlockNote, BlockSource, CodeArena, Loader, Share, SitePool, Sites};
use crate::error::Error;
use crate::heap::HeapArena;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::cell::Cell;
use core::iter;
use core::ops::Range;
use core::ptr::{self, NonNull};

pub(in crate::handles) use unheld::Unheld;

/// Bytes of the first piece, the region's own fields included.
const FIRST_PIECE: usize = 512;
/// Bytes of it that are left for blocks.
const ROOM: usize = FIRST_PIECE - size_of::<Region<'_>>();
/// No piece is wished longer than this: the largest object of the heap that shares a slab.
const LONGEST_PIECE: usize = 32 << 10;

/// Transient code and all that belongs to it.
#[repr(C)]
pub(in crate::handles) struct Region<'a> {
    /// The first piece, in whose memory this lies.
    piece: Piece,
    /// Whoever comes here by a handle, or fills the region, borrows it. A walk of all [`Regions`] does not: for it this may dangle.
    owner: &'a Transients<'a>,
    neighbours: Neighbours,
    /// The latest piece.
    pieces: Cell<NonNull<Piece>>,
    /// The start of the room in the first piece, until the loader asks for it.
    room: Cell<Option<NonNull<u8>>>,
    /// Bytes of the latest piece.
    wish: Cell<usize>,
    /// Bytes of all pieces.
    bytes: Cell<usize>,
    notes: Cell<Option<NonNull<NoteEntry>>>,
    sites: RegionSites,
    parts: Parts<'a>,
    /// Other transient code that this one refers to, counted once.
    keeps: Cell<Option<NonNull<Part<'a>>>>,
    /// Arenas whose code this one refers to.
    shares: Shares,
    /// The first region down the chain that lies on another heap.
    elsewhere: Cell<Option<NonNull<Region<'a>>>>,
    /// The round of the heap's marks in which all of it was marked.
    whole_in: Cell<u64>,
}

/// The head of an object of the heap that holds blocks.
struct Piece {
    below: Cell<Option<NonNull<Piece>>>,
    /// Of the object, this head included.
    layout: Layout,
}

struct NoteEntry {
    below: Option<NonNull<NoteEntry>>,
    note: BlockNote,
}

impl<'a> Region<'a> {
    pub(in crate::handles) fn owner(&self) -> &'a Transients<'a> {
        self.owner
    }

    // ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The part for the value at `root`, counted once more for the caller.
    ///
    /// # Safety
    ///
    /// 1. `region` is live: the caller counts a part of it during the call.
    /// 2. It is the pointer to all of the region, as parts have it, not one made of a reference.
    pub(in crate::handles) unsafe fn part(region: NonNull<Self>, root: NonNull<[u8]>) -> Result<PartRef<'a>, Error> {
        // SAFETY: the caller's promise.
        match unsafe { region.as_ref() }.parts.find(root) {
            // SAFETY: it was found among those that are held, as a pointer to all of the object, and is counted for this reference.
            Some(part) => unsafe {
                part.as_ref().add_ref();
                Ok(PartRef::from_raw(part))
            },
            // SAFETY: the caller's promise.
            None => unsafe { Self::new_part(region, root) },
        }
    }

    /// Makes a part, counted once for the caller.
    ///
    /// # Safety
    ///
    /// As for [`part`](Self::part); of a region that nobody holds yet, this part is the first.
    #[inline(always)]
    unsafe fn new_part(region: NonNull<Self>, root: NonNull<[u8]>) -> Result<PartRef<'a>, Error> {
        // SAFETY: the caller's promise.
        let this = unsafe { region.as_ref() };
        let heap = this.owner.heap();
        let at = heap.alloc(Layout::new::<Part<'a>>())?.cast::<Part<'a>>();
        // SAFETY: a new object of this layout, which is freed when it is released, by then removed; this heap is that of all its parts.
        unsafe {
            at.write(Part::new(root, this.owner.next_id(), region));
            this.parts.add(at, heap);
        }
        this.mark_part(at, heap);
        // SAFETY: new, and made with one count, which is this reference's.
        Ok(unsafe { PartRef::from_raw(at) })
    }

    /// Lets the region refer to the code of a part, which it counts as long as it lives. It keeps nothing yet, and nobody holds it.
    pub(in crate::handles) fn retain(&self, part: PartRef<'a>) {
        let region = part.region;
        let part = part.into_raw();
        let on_this_heap = self.owner.heap().contains(part.as_ptr());
        let elsewhere = match on_this_heap {
            // SAFETY: a part that is counted has a live region.
            true => unsafe { region.as_ref() }.elsewhere.get(),
            false => Some(region),
        };
        self.elsewhere.set(elsewhere);
        self.keeps.set(Some(part));
    }

    /// The region, then the one that it keeps, and so on.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        // SAFETY: a region counts what it keeps, so that is live as long as itself.
        iter::successors(Some(self), |region| unsafe { Some(region.keeps.get()?.as_ref().region.as_ref()) })
    }

    /// Takes a part away that no handle counts any more, and the region with the last, and what only that one kept.
    ///
    /// # Safety
    ///
    /// `part` is live, and nobody uses it after.
    #[cold]
    pub(in crate::handles) unsafe fn release(part: NonNull<Part<'a>>) {
        let mut next = Some(part);
        while let Some(part) = next.take() {
            // SAFETY: the caller's promise; a part's region is live. The part was made with this layout. What a region kept is live until
            // it is counted out here.
            unsafe {
                let region = part.as_ref().region;
                region.as_ref().parts.remove(part);
                region.as_ref().owner.heap().free(part.cast(), Layout::new::<Part<'a>>());
                if region.as_ref().parts.is_empty() {
                    let kept = region.as_ref().keeps.get();
                    Self::free(region);
                    next = kept.filter(|kept| kept.as_ref().release());
                }
            }
        }
    }

    /// Gives everything back.
    ///
    /// # Safety
    ///
    /// No part is held, and nobody refers to a block.
    unsafe fn free(region: NonNull<Self>) {
        // SAFETY: the caller's promise: each object in the three lists is the region's alone, was made with this layout, and is freed once;
        // the first piece, in which the region itself lies, comes last.
        unsafe {
            let this = region.as_ref();
            let (owner, heap) = (this.owner, this.owner.heap());
            let kept_some = this.shares.move_to(owner.regions().loose());
            Self::unlist(region, owner.regions(), owner.numbers());
            this.parts.free_table(heap);
            while let Some(noted) = this.notes.get() {
                this.notes.set(noted.as_ref().below);
                heap.free(noted.cast(), Layout::new::<NoteEntry>());
            }
            this.sites.free(heap);
            let mut next = Some(this.pieces.get());
            while let Some(piece) = next {
                next = piece.as_ref().below.get();
                heap.free(piece.cast(), piece.as_ref().layout);
            }
            if kept_some {
                // Last: a page source may run the program's code here.
                owner.regions().loose().let_go(heap);
            }
        }
    }

    /// Leaves the list of all regions, and gives the site numbers back.
    ///
    /// # Safety
    ///
    /// 1. The region is in that list, and its numbers came from there.
    /// 2. Nobody uses them any more.
    #[inline(always)]
    unsafe fn unlist(region: NonNull<Self>, regions: &Regions, numbers: &SitePool) {
        // SAFETY: the caller's promise. The region is in the list, which it leaves once.
        unsafe {
            let this = region.as_ref();
            regions.remove(region, this.bytes.get());
            this.sites.give_back(numbers);
        }
    }

    // ── before a sweep ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(in crate::handles) fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// Returns `true` while a lowering function is making the region. It has no part then; a finished one has parts as
    /// long as it lives.
    pub(in crate::handles) fn is_being_filled(&self) -> bool {
        self.parts.is_empty()
    }

    /// Ends the region but for its memory, which a sweep frees. The shares that it kept go to those that wait to be dropped.
    ///
    /// # Safety
    ///
    /// 1. The region is in the list, and heap and numbers are its own.
    /// 2. No handle of it is used or dropped any more.
    pub(in crate::handles) unsafe fn retire(
        region: NonNull<Self>,
        regions: &Regions,
        heap: &HeapArena,
        numbers: &SitePool,
    ) {
        // SAFETY: the caller's promise. What a listed region keeps on its own heap is live.
        unsafe {
            Self::unlist(region, regions, numbers);
            // From now on what it kept may go before its own memory does.
            region.as_ref().shares.move_to(regions.loose());
            let kept = region.as_ref().keeps.take();
            kept.filter(|part| heap.contains(part.as_ptr()))
                .iter()
                .for_each(|part| part.as_ref().release_to_collector());
        }
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn all_pieces(&self) -> impl Iterator<Item = NonNull<Piece>> {
        // SAFETY: pieces in the list are live as long as the region is.
        iter::successors(Some(self.pieces.get()), |piece| unsafe { piece.as_ref() }.below.get())
    }

    fn all_notes(&self) -> impl Iterator<Item = NonNull<NoteEntry>> {
        // SAFETY: notes in the list are live as long as the region is.
        iter::successors(self.notes.get(), |noted| unsafe { noted.as_ref() }.below)
    }

    fn own_memory(&self) -> impl Iterator<Item = NonNull<[u8]>> {
        self.all_pieces().map(|piece| {
            // SAFETY: a piece of the list.
            let size = unsafe { piece.as_ref() }.layout.size();
            NonNull::slice_from_raw_parts(piece.cast::<u8>(), size)
        })
    }

    fn contains(&self, address: usize) -> bool {
        self.own_memory().any(|piece| address.wrapping_sub(piece.addr().get()) < piece.len())
    }

    /// Has a loader keep every arena that the region, and what it keeps, refers to.
    pub(in crate::handles) fn hand_over(&self, loader: &Loader<'_>) -> Result<(), Error> {
        self.chain().flat_map(|region| region.shares.all()).try_for_each(|share| loader.keep(share))
    }

    /// Those of other arenas may have the same numbers: each region is asked with its own arena's tag (soundness S17).
    fn own_numbers(&self, sites: &Sites) -> Option<&'a CodeArena> {
        let code = self.owner.code();
        (sites.tag() == code.site_counter().tag() && self.sites.contains(sites.range().start)).then_some(code)
    }
}

// SAFETY: pieces are new, zeroed objects of the heap, as large and as aligned as asked, and are freed with the region only. Shares are dropped when
// it ends, or by a sweep that ends it.
unsafe impl BlockSource for Region<'_> {
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
        let layout = piece_layout(size, block.align()).ok_or(too_large)?;
        let at = self.owner.heap().alloc_zeroed(layout)?.cast::<Piece>();
        self.wish.set(wish);
        self.bytes.set(self.bytes.get() + layout.size());
        self.owner.regions().add_bytes(layout.size());
        // SAFETY: a new object that is larger than its head.
        unsafe {
            at.write(Piece { below: Cell::new(Some(self.pieces.get())), layout });
            self.pieces.set(at);
            Ok(NonNull::slice_from_raw_parts(at.cast::<u8>().add(head), size - head))
        }
    }

    fn pieces(&self, show: &mut dyn FnMut(Range<usize>) -> bool) {
        let range = |piece: NonNull<[u8]>| piece.addr().get()..piece.addr().get() + piece.len();
        self.own_memory().map(range).all(show);
    }

    fn note(&self, note: BlockNote) -> Result<(), Error> {
        let at = self.owner.heap().alloc(Layout::new::<NoteEntry>())?.cast::<NoteEntry>();
        // SAFETY: a new object of this layout.
        unsafe { at.write(NoteEntry { below: self.notes.get(), note }) };
        self.notes.set(Some(at));
        Ok(())
    }

    fn keep(&self, share: &Share) -> Result<(), Error> {
        // SAFETY: the heap of this region, of which its objects are.
        unsafe { self.shares.keep(share, self.owner.heap()) }
    }

    fn sites(&self, count: usize) -> Result<Sites, Error> {
        self.sites.take(self.owner, count)
    }
}

// SAFETY: pieces in the lists of the region, and of those that it keeps, are live as long as it is, and hold all of its blocks.
unsafe impl Source for Region<'_> {
    fn memory(&self, show: &mut dyn FnMut(NonNull<[u8]>) -> Result<(), Error>) -> Result<(), Error> {
        self.chain().flat_map(Self::own_memory).try_for_each(show)
    }

    fn notes(&self, show: &mut dyn FnMut(BlockNote) -> Result<(), Error>) -> Result<(), Error> {
        // SAFETY: a note of a list.
        self.chain().flat_map(Self::all_notes).try_for_each(|noted| show(unsafe { noted.as_ref() }.note))
    }

    fn one_arena_a_tag(&self) -> Result<bool, Error> {
        let mut arenas: Vec<&CodeArena> = Vec::new();
        for arena in self.chain().map(|region| region.owner.code()) {
            // Of a chain commonly all are one.
            if arenas.last().is_none_or(|last| !ptr::eq(*last, arena)) {
                push(&mut arenas, arena)?;
            }
        }
        arenas.sort_unstable_by_key(|arena| ptr::from_ref(*arena));
        arenas.dedup_by_key(|arena| ptr::from_ref(*arena));
        arenas.sort_unstable_by_key(|arena| arena.site_counter().tag());
        Ok(arenas.windows(2).all(|pair| pair[0].site_counter().tag() != pair[1].site_counter().tag()))
    }

    fn numbers(&self, sites: &Sites) -> Option<&CodeArena> {
        self.chain().find_map(|region| region.own_numbers(sites))
    }

    fn numbers_at(&self, place: usize, sites: &Sites) -> Option<&CodeArena> {
        // Of regions that were there when the block was made.
        self.chain().skip_while(|region| !region.contains(place)).find_map(|region| region.own_numbers(sites))
    }
}

/// The layout of a piece of `size` bytes that can hold a block of `align`.
fn piece_layout(size: usize, align: usize) -> Option<Layout> {
    Layout::from_size_align(size, align.max(align_of::<Region<'_>>())).ok()
}
