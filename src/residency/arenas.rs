//! Arenas that say how resident they are.

use super::clean::Unclean;
use super::error::ResidencyError;
use super::report::Residency;
use crate::code::CodeArena;
use crate::heap::HeapArena;
use crate::side::SideTable;

impl CodeArena {
    /// What the kernel says of the code pages in this process, told which of them are sealed. Feature `residency`.
    ///
    /// Costs what a [`Residency`] costs. For a child look at [`Residency::of_process`] with [`address_range`](Self::address_range), or
    /// [`residency_in`](Self::residency_in).
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of`].
    pub fn residency(&self) -> Result<Residency, ResidencyError> {
        self.residency_in(std::process::id())
    }

    /// The same in another process that has this arena at the same addresses: a child or the parent.
    ///
    /// What is sealed is taken from this process: pages that the other one sealed by itself are not known here.
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of_process`].
    pub fn residency_in(&self, pid: u32) -> Result<Residency, ResidencyError> {
        // What is sealed meanwhile is left out; what is sealed stays sealed.
        let sealed = self.sealed_ranges();
        Ok(Residency::of_process(pid, self.address_range())?.with_sealed(sealed))
    }

    /// Fails a test unless all sealed code is readable and none of it is writable, in this process: [`Residency::check_clean`].
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
    /// [`Residency::check_not_copied`].
    ///
    /// # Panics
    ///
    /// If a page is this process's alone, if [`assert_clean`](Self::assert_clean) would panic, or the kernel does not tell.
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
    /// What the kernel says of the objects' pages in this process. Feature `residency`.
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

impl<T: bytemuck::Zeroable> SideTable<'_, T> {
    /// What the kernel says of the table's pages in this process. Feature `residency`.
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
