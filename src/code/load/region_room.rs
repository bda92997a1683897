//! A region outside the arena that a loader fills like a module: what transient code is made in.
//!
//! The same lowering function serves for a module and for an `eval`, so it must not see the difference. This file has
//! what a loader asks of the owner of such a region. The owner lies above (`handles/region/region.rs`), on a heap that
//! this layer does not know.

use super::bump::Bump;
use crate::base::hash::HashSet;
use crate::code::arena::{CodeArena, Share};
use crate::code::value::{Name, Sites};
use crate::error::Error;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::cell::{Cell, RefCell};
use core::ops::Range;
use core::ptr::NonNull;

/// A source of memory for a loader's blocks, if they do not go into a module.
///
/// # Safety
///
/// 1. Memory from [`more`](Self::more) is zero, aligned for the layout, large enough for it, and nobody else's. It
///    lives as long as any reference that the loader gives out.
/// 2. What [`keep`](Self::keep) was given a share in lives as long as any such reference, too.
/// 3. [`pieces`](Self::pieces) shows that memory and none in which others have blocks. A new piece comes before all others, which stay.
pub(crate) unsafe trait BlockSource {
    /// Memory for a block, and room behind it for others.
    fn more(&self, block: Layout) -> Result<NonNull<[u8]>, Error>;

    /// Shows the memory that was given, the newest piece first, until `show` has seen enough and says `false`.
    fn pieces(&self, show: &mut dyn FnMut(Range<usize>) -> bool);

    /// Remembers what a promotion should know of a block.
    fn note(&self, note: BlockNote) -> Result<(), Error>;

    /// Keeps what a share is in for as long as any reference that the loader gives out may be used.
    fn keep(&self, share: &Share) -> Result<(), Error>;

    /// Site numbers that are the region's as long as it lives.
    fn sites(&self, count: usize) -> Result<Sites, Error>;
}

/// A property of a block that no type says.
#[derive(Clone, Copy)]
pub(crate) enum BlockNote {
    /// It is a name, of which the arena has one copy.
    Name(NonNull<[u8]>),
    /// It was asked to lie at a multiple of so many bytes.
    Aligned(NonNull<[u8]>, usize),
}

/// Pieces that are looked at one by one.
const FEW: usize = 8;

/// A region while a loader fills it.
pub(in crate::code) struct RegionRoom<'a> {
    arena: &'a CodeArena,
    region: &'a dyn BlockSource,
    /// The start of the current piece of memory.
    floor: Cell<Option<NonNull<u8>>>,
    /// Bytes filled in other pieces.
    elsewhere: Cell<usize>,
    /// Names that were interned and are not the arena's.
    names: RefCell<HashSet<&'a str>>,
    /// Pieces in the order of their addresses, all but those that came after `newest`. Of a region of few pieces it is empty.
    index: RefCell<Vec<Range<usize>>>,
    /// The start of the newest piece in the index.
    newest: Cell<usize>,
}

impl<'a> RegionRoom<'a> {
    pub(in crate::code) fn new(arena: &'a CodeArena, region: &'a dyn BlockSource) -> Self {
        let (names, index) = Default::default();
        Self { arena, region, floor: Cell::new(None), elsewhere: Cell::new(0), names, index, newest: Cell::new(0) }
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
    #[inline(always)]
    pub(in crate::code) fn refill(&self, bump: &Bump, layout: Layout) -> Result<NonNull<u8>, Error> {
        let piece = self.region.more(layout)?;
        let (start, end) = (piece.cast::<u8>(), piece.cast::<u8>().addr().get() + piece.len());
        let filled = Self::distance(self.floor.get(), bump);
        // SAFETY: the promise of `more`.
        let placed = unsafe { bump.place_in(start, end, layout) }?;
        if placed.goes_on {
            self.elsewhere.set(self.elsewhere.get() + filled);
            self.floor.set(Some(start));
        } else {
            self.elsewhere.set(self.elsewhere.get() + (placed.end - start.addr().get()));
        }
        Ok(placed.at)
    }

    /// Bytes filled so far: blocks and the gaps between them.
    pub(in crate::code) fn bytes(&self, bump: &Bump) -> usize {
        self.elsewhere.get() + Self::distance(self.floor.get(), bump)
    }

    /// Returns `true` for an address in the region: of a few pieces by a look at each, of more by a search in the index.
    pub(in crate::code) fn contains(&self, address: usize) -> bool {
        let (mut looks, mut found) = (0, false);
        self.region.pieces(&mut |piece| {
            looks += 1;
            found = piece.contains(&address);
            !found && looks < FEW
        });
        if found || looks < FEW {
            return found;
        }
        if self.update_index() {
            let index = self.index.borrow();
            let before = index.partition_point(|piece| piece.start <= address).checked_sub(1);
            return before.is_some_and(|before| index[before].contains(&address));
        }
        self.region.pieces(&mut |piece| {
            found = piece.contains(&address);
            !found
        });
        found
    }

    /// Adds the pieces that came since. Returns `false` if there is no memory for that.
    fn update_index(&self) -> bool {
        let (mut index, mut newest, mut refused) = (self.index.borrow_mut(), None, false);
        self.region.pieces(&mut |piece| {
            if piece.start == self.newest.get() {
                return false;
            }
            newest.get_or_insert(piece.start);
            refused = index.try_reserve(1).is_err();
            if !refused {
                let at = index.partition_point(|other| other.start < piece.start);
                index.insert(at, piece);
            }
            !refused
        });
        if refused {
            index.clear();
            newest = Some(0);
        }
        newest.into_iter().for_each(|newest| self.newest.set(newest));
        !refused
    }

    /// Bytes between the beginning of a piece and the cursor in it.
    fn distance(floor: Option<NonNull<u8>>, bump: &Bump) -> usize {
        floor.map_or(0, |floor| bump.cursor().addr().get() - floor.addr().get())
    }

    /// The arena's copy of a name, or the region's.
    pub(in crate::code) fn known(&self, text: &str) -> Option<&'a str> {
        let permanent = self.arena.interned(text).map(Name::as_str);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of 100 bytes at scattered addresses, which nobody reads, and how many were shown.
    struct Scattered {
        pieces: RefCell<Vec<Range<usize>>>,
        shown: Cell<usize>,
    }

    // SAFETY: no memory is given, so none is shown that was not.
    unsafe impl BlockSource for Scattered {
        fn more(&self, block: Layout) -> Result<NonNull<[u8]>, Error> {
            Err(Error::TooLarge { len: block.size(), element: 1 })
        }

        fn pieces(&self, show: &mut dyn FnMut(Range<usize>) -> bool) {
            let pieces = self.pieces.borrow();
            pieces.iter().rev().cloned().inspect(|_| self.shown.set(self.shown.get() + 1)).all(show);
        }

        fn note(&self, _: BlockNote) -> Result<(), Error> {
            Ok(())
        }

        fn keep(&self, _: &Share) -> Result<(), Error> {
            Err(Error::Foreign)
        }

        fn sites(&self, count: usize) -> Result<Sites, Error> {
            Err(Error::Sites { asked: count, left: 0 })
        }
    }

    #[test]
    fn an_address_is_found_in_any_piece_and_few_are_looked_at() {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let scattered = Scattered { pieces: RefCell::default(), shown: Cell::new(0) };
        let growing = RegionRoom::new(&arena, &scattered);
        assert!(!growing.contains(0) && !growing.contains(1000));
        for count in 1..=300usize {
            let start = count * 7919 % 30_011 * 1000 + 1000;
            scattered.pieces.borrow_mut().push(start..start + 100);
            scattered.shown.set(0);
            let pieces = scattered.pieces.borrow().clone();
            for piece in &pieces {
                let inside = [piece.start - 1, piece.start, piece.end - 1, piece.end].map(|at| growing.contains(at));
                assert_eq!(inside, [false, true, true, false], "of {count} pieces");
            }
            let looks = scattered.shown.get();
            assert!(looks <= 4 * count * (FEW + 1) + FEW + 2, "{looks} pieces shown for {count}");
        }
    }
}
