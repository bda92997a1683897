//! Settings of a side table, chosen before it exists.

use super::entry::Entry;
use super::table::SideTable;
use crate::code::CodeArena;
use crate::error::Error;
use crate::pages::{PageSource, Reservation, Reserve, Source};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

/// Address space that a table takes when nothing is said.
const RESERVATION: Reserve =
    Reserve { free: if usize::BITS >= 64 { 1 << 30 } else { 16 << 20 }, memory: 1 << 20, least: 64 << 10, share: 16 };

/// Settings of a [`SideTable`] to be made. Choosing costs nothing, [`build`](Self::build) does.
///
/// ```
/// use permacode::{CodeArena, Error, SideTable};
/// use std::cell::Cell;
///
/// let arena = CodeArena::new()?;
/// let table: SideTable<'_, Cell<u8>> = SideTable::builder(&arena).capacity(100).build()?;
/// let loader = arena.load("m")?;
/// assert!(table.of(loader.sites(100)?).is_ok());
/// assert_eq!(table.of(loader.sites(1)?).err(), Some(Error::SideTable { needed: 101, capacity: 100 }));
/// # Ok::<(), Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'a` and in `T`.
#[must_use = "a builder does nothing until `build`"]
pub struct SideTableBuilder<'a, T> {
    arena: &'a CodeArena,
    capacity: Option<usize>,
    source: Source,
    entry: PhantomData<T>,
}

impl<'a, T: Entry> SideTable<'a, T> {
    /// Makes a table for the sites of `arena`, with the default [capacity](SideTableBuilder::capacity).
    ///
    /// Costs one system call and a question for the limit; memory comes with the first writes.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system grants no address space, or when a sixteenth of what is left is too little.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let (hits, misses): (SideTable<'_, Cell<u32>>, SideTable<'_, Cell<u32>>) =
    ///     (SideTable::new(&arena)?, SideTable::new(&arena)?);
    /// let sites = arena.load("m")?.sites(3)?;
    /// hits.of(sites)?[2].set(1);
    /// assert_eq!((hits.of(sites)?[2].get(), misses.of(sites)?[2].get()), (1, 0)); // each has entries of its own
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(arena: &'a CodeArena) -> Result<Self, Error> {
        Self::builder(arena).build()
    }

    /// Returns a builder, to choose the capacity or the source of pages. Costs nothing:
    /// [`build`](SideTableBuilder::build) makes the table, and [`SideTableBuilder`] has examples.
    pub fn builder(arena: &'a CodeArena) -> SideTableBuilder<'a, T> {
        SideTableBuilder::new(arena)
    }
}

impl<'a, T: Entry> SideTableBuilder<'a, T> {
    pub(super) fn new(arena: &'a CodeArena) -> Self {
        Self { arena, capacity: None, source: arena.page_source().clone(), entry: PhantomData }
    }

    /// Sets the number of entries that the table may have, not bytes. It takes one for each site. Address space for
    /// them is reserved, memory is not, unless the [pages](Self::pages) are ordinary memory.
    ///
    /// By default as many as fit into 1 GiB on 64-bit systems, or 16 MiB on others. If a reservation [is
    /// memory](PageSource::reservation_is_free), 1 MiB. Under a limit on address space (`ulimit -v`) the size is
    /// halved, until the table takes at most a sixteenth of what is left. It does not go below 64 KiB. If the system
    /// refuses it without a limit, the table takes a sixteenth of the largest size that can be had. A capacity chosen
    /// here is not halved.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u64>> = SideTable::builder(&arena).capacity(1000).build()?;
    /// let loader = arena.load("m")?;
    /// assert!(loader.sites(60_000).is_ok());
    /// assert!(table.of(loader.sites(1)?).is_err()); // the arena has more sites than the table has entries
    /// assert_eq!(table.address_range().len(), 1000 * size_of::<u64>());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = Some(entries);
        self
    }

    /// Sets the source of pages: [`OrdinaryPages`](crate::pages::OrdinaryPages), a source for tests, or one of your
    /// own. Unless you set one, it is the source of the table's arena. Costs an indirect call for each call to the source.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable, pages::OrdinaryPages};
    /// # use std::{cell::Cell, sync::Arc};
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u64>> = SideTable::builder(&arena).pages(Arc::new(OrdinaryPages)).build()?;
    /// assert_eq!(table.capacity() * size_of::<u64>(), 1 << 20); // it is memory at once, so it is less
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn pages(mut self, source: Arc<dyn PageSource>) -> Self {
        self.source = Source::Custom(source);
        self
    }

    /// Makes the table. Costs one system call, and of the default capacity a question for the limit; no memory until entries are asked for.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a capacity that no address space holds, [`Error::Pages`] when the system refuses. Nothing is left behind
    /// then.
    ///
    /// ```
    /// # use permacode::{CodeArena, Error, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let refused = SideTable::<Cell<u64>>::builder(&arena).capacity(usize::MAX).build();
    /// assert_eq!(refused.err(), Some(Error::TooLarge { len: usize::MAX, element: 8 }));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn build(self) -> Result<SideTable<'a, T>, Error> {
        match self.capacity {
            Some(capacity) => self.reserve(capacity),
            None => {
                let entries = |bytes: usize| (bytes / size_of::<T>().max(1)).max(1);
                let len = |bytes| self.len(entries(bytes));
                RESERVATION.granted(&self.source, len, |bytes| self.reserve(entries(bytes)))
            }
        }
    }

    /// Bytes of address space for so many entries.
    fn len(&self, capacity: usize) -> Result<usize, Error> {
        let too_large = Error::TooLarge { len: capacity, element: size_of::<T>() };
        let bytes = capacity.max(1).checked_mul(size_of::<T>()).ok_or(too_large)?;
        self.source.page_size()?.ceil(bytes).filter(|&bytes| bytes <= isize::MAX as usize).ok_or(too_large)
    }

    fn reserve(&self, capacity: usize) -> Result<SideTable<'a, T>, Error> {
        let pages = Reservation::new(self.source.clone(), self.len(capacity)?)?;
        Ok(SideTable::from_parts(self.arena, pages, capacity))
    }
}

impl<T> Clone for SideTableBuilder<'_, T> {
    fn clone(&self) -> Self {
        Self { arena: self.arena, capacity: self.capacity, source: self.source.clone(), entry: PhantomData }
    }
}

impl<T> fmt::Debug for SideTableBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideTableBuilder").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
