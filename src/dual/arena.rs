//! One thing to own: the code arena and the heap arena of a small interpreter.

use crate::code::CodeArena;
use crate::error::Error;
use crate::heap::HeapArena;
use crate::pages::PageSource;
use alloc::sync::Arc;
use core::ptr::NonNull;

/// The arena that an address lies in, as [`DualArena::classify`] tells.
///
/// ```
/// use permacode::{ArenaKind, DualArena};
///
/// let arenas = DualArena::new()?;
/// let heap = arenas.heap.address_range();
/// let around = [heap.start - 1, heap.start, heap.end - 1, heap.end].map(|at| arenas.classify(at as *const u8));
/// assert_eq!(around[1..3], [Some(ArenaKind::Heap); 2]); // used or not
/// assert!(around[0] != Some(ArenaKind::Heap) && around[3] != Some(ArenaKind::Heap));
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArenaKind {
    /// Among the code pages.
    Code,
    /// Among the heap's slabs.
    Heap,
}

/// A code arena and a heap arena, on pages that they never share.
///
/// `Send`, not `Sync`, as its heap is. Borrow it for an interpreter that lives in a block, and put both into an
/// [`Engine`](crate::Engine) if the interpreter is moved. [`leak`](Self::leak) it for one that lives as long as the process. So one function
/// `Vm::new(&'a DualArena)` makes a machine for [all three](crate::guide::lives).
///
/// ```
/// use permacode::{ArenaKind, DualArena, HeapRc};
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arenas = DualArena::new()?;
/// let code = arenas.code.load("m")?.alloc_str("code")?;
/// let value = HeapRc::new(&arenas.heap, 1)?;
/// assert_eq!(arenas.classify(code), Some(ArenaKind::Code));
/// assert_eq!(arenas.classify(&raw const *value), Some(ArenaKind::Heap));
/// assert_eq!(arenas.classify(&arenas), None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DualArena {
    /// The code arena, for what is only read.
    pub code: CodeArena,
    /// The heap arena, for what changes.
    pub heap: HeapArena,
}

impl DualArena {
    /// Makes both arenas with their default reservations: 2 GiB and 8 GiB of address space on 64-bit systems. To choose others, use the
    /// [builder](Self::builder).
    ///
    /// Under a limit on address space (`ulimit -v`) both together take at most a quarter of what is left.
    ///
    /// Costs four system calls, two for each, and two questions for the limit; dropping it two.
    ///
    /// # Errors
    ///
    /// Those of [`CodeArena::new`] and [`HeapArena::new`]. Nothing is left behind then.
    ///
    /// ```
    /// use permacode::{CodeArena, DualArena, HeapArena};
    ///
    /// let DualArena { code, heap } = DualArena::new()?;
    /// assert_eq!(code.stats().system_calls + heap.stats().system_calls, 4);
    /// let small = DualArena { code: CodeArena::builder().reservation(1 << 20).build()?, heap: HeapArena::new()? };
    /// assert_eq!(small.code.stats().reserved, 1 << 20);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new() -> Result<Self, Error> {
        Ok(Self { code: CodeArena::new()?, heap: HeapArena::new()? })
    }

    /// Makes both arenas with their default reservations, on pages of a source:
    /// [`PooledPages`](crate::pages::PooledPages) for many one after another, or those of a test. Where a reservation
    /// [is memory](PageSource::reservation_is_free), the defaults are 4 MiB and 16 MiB.
    ///
    /// Costs five calls to the source, and dropping it two.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    ///
    /// ```
    /// use permacode::{DualArena, testing::Pages};
    ///
    /// let pages = Pages::ordinary(); // feature `testing`: it counts calls, but for releases
    /// let arenas = DualArena::with_pages(pages.clone())?;
    /// assert_eq!(pages.calls(), 4);
    /// drop(arenas);
    /// assert_eq!(pages.live(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn with_pages(pages: Arc<dyn PageSource>) -> Result<Self, Error> {
        let code = CodeArena::builder().pages(pages.clone()).build()?;
        Ok(Self { code, heap: HeapArena::builder().pages(pages).build()? })
    }

    /// Returns the arena that an address lies in. Costs a subtraction and a comparison for code, two of each for the
    /// rest. It is not dereferenced.
    ///
    /// ```
    /// use permacode::{ArenaKind, DualArena};
    ///
    /// let arenas = DualArena::new()?;
    /// let name = arenas.code.load("m")?.alloc_str("name")?;
    /// assert_eq!(arenas.classify(name), Some(ArenaKind::Code));
    /// assert_eq!(arenas.classify(&name), None); // the reference itself
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn classify<T: ?Sized>(&self, address: *const T) -> Option<ArenaKind> {
        if self.code.contains(address) {
            Some(ArenaKind::Code)
        } else if self.heap.contains(address) {
            Some(ArenaKind::Heap)
        } else {
            None
        }
    }

    /// Gives both away for the rest of the process: `&'static` code, and a heap for the thread that calls.
    ///
    /// Costs one move of both values, some 6 KiB, into memory of the heap's own; no system call, no allocation. It cannot fail.
    ///
    /// ```
    /// use permacode::{DualArena, HeapRc};
    ///
    /// let DualArena { code, heap } = DualArena::new()?.leak();
    /// let name: &'static str = code.load("m")?.alloc_str("name")?;
    /// let value: HeapRc<'static, &'static str> = HeapRc::new(heap, name)?;
    /// assert!(heap.contains(&raw const *value) && code.contains(*value));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn leak(self) -> &'static Self {
        // SAFETY: the arenas lie there, and their reservations are moved, not dropped, so the memory stays mapped for ever.
        unsafe { self.go_home().as_ref() }
    }

    /// Moves both into memory of the heap's own, where they stay until somebody reads them out again.
    pub(crate) fn go_home(self) -> NonNull<Self> {
        const { assert!(size_of::<Self>() <= HeapArena::HOME && align_of::<Self>() <= 64) };
        let home = self.heap.home().cast::<Self>();
        // SAFETY: the place is for the heap's owner, which this consumes, and has room for one `Self`. No page is smaller than 64 bytes.
        unsafe { home.write(self) };
        home
    }
}
