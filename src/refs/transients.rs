//! Where transient code lives: regions of a heap, names of an arena, recycled site numbers.

use super::numbers::{Numbered, Numbers};
use crate::code::{CodeArena, Sites};
use crate::error::Error;
use crate::heap::HeapArena;
use core::cell::Cell;
use core::fmt;
use core::ops::Range;

/// Sites that are cleared at once.
const LONGEST: usize = 1 << 15;

/// What a thread needs to make transient code: its heap, and the arena whose names and site numbers the code shares with permanent code.
///
/// One for each thread that evaluates code, for as long as the thread does: making one costs nothing and its handles borrow it, but the
/// site numbers that it recycles go with it, and an arena has four thousand million. `!Send`, as its heap is not `Sync`.
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
    clear: Option<&'a dyn Fn(Sites)>,
}

/// Counts of [`Transients`].
///
/// A snapshot of five numbers, made by [`Transients::stats`]; keeping one costs nothing.
///
/// ```
/// use permacode::{CodeArena, CodeRef, HeapArena, Sites, Transients};
///
/// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
/// let transients = Transients::new(&arena, &heap);
/// let code: CodeRef<'_, Sites> = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(3)?))?;
/// let stats = transients.stats();
/// assert_eq!((stats.regions, stats.bytes, stats.sites, stats.free_sites), (1, 512, 16, 0));
/// drop(code);
/// let stats = transients.stats();
/// assert_eq!((stats.regions, stats.made, stats.sites, stats.free_sites), (0, 1, 16, 16)); // the numbers wait
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransientStats {
    /// Regions that are alive: a handle counts them, a copy patched from them keeps them, or a lowering function is filling them.
    pub regions: usize,
    /// Bytes of the heap that their blocks lie in, room included. Not the small objects beside them: at most 56 bytes for each held part, a
    /// table where there are many, and one for each name of a region's own and each range of sites.
    pub bytes: usize,
    /// Regions made so far, those of lowering functions that failed included.
    pub made: u64,
    /// Site numbers taken from the arena, in use or not; they come in ranges of 16 to 65,536.
    pub sites: usize,
    /// Of these, the ones that wait to be used again.
    pub free_sites: usize,
}

impl<'a> Transients<'a> {
    /// A place for transient code. Costs some 600 bytes where it is put; no allocation, no system call.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, Transients};
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// assert!(size_of_val(&transients) <= 600);
    /// assert_eq!(heap.stats().objects, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(code: &'a CodeArena, heap: &'a HeapArena) -> Self {
        let (regions, bytes, made, ids) = Default::default();
        Self { code, heap, numbers: Numbers::default(), regions, bytes, made, ids, clear: None }
    }

    /// Has site numbers cleared before they are used again: `clear` is called with numbers whose code is gone and that new code is about to
    /// get.
    ///
    /// Whoever has side tables should set it, or new code finds in them what old code left. The numbers are a whole range, some of which
    /// may be above what a table holds: clear what is [present](crate::SideTable::present) of them. If `clear` panics, they are cleared
    /// again before the next use. It may make transient code itself, which gets other numbers. A table that it borrows cannot be
    /// [reset](crate::SideTable::reset) while this value lives.
    ///
    /// Costs nothing here; later one call of `clear` for each range that is used again, two for one of 65,536 numbers. Numbers that are new
    /// are not cleared.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, Error, HeapArena, SideTable, Sites, Transients};
    /// use std::cell::Cell;
    ///
    /// # fn main() -> Result<(), Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let table: SideTable<'_, Cell<u32>> = SideTable::new(&arena)?;
    /// let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
    /// let transients = Transients::new(&arena, &heap).clearing(&clear);
    /// for _ in 0..1000 {
    ///     let code: CodeRef<'_, Sites> = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(1)?))?;
    ///     assert_eq!(table.of(*code.get())?[0].replace(7), 0);
    /// }
    /// assert_eq!(transients.stats().sites, 16); // one range, used again and again
    /// # Ok(())
    /// # }
    /// ```
    pub fn clearing(mut self, clear: &'a dyn Fn(Sites)) -> Self {
        self.clear = Some(clear);
        self
    }

    /// The arena that names and site numbers come from, and that code is promoted to. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let name = arena.load("m")?.intern("len")?;
    /// let code: CodeRef<'_, &str> = CodeRef::transient(&transients, |loader| loader.alloc(loader.intern("len")?))?;
    /// assert!(std::ptr::eq(*code.get(), name)); // one copy, and it is the arena's
    /// assert!(transients.code().contains(*code.get()));
    /// assert!(!transients.code().contains(code.get()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn code(&self) -> &'a CodeArena {
        self.code
    }

    /// The heap that the regions lie in. Costs nothing.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7))?;
    /// assert!(transients.heap().contains(code.get()));
    /// drop(code);
    /// assert_eq!(transients.heap().stats().objects, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn heap(&self) -> &'a HeapArena {
        self.heap
    }

    /// What there is now. Costs four loads and a look at thirteen lists of site numbers; no system call. [`TransientStats`] has an example.
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

    /// A range of at least `count` site numbers, cleared if it was used before.
    pub(super) fn take_numbers(&self, count: usize) -> Result<Taken<'_, 'a>, Error> {
        let (numbered, used) = self.numbers.take(self.code, count)?;
        let taken = Taken { from: self, numbered: Some(numbered) };
        if let (Some(clear), true) = (self.clear, used) {
            let range = taken.range();
            for start in range.clone().step_by(LONGEST) {
                let len = LONGEST.min(range.end - start);
                clear(self.code.part_of_sites(start as u32, len as u16));
            }
        }
        Ok(taken)
    }

    pub(super) fn give_back(&self, numbered: Numbered) {
        self.numbers.give_back(numbered);
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

/// Site numbers that are nobody's yet; dropping them gives them back.
pub(super) struct Taken<'t, 'a> {
    from: &'t Transients<'a>,
    numbered: Option<Numbered>,
}

impl Taken<'_, '_> {
    fn range(&self) -> Range<usize> {
        self.numbered.as_ref().map_or(0..0, Numbered::range)
    }

    /// The numbers, for whoever gives them back.
    pub(super) fn keep(mut self) -> Option<Numbered> {
        self.numbered.take()
    }
}

impl Drop for Taken<'_, '_> {
    fn drop(&mut self) {
        if let Some(numbered) = self.numbered.take() {
            self.from.give_back(numbered);
        }
    }
}

impl fmt::Debug for Transients<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transients").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
