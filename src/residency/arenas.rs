//! Arenas that say how resident they are.

use super::clean::Unclean;
use super::error::ResidencyError;
use super::kernel::push;
use super::report::Residency;
use crate::code::CodeArena;
use crate::heap::HeapArena;
use crate::side::table::SideTable;

impl CodeArena {
    /// Asks the kernel about the code pages in this process, and tells which of them are sealed. Feature `residency`.
    ///
    /// Costs what a [`Residency`] costs, and a load for each claimed page, to see which are sealed. Of a forked child
    /// [`residency_in`](Self::residency_in) tells.
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of`].
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("sealed")?.alloc_slice_copy(&[1u8; 5_000])?;
    /// arena.seal()?;
    /// let open = arena.load("open")?;
    /// open.alloc_slice_copy(&[1u8; 5_000])?;
    /// let residency = arena.residency()?;
    /// let sealed: usize = residency.sealed().iter().map(|range| range.len()).sum();
    /// assert!(sealed >= 5_000 && residency.resident() >= sealed + 5_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn residency(&self) -> Result<Residency, ResidencyError> {
        self.residency_in(std::process::id())
    }

    /// Asks the same about another process that has this arena at the same addresses: a forked child or the parent.
    ///
    /// This process says what is sealed: pages that the other one sealed by itself are not known here. Costs as for
    /// [`residency`](Self::residency).
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of_process`].
    ///
    /// ```
    /// # use permacode_witness::in_child;
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc_str("for parent and child")?;
    /// arena.seal()?;
    /// let parent = std::process::id();
    /// # in_child(|| {
    /// // In a forked child: the parent reads the same pages.
    /// let residency = arena.residency_in(parent).unwrap();
    /// assert!(residency.shared() > 0 && residency.check_not_copied().is_ok());
    /// # });
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn residency_in(&self, pid: u32) -> Result<Residency, ResidencyError> {
        // Code that is sealed meanwhile is left out. Sealed code stays sealed.
        let mut sealed = Vec::new();
        self.each_sealed(|range| push(&mut sealed, range))?;
        Ok(Residency::of_process(pid, self.address_range())?.with_sealed(sealed))
    }

    /// Fails a test unless all sealed code is readable and none of it is writable, in this process: [`Residency::check_clean`].
    ///
    /// Costs as for [`residency`](Self::residency).
    ///
    /// # Panics
    ///
    /// If a page is writable or gone, or the kernel does not tell.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc_str("a block")?;
    /// arena.seal()?;
    /// arena.assert_clean();
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[track_caller]
    pub fn assert_clean(&self) {
        holds(self.residency(), Residency::check_clean);
    }

    /// Fails a test unless, besides, no page of sealed code was copied. For forked children, while their parent lives:
    /// [`Residency::check_not_copied`]. It holds if nothing is sealed. Code that the child sealed itself counts as copied.
    ///
    /// Costs as for [`residency`](Self::residency).
    ///
    /// # Panics
    ///
    /// If a page is this process's alone, if [`assert_clean`](Self::assert_clean) would panic, or the kernel does not tell.
    ///
    /// ```
    /// # use permacode_witness::in_child;
    /// let arena = permacode::CodeArena::new()?;
    /// let text = arena.load("m")?.alloc_str("for every worker")?;
    /// arena.seal()?;
    /// # in_child(|| {
    /// // In a forked worker, when it has run the code:
    /// assert_eq!(text, "for every worker");
    /// arena.assert_not_copied();
    /// # });
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[track_caller]
    pub fn assert_not_copied(&self) {
        holds(self.residency(), |residency| residency.check_clean().and_then(|()| residency.check_not_copied()));
    }
}

#[track_caller]
fn holds(residency: Result<Residency, ResidencyError>, check: impl FnOnce(&Residency) -> Result<(), Unclean>) {
    match residency {
        Err(error) => panic!("{error}"),
        Ok(residency) => {
            if let Err(unclean) = check(&residency) {
                panic!("{unclean}\n{residency}");
            }
        }
    }
}

impl HeapArena {
    /// Asks the kernel about the objects' pages in this process. Feature `residency`.
    ///
    /// Costs what a [`Residency`] costs.
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of`].
    ///
    /// ```
    /// let heap = permacode::HeapArena::new()?;
    /// let mut list = allocator_api2::vec::Vec::new_in(&heap);
    /// list.push(1u64);
    /// assert!(heap.residency()?.private_dirty() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn residency(&self) -> Result<Residency, ResidencyError> {
        Residency::of(self.address_range())
    }
}

impl<T: crate::side::Entry> SideTable<'_, T> {
    /// Asks the kernel about the table's pages in this process. Feature `residency`.
    ///
    /// Costs what a [`Residency`] costs.
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of`].
    ///
    /// ```
    /// use permacode::{CodeArena, SideTable};
    ///
    /// let arena = CodeArena::new()?;
    /// let table: SideTable<'_, std::cell::Cell<u64>> = SideTable::new(&arena)?;
    /// assert_eq!(table.residency()?.resident(), 0); // nothing ran yet
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn residency(&self) -> Result<Residency, ResidencyError> {
        Residency::of(self.address_range())
    }
}
