//! A side table in the care of its arena.

use super::entry::Entry;
use super::table::SideTable;
use crate::code::Ends;
use crate::error::Error;
use core::ptr::{self, NonNull};

impl<'a, T: Entry + 'a> SideTable<'a, T> {
    /// Gives the table to its arena, and returns a reference that lives as long as the arena is borrowed.
    ///
    /// So a machine can hold its tables, and the closure that [clears](crate::Transients::clearing) them, without a variable of yours to lie in.
    /// [`CodeArena::keep`] has an example. The table's address space goes with the arena. Keep one for each machine, not one for each call.
    ///
    /// A kept table cannot be [reset](Self::reset). To make entries zero, clear those that are [present](Self::present).
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] when the arena has no room for it, [`Error::Pages`] when the system refuses memory. The table is dropped then.
    ///
    /// ```
    /// use permacode::{CodeArena, SideTable};
    /// use std::cell::Cell;
    ///
    /// struct Frames<'a>(&'a SideTable<'a, Cell<u32>>); // it owns nothing, so it can go anywhere in 'a
    ///
    /// let arena = CodeArena::new()?;
    /// let frames = Frames(SideTable::new(&arena)?.keep()?);
    /// let sites = arena.load("m")?.sites(2)?;
    /// frames.0.of(sites)?[1].set(7);
    /// assert_eq!(frames.0.present(sites)[1].get(), 7);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// [`CodeArena::keep`]: crate::CodeArena::keep
    ///
    /// # Cost
    ///
    /// That of [`CodeArena::keep`] for some 120 bytes.
    pub fn keep(self) -> Result<&'a Self, Error> {
        self.arena().keep_until_end(self)
    }
}

// SAFETY: entries have no drop glue, and the address space that they lie in may be given back on any thread. The reference to the arena is not
// looked at.
unsafe impl<T> Ends for SideTable<'_, T> {
    unsafe fn end(table: NonNull<Self>) {
        // SAFETY: the caller's promise: the table is whole, and its reservation is dropped here only. Nobody borrows an entry.
        unsafe { ptr::drop_in_place(&raw mut (*table.as_ptr()).pages) };
    }
}
