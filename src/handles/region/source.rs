//! A region as copying sees it, wherever it lies: [`Source`].

use crate::code::{BlockNote, CodeArena, Sites};
use crate::error::Error;
use core::ptr::NonNull;

/// A region that blocks are copied out of. It gets no block, no note and no number any more, and lives as long as it is borrowed.
///
/// What it leads to within its memory is copied. So if it keeps another region, it shows that one's memory, notes and numbers as well.
///
/// # Safety
///
/// The memory that is shown is live, and holds all of the region's blocks.
pub(in crate::handles) unsafe trait Source {
    /// Shows all memory that blocks lie in, until `show` fails.
    fn memory(&self, show: &mut dyn FnMut(NonNull<[u8]>) -> Result<(), Error>) -> Result<(), Error>;

    /// Shows the notes about blocks, until `show` fails.
    fn notes(&self, show: &mut dyn FnMut(BlockNote) -> Result<(), Error>) -> Result<(), Error>;

    /// Returns `true` if tags can tell apart the arenas that the memory was filled with.
    fn one_arena_a_tag(&self) -> Result<bool, Error>;

    /// The arena of site numbers of transient code, if they are the region's.
    fn numbers(&self, sites: &Sites) -> Option<&CodeArena>;

    /// The same, of numbers that stand in a block at this address.
    fn numbers_at(&self, place: usize, sites: &Sites) -> Option<&CodeArena>;
}
