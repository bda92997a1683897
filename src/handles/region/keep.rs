//! Transient code in the care of its arena.

use super::transients::Transients;
use crate::code::Ends;
use crate::error::Error;
use core::ptr::{self, NonNull};

impl<'a> Transients<'a> {
    /// Gives this to its arena, and returns a reference that lives as long as the arena and the heap are borrowed.
    ///
    /// So a machine can hold handles of transient code and the place that they come from: [`CodeArena::keep`](crate::CodeArena::keep) has an
    /// example. Keep one for each thread that evaluates code. Its site numbers go with the arena, and to no next one before.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] when the arena has no room for it, [`Error::Pages`] when the system refuses memory. It is dropped then.
    ///
    /// ```
    /// use permacode::{CodeRef, DualArena, Error, Transients};
    ///
    /// /// Both in one value: without `keep` the second would borrow the first.
    /// struct Vm<'a> {
    ///     transients: &'a Transients<'a>,
    ///     latest: Option<CodeRef<'a, u32>>,
    /// }
    ///
    /// let arenas = DualArena::new()?;
    /// let mut vm = Vm { transients: Transients::new(&arenas.code, &arenas.heap).keep()?, latest: None };
    /// for number in 0..100 {
    ///     vm.latest = Some(CodeRef::transient(vm.transients, |loader| loader.alloc(number))?);
    /// }
    /// assert_eq!((vm.latest.map(|code| *code.get()), vm.transients.stats().regions), (Some(99), 0));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`CodeArena::keep`](crate::CodeArena::keep) for some 650 bytes.
    pub fn keep(self) -> Result<&'a Self, Error> {
        self.code().keep_until_end(self)
    }
}

// SAFETY: its fields are dropped one by one, so its `Drop`, which asks the arena, does not run. The two that own memory have lists of numbers and
// addresses, in the global allocator's memory, that may be freed on any thread. They look into no region: the heap may be gone. Shares that were left loose have no
// destructor of their own.
unsafe impl Ends for Transients<'_> {
    unsafe fn end(transients: NonNull<Self>) {
        let transients = transients.as_ptr();
        // SAFETY: the caller's promise: both fields are whole, and are dropped here only.
        unsafe {
            ptr::drop_in_place(&raw mut (*transients).sites);
            ptr::drop_in_place(&raw mut (*transients).regions);
        }
    }
}
