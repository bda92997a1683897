//! One thing to own: the code arena and the heap arena of a small interpreter.

use crate::code::CodeArena;
use crate::error::Error;
use crate::heap::HeapArena;

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// Among the code pages.
    Code,
    /// Among the heap's slabs.
    Heap,
    /// In neither.
    Elsewhere,
}

/// A code arena and a heap arena, on pages that they never share.
///
/// `Send`, not `Sync`, as its heap is. Borrow it for an interpreter that lives in a block, put it into a self-referential cell for one that
/// is moved, or [`leak`](Self::leak) it for one that lives as long as the process.
///
/// ```
/// use permacode::{DualArena, HeapRc, Region};
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arenas = DualArena::new()?;
/// let code = arenas.code.load("m")?.alloc_str("code")?;
/// let value = HeapRc::new(&arenas.heap, 1)?;
/// assert_eq!(arenas.classify(code), Region::Code);
/// assert_eq!(arenas.classify(&raw const *value), Region::Heap);
/// assert_eq!(arenas.classify(&arenas), Region::Elsewhere);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DualArena {
    /// What is only read.
    pub code: CodeArena,
    /// What changes.
    pub heap: HeapArena,
}

impl DualArena {
    /// Both arenas with their default reservations.
    ///
    /// # Errors
    ///
    /// Those of [`CodeArena::new`] and [`HeapArena::new`].
    pub fn new() -> Result<Self, Error> {
        Ok(Self { code: CodeArena::new()?, heap: HeapArena::new()? })
    }

    /// Where an address lies. Costs two subtractions and two comparisons.
    #[inline]
    pub fn classify<T: ?Sized>(&self, address: *const T) -> Region {
        if self.code.contains(address) {
            Region::Code
        } else if self.heap.contains(address) {
            Region::Heap
        } else {
            Region::Elsewhere
        }
    }

    /// Gives both away for the rest of the process: `&'static` code, and a heap for the thread that calls. It cannot fail.
    pub fn leak(self) -> (&'static CodeArena, &'static HeapArena) {
        (self.code.leak(), self.heap.leak())
    }
}
