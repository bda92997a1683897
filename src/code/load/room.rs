//! The room for a loader's blocks: a module's pages, or a region of transient code.

use super::bump::Bump;
use super::module_room::ModuleRoom;
use super::region_room::RegionRoom;
use crate::code::arena::CodeArena;
use crate::error::Error;
use core::alloc::Layout;
use core::ptr::NonNull;

pub(super) enum Room<'a> {
    Module(ModuleRoom<'a>),
    Region(RegionRoom<'a>),
}

impl<'a> Room<'a> {
    /// The arena that names lie in.
    pub(super) fn arena(&self) -> &'a CodeArena {
        match self {
            Self::Module(room) => room.arena(),
            Self::Region(room) => room.arena(),
        }
    }

    /// Places a block that does not fit where the cursor is.
    #[inline(always)]
    pub(super) fn refill(&self, bump: &Bump, layout: Layout) -> Result<NonNull<u8>, Error> {
        match self {
            Self::Module(room) => room.refill(bump, layout),
            Self::Region(room) => room.refill(bump, layout),
        }
    }

    /// Returns the start of the room that the cursor is in.
    pub(super) fn floor(&self) -> Option<NonNull<u8>> {
        match self {
            Self::Module(room) => room.floor(),
            Self::Region(room) => room.floor(),
        }
    }

    /// Bytes filled so far: blocks and the gaps between them.
    pub(super) fn bytes(&self, bump: &Bump) -> usize {
        match self {
            Self::Module(room) => room.bytes(bump),
            Self::Region(room) => room.bytes(bump),
        }
    }

    /// Returns `true` if the byte at `address` lies in what was filled so far.
    pub(super) fn filled(&self, bump: &Bump, address: usize) -> bool {
        match self {
            Self::Module(room) => room.filled(bump, address),
            Self::Region(room) => room.contains(address),
        }
    }
}
