//! A side table that keeps its arena.
//!
//! ```text
//!   OwnedSideTable   │ SideTable ─┐ │ Arc<CodeArena> │
//!                                 └──────▶ arena ◀─┘          the table is dropped first
//! ```

use super::builder::SideTableBuilder;
use super::entry::Entry;
use super::table::SideTable;
use crate::code::CodeArena;
use crate::error::Error;
use alloc::sync::Arc;
use core::fmt;
use core::mem::MaybeUninit;

/// A [`SideTable`] without a lifetime, for a store: it keeps its arena.
///
/// `Send` and `Sync` as `T` is. Use one for each arena whose code a store runs, beside the [`Owned`](crate::Owned) code.
///
/// ```
/// use permacode::{CodeArena, Owned, Permanent, Sites};
/// use permacode::owned::OwnedSideTable;
/// use std::cell::Cell;
/// use std::sync::Arc;
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     ops: &'a [u8],
///     sites: Sites,
/// }
///
/// struct Store {
///     main: Owned<Code<'static>>,
///     calls: OwnedSideTable<Cell<u32>>,
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = Arc::new(CodeArena::new()?);
/// let main = Owned::load(&arena, "m", |loader| {
///     loader.alloc(Code { ops: loader.alloc_slice_copy(&[1])?, sites: loader.sites(1)? })
/// })?;
/// let store = Store { main, calls: OwnedSideTable::new(&arena)? };
/// drop(arena);
/// let code = store.main.get();
/// let calls = &store.calls.get().of(code.sites)?[0];
/// calls.set(calls.get() + 1);
/// assert_eq!((code.ops, calls.get()), (&[1][..], 1));
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `T`, as [`SideTable`] is.
pub struct OwnedSideTable<T> {
    /// Borrows the arena for as long as this value lives. Initialised, until it is dropped. Within `MaybeUninit` the compiler does not take
    /// for granted that the arena outlives a call that this value is passed to, and that ends it.
    table: MaybeUninit<SideTable<'static, T>>,
    arena: Arc<CodeArena>,
}

impl<T: Entry> OwnedSideTable<T> {
    /// Makes a table for the sites of `arena`. Costs and errors are those of [`SideTable::new`], and a count.
    ///
    /// ```
    /// use permacode::owned::OwnedSideTable;
    /// # use std::{cell::Cell, sync::Arc};
    /// # let arena = Arc::new(permacode::CodeArena::new()?);
    /// let hits: OwnedSideTable<Cell<u64>> = OwnedSideTable::new(&arena)?;
    /// let sites = hits.arena().load("m")?.sites(1)?;
    /// hits.get().of(sites)?[0].set(7);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(arena: &Arc<CodeArena>) -> Result<Self, Error> {
        Self::build(arena, |builder| builder)
    }

    /// As [`new`](Self::new), with a capacity or pages that `choose` sets.
    ///
    /// # Errors
    ///
    /// Those of [`SideTableBuilder::build`].
    ///
    /// ```
    /// use permacode::owned::OwnedSideTable;
    /// # use std::{cell::Cell, sync::Arc};
    /// # let arena = Arc::new(permacode::CodeArena::new()?);
    /// let hits: OwnedSideTable<Cell<u64>> = OwnedSideTable::build(&arena, |builder| builder.capacity(100))?;
    /// assert_eq!(hits.get().capacity(), 100);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn build(
        arena: &Arc<CodeArena>,
        choose: impl for<'x> FnOnce(SideTableBuilder<'x, T>) -> SideTableBuilder<'x, T>,
    ) -> Result<Self, Error> {
        // SAFETY: the arena does not move, and lives as long as this value, which has a share. The table is dropped before the share, and is shown
        // at the lifetime of a borrow only. `choose` accepts every lifetime, so it learns nothing of this one.
        let borrowed: &'static CodeArena = unsafe { &*Arc::as_ptr(arena) };
        let table = choose(SideTable::builder(borrowed)).build()?;
        Ok(Self { table: MaybeUninit::new(table), arena: Arc::clone(arena) })
    }

    /// Makes every entry zero and gives the memory back. Costs and errors are those of [`SideTable::reset`].
    ///
    /// ```
    /// # use permacode::owned::OwnedSideTable;
    /// # use std::{cell::Cell, sync::Arc};
    /// # let arena = Arc::new(permacode::CodeArena::new()?);
    /// let mut hits: OwnedSideTable<Cell<u64>> = OwnedSideTable::new(&arena)?;
    /// let sites = arena.load("m")?.sites(1)?;
    /// hits.get().of(sites)?[0].set(7);
    /// hits.reset()?;
    /// assert_eq!(hits.get().of(sites)?[0].get(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn reset(&mut self) -> Result<(), Error> {
        // SAFETY: initialised. The exclusive borrow stays here, so nobody puts another table in this one's place.
        unsafe { self.table.assume_init_mut() }.reset()
    }
}

impl<T> OwnedSideTable<T> {
    /// Returns the table, for as long as this value is borrowed: what a frame does. Costs nothing.
    ///
    /// ```
    /// # use permacode::owned::OwnedSideTable;
    /// # use std::{cell::Cell, sync::Arc};
    /// # let arena = Arc::new(permacode::CodeArena::new()?);
    /// let hits: OwnedSideTable<Cell<u64>> = OwnedSideTable::new(&arena)?;
    /// let sites = arena.load("m")?.sites(1)?;
    /// let entry = &hits.get().of(sites)?[0]; // once a frame
    /// entry.set(entry.get() + 1);
    /// assert_eq!(hits.get().of(sites)?[0].get(), 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline(always)]
    pub fn get(&self) -> &SideTable<'_, T> {
        // SAFETY: initialised.
        unsafe { self.table.assume_init_ref() }
    }

    /// Returns the arena whose sites the table serves. Costs nothing; cloning it counts.
    ///
    /// ```
    /// # use permacode::owned::OwnedSideTable;
    /// # use std::{cell::Cell, sync::Arc};
    /// # let arena = Arc::new(permacode::CodeArena::new()?);
    /// let hits: OwnedSideTable<Cell<u64>> = OwnedSideTable::new(&arena)?;
    /// assert!(Arc::ptr_eq(hits.arena(), &arena));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn arena(&self) -> &Arc<CodeArena> {
        &self.arena
    }
}

impl<T> Drop for OwnedSideTable<T> {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used after; the arena goes after it.
        unsafe { self.table.assume_init_drop() };
    }
}

impl<T> fmt::Debug for OwnedSideTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedSideTable").field(self.get()).finish()
    }
}
