//! A module while it is filled: where its loader may write.
//!
//! ```text
//!   ├ earlier modules ┼ block ┼·gap·┼ block ┼┄┄┄┄┄┄┄ room ┄┄┄┄┄┄┄┤
//!                     start                  cursor            limit
//! ```
//!
//! Memory before the cursor never changes again, save a [`Link`](crate::Link) (invariant 2). When the room does not
//! suffice, `tails.rs` finds more, as much as is in proportion to what the module fills already (soundness S21).

use super::bump::Bump;
use crate::code::arena::CodeArena;
use crate::code::store::{CodePages, CodeStore, End, Extent, ModuleRecord, Record, SealBy, Search, Spot, Tail};
use crate::error::Error;
use core::alloc::Layout;
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;

pub(in crate::code) struct ModuleRoom<'a> {
    arena: &'a CodeArena,
    module: Record<'a, ModuleRecord>,
    /// The extent that the cursor walks through, and what may wait behind it.
    current: Cell<Option<(Record<'a, Extent>, Option<Spot<'a>>)>>,
    /// The module's latest extent; `current` or one that is full.
    latest: Cell<Option<Record<'a, Extent>>>,
    /// The part of the spare room that it has.
    lent: Cell<usize>,
    /// `true` if it goes on behind a finished module.
    shares: Cell<bool>,
    /// The end that room comes from. From the back it is for machine code, whose pages are its module's alone.
    end: End,
}

impl<'a> ModuleRoom<'a> {
    pub(in crate::code) fn new(arena: &'a CodeArena, module: Record<'a, ModuleRecord>, end: End) -> Self {
        let (current, latest, shares) = (Cell::new(None), Cell::new(None), Cell::new(false));
        Self { arena, module, current, latest, lent: Cell::new(0), shares, end }
    }

    fn store(&self) -> &'a CodeStore {
        self.arena.store()
    }

    fn pages(&self) -> &'a CodePages {
        self.arena.store().pages()
    }

    fn executable(&self) -> bool {
        self.end == End::Back
    }

    pub(in crate::code) fn arena(&self) -> &'a CodeArena {
        self.arena
    }

    /// The module's name.
    pub(in crate::code) fn name(&self) -> &'a str {
        self.module.get().name().get()
    }

    // ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Closes the module; with `padded`, its last page takes nothing more.
    pub(in crate::code) fn close(&self, bump: &Bump, padded: bool) {
        self.note_end(bump);
        let mut bytes = 0;
        for extent in self.module.get().extents() {
            extent.set_before(bytes);
            bytes += extent.end() - extent.start();
        }
        // Before the extents can be located: who finds a module finds all of it.
        self.module.set_bytes(bytes);
        // Machine code that is not sealed by its loader is read-only with the next seal, and never executable.
        let seal_by = if padded && self.executable() { SealBy::OwnSeal } else { SealBy::AnySeal };
        let current = self.current.take();
        for extent in self.module.get().extents() {
            let behind = current.and_then(|(current, behind)| behind.filter(|_| current.same(extent)));
            let padded = padded || self.executable();
            // SAFETY: the loader is being closed, which happens once; it holds the room of its module's extents and writes to none again.
            unsafe { self.store().close_extent(extent, padded, seal_by, self.end, behind) };
        }
        self.pages().release_held(self.shares.get(), self.lent.get());
        self.store().enlist(self.module, bytes, bump.gaps(), bump.lost());
    }

    /// Writes down how far the current extent is filled.
    fn note_end(&self, bump: &Bump) {
        if let Some((extent, _)) = self.current.get() {
            // SAFETY: this loader fills the extent, up to the cursor and within its limit.
            unsafe { extent.set_end(self.offset(bump.cursor().addr().get())) };
        }
    }

    /// Bytes that the module fills so far.
    pub(in crate::code) fn bytes(&self, bump: &Bump) -> usize {
        self.note_end(bump);
        self.module.get().extents().map(|extent| extent.end() - extent.start()).sum()
    }

    /// An address among the code pages as an offset.
    fn offset(&self, address: usize) -> usize {
        address - self.pages().at(0).addr().get()
    }

    /// Returns `true` if the byte at `address` lies in what was filled so far.
    pub(in crate::code) fn filled(&self, bump: &Bump, address: usize) -> bool {
        self.note_end(bump);
        let Some(offset) = self.pages().offset(address) else { return false };
        self.module.get().extents().any(|extent| (extent.start()..extent.end()).contains(&offset))
    }

    /// Returns the start of the current extent.
    pub(in crate::code) fn floor(&self) -> Option<NonNull<u8>> {
        self.current.get().map(|(extent, _)| self.pages().at(extent.start()))
    }

    // ── finding room ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Places a block that does not fit the current room.
    pub(in crate::code) fn refill(&self, bump: &Bump, block: Layout) -> Result<NonNull<u8>, Error> {
        let pages = self.pages();
        let (wish, first) = (pages.lend(self.end, &self.lent), self.latest.get().is_none());
        let own = if pages.huge { self.bytes(bump) } else { 0 };
        let search = Search { end: self.end, block, wish, first, own };
        let current = self.current.get();
        // The rest of the current room, and a hint at what may wait behind it.
        let rest = self.offset(bump.cursor().addr().get())..self.offset(bump.limit());
        if let Some((extent, behind)) = current {
            if let Some(more) = pages.take_behind(search, &rest, behind) {
                return self.lengthen(bump, extent, more, block);
            }
        }
        if let Some(tail) = pages.take(search) {
            return self.go_on(bump, tail, block);
        }
        if let Some((extent, behind)) = current {
            if let Some(more) = self.store().claim_behind(search, &rest, behind)? {
                return self.lengthen(bump, extent, more, block);
            }
        }
        if let Some(tail) = pages.claim_at_edge(search)? {
            return self.go_on(bump, tail, block);
        }
        let claim = pages.claim(search)?;
        let last = if self.executable() { pages.last_pages(search, &claim.range()) } else { None };
        let room = last.unwrap_or(claim.range().start)..claim.range().end;
        // If recording it is refused, the claim is dropped, and given back.
        let extent = self.extent(room.clone())?;
        self.store().park(self.end, claim.keep_from(room.start));
        self.place_in(bump, extent, None, block)
    }

    /// Makes the current room longer.
    fn lengthen(
        &self,
        bump: &Bump,
        extent: Record<'a, Extent>,
        more: Tail<'a>,
        block: Layout,
    ) -> Result<NonNull<u8>, Error> {
        let (room, behind) = more.into_room();
        let limit = room.end;
        self.current.set(Some((extent, behind)));
        // SAFETY: this loader fills the extent, and holds the room that begins where it ended.
        unsafe { extent.set_limit(limit) };
        // SAFETY: the cursor stays where it is; the room behind it is longer.
        unsafe { bump.lengthen(self.pages().at(limit).addr().get()) };
        self.place(bump, block)
    }

    /// Goes on in a tail.
    fn go_on(&self, bump: &Bump, tail: Tail<'a>, block: Layout) -> Result<NonNull<u8>, Error> {
        match self.extent(tail.range()) {
            Ok(extent) => {
                if self.pages().shares_its_first_page(&extent) && !self.shares.replace(true) {
                    self.pages().add_held();
                }
                self.place_in(bump, extent, tail.into_room().1, block)
            }
            Err(error) => {
                self.store().park(self.end, tail);
                Err(error)
            }
        }
    }

    /// Records an extent in room that this loader holds.
    fn extent(&self, room: Range<usize>) -> Result<Record<'a, Extent>, Error> {
        let below = self.pages().below(room.start);
        // SAFETY: this arena's records in its own ledger; the room is this loader's, and the page's owner lies below it.
        self.store().record(unsafe { Extent::new(self.module, room, below) })
    }

    /// Places the block at the beginning of an extent. The cursor stays there, unless the former room has more left.
    fn place_in(
        &self,
        bump: &Bump,
        extent: Record<'a, Extent>,
        behind: Option<Spot<'a>>,
        block: Layout,
    ) -> Result<NonNull<u8>, Error> {
        self.append(extent);
        self.note_end(bump);
        let (start, limit) = (self.pages().at(extent.start()), self.pages().at(extent.limit()));
        // SAFETY: room that this loader holds: zero, committed, nobody else's.
        let placed = unsafe { bump.place_in(start, limit.addr().get(), block) }?;
        if placed.goes_on {
            self.current.set(Some((extent, behind)));
        } else {
            // SAFETY: this loader fills the extent, up to the block's end and within its limit.
            unsafe { extent.set_end(self.offset(placed.end)) };
        }
        Ok(placed.at)
    }

    /// Places a block that there is room for now.
    fn place(&self, bump: &Bump, block: Layout) -> Result<NonNull<u8>, Error> {
        bump.place(block).ok_or(Error::Exhausted { needed: block.size(), left: bump.room() })
    }

    /// Adds an extent to the module.
    fn append(&self, extent: Record<'a, Extent>) {
        match self.latest.replace(Some(extent)) {
            Some(latest) => latest.set_next(extent),
            None => self.module.set_first(extent),
        }
    }
}
