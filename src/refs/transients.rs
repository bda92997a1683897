//! Where transient code lives: regions of a heap, names of an arena, recycled site numbers.

use super::numbers::Numbers;
use crate::code::CodeArena;
use crate::heap::HeapArena;
use core::cell::Cell;
use core::fmt;

/// What a thread needs to make transient code: its heap, and the arena whose names and site numbers the code shares with permanent code.
///
/// One for each thread that evaluates code. Making one costs nothing; its handles borrow it.
///
/// ```
/// use permacode::{CodeArena, CodeRef, HeapArena, Permanent, Transients};
///
/// #[derive(Permanent)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), permacode::Error> {
/// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
/// let transients = Transients::new(&arena, &heap);
/// let code: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |loader| {
///     loader.alloc(Code { name: loader.intern("<eval>")?, ops: loader.alloc_slice_copy(&[1, 2])? })
/// })?;
/// assert_eq!(code.get().ops, [1, 2]);
/// assert_eq!(transients.stats().regions, 1);
/// drop(code);
/// assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
/// # Ok(())
/// # }
/// ```
pub struct Transients<'a> {
    code: &'a CodeArena,
    heap: &'a HeapArena,
    numbers: Numbers,
    regions: Cell<usize>,
    bytes: Cell<usize>,
    made: Cell<u64>,
    ids: Cell<u64>,
}

/// Counts of [`Transients`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransientStats {
    /// Regions that a handle still counts.
    pub regions: usize,
    /// Bytes of the heap that they take.
    pub bytes: usize,
    /// Regions made so far.
    pub made: u64,
    /// Site numbers taken from the arena, in use or not.
    pub sites: usize,
    /// Of these, the ones that wait to be used again.
    pub free_sites: usize,
}

impl<'a> Transients<'a> {
    /// A place for transient code. Costs nothing.
    pub fn new(code: &'a CodeArena, heap: &'a HeapArena) -> Self {
        let (regions, bytes, made, ids) = Default::default();
        Self { code, heap, numbers: Numbers::default(), regions, bytes, made, ids }
    }

    /// The arena that names and site numbers come from, and that code is promoted to.
    pub fn code(&self) -> &'a CodeArena {
        self.code
    }

    /// The heap that the regions lie in.
    pub fn heap(&self) -> &'a HeapArena {
        self.heap
    }

    /// What there is now. Costs a few additions; no system call.
    pub fn stats(&self) -> TransientStats {
        let (sites, free_sites) = self.numbers.count();
        TransientStats {
            regions: self.regions.get(),
            bytes: self.bytes.get(),
            made: self.made.get(),
            sites,
            free_sites,
        }
    }

    pub(super) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Counts a region in.
    pub(super) fn enter(&self) {
        self.regions.set(self.regions.get() + 1);
        self.made.set(self.made.get() + 1);
    }

    /// A number that no other code object of this place has.
    pub(super) fn next_id(&self) -> u64 {
        self.ids.replace(self.ids.get() + 1)
    }

    /// Counts a region out.
    pub(super) fn leave(&self) {
        self.regions.set(self.regions.get() - 1);
    }

    /// Counts bytes of regions that were taken from the heap or, if negative, given back.
    pub(super) fn count_bytes(&self, change: isize) {
        self.bytes.set(self.bytes.get().wrapping_add_signed(change));
    }
}

impl fmt::Debug for Transients<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transients").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
