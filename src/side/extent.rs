//! The size of a side table, its addresses, and the resident part of it.

use super::entry::Entry;
use super::table::SideTable;
use crate::error::Error;
use core::ops::Range;

impl<T: Entry> SideTable<'_, T> {
    /// Returns the bytes of entries that are in physical memory now, or mapped to the system's page of zeros because somebody read them; whole pages.
    /// Costs a system call for each 1024 pages of the table that were made writable, 4 MiB where a page is 4 KiB.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system does not tell. [`OrdinaryPages`](crate::pages::OrdinaryPages) never tells of entries.
    ///
    /// ```
    /// # #[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
    /// # fn main() -> Result<(), permacode::Error> {
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let mut table: SideTable<'_, Cell<[u64; 32]>> = SideTable::new(&arena)?;
    /// let entries = table.of(arena.load("m")?.sites(60_000)?)?; // 15 MB of them
    /// entries[0].set([1; 32]);
    /// entries[59_999].set([1; 32]);
    /// assert!((1..5 << 20).contains(&table.resident()?)); // two pages, huge ones at the most
    /// table.reset()?;
    /// assert_eq!(table.resident()?, 0);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(target_os = "linux", not(miri), not(permacode_ordinary_pages))))]
    /// # fn main() {}
    /// ```
    pub fn resident(&self) -> Result<usize, Error> {
        self.pages.resident(self.bytes()).map_err(Error::Pages)
    }

    /// Returns the number of entries that there may be, used or not. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u64>> = SideTable::builder(&arena).capacity(3).build()?;
    /// assert_eq!(table.capacity(), 3); // not as many as fit into the page that it takes
    /// assert!(table.of(arena.load("m")?.sites(4)?).is_err());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the bytes of address space that the table takes: whole pages, for [`capacity`](Self::capacity) entries.
    ///
    /// Without a [chosen capacity](crate::side::SideTableBuilder::capacity) it says what the system granted. It never changes.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena)?;
    /// assert!(table.address_space() >= table.capacity() * size_of::<u64>());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_space(&self) -> usize {
        self.pages.len()
    }

    /// Returns the addresses of all entries that there may be, for tools that look at the process from outside. The
    /// reservation ends with the page that the last one lies on. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, SideTable};
    /// # use std::cell::Cell;
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena)?;
    /// let entries = table.of(arena.load("m")?.sites(2)?)?;
    /// assert_eq!(table.address_range().start, entries.as_ptr().addr());
    /// assert!(!table.address_range().contains(&arena.address_range().start));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address_range(&self) -> Range<usize> {
        let start = self.base.addr().get();
        start..start + self.capacity * size_of::<T>()
    }
}
