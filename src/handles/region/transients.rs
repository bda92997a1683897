//! A thread's transient code: regions of a heap, names of an arena, recycled site numbers.

use super::home::Shared;
use super::regions::Regions;
use super::site_lease::SiteLease;
use super::taken_sites::TakenSites;
use super::transient_stats::TransientStats;
use crate::code::{CodeArena, SitePool, Sites};
use crate::heap::{HeapArena, SweepReport};
use core::cell::Cell;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

/// The place of a thread's transient code: its heap, and the arena whose names and site numbers the code shares with
/// permanent code.
///
/// Make one for each thread that evaluates code, not one for each evaluation, and keep it for as long as the thread does
/// so. Making one costs nothing, and its handles borrow it. Dropping it leaves its site numbers to the next one of the same
/// arena, on any thread. `!Send`, as its heap is not `Sync`.
///
/// Where a collector [sweeps](HeapArena::sweep) the heap, call [`sweep`](Self::sweep) instead. It also ends the code whose handles were in
/// objects that it frees.
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
///
/// # Variance
///
/// Covariant in `'a`.
pub struct Transients<'a> {
    code: &'a CodeArena,
    heap: &'a HeapArena,
    pub(super) sites: SiteLease,
    pub(super) regions: Regions,
    ids: Cell<u64>,
    clear: Option<&'a dyn Fn(Sites)>,
    /// The object that this is a part of, if a home owns it.
    home: Option<NonNull<Shared>>,
}

// A lowering function that panics leaves nothing behind, as one that fails. What `clearing` did not clear is cleared before it is used.
impl UnwindSafe for Transients<'_> {}
impl RefUnwindSafe for Transients<'_> {}

impl<'a> Transients<'a> {
    /// Makes a place for transient code. Costs some 600 bytes where it is put; no allocation, no system call.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, Transients};
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// assert!(size_of_val(&transients) <= 640);
    /// assert_eq!(heap.stats().objects, 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(code: &'a CodeArena, heap: &'a HeapArena) -> Self {
        let (sites, regions) = (SiteLease::default(), Regions::default());
        Self { code, heap, sites, regions, ids: Cell::new(0), clear: None, home: None }
    }

    /// Sets a closure that clears site numbers before they are used again. `clear` is called with numbers whose code is
    /// gone and that new code is about to get.
    ///
    /// Set it if you have side tables, or new code finds old code's entries in them. Numbers may have been another
    /// `Transients`' of this arena, also on another thread. They are a whole range, some of which may be above what a
    /// table holds: clear what is [present](crate::SideTable::present) of them. If
    /// `clear` panics, they are cleared again before the next use. It may make transient code itself, which gets other
    /// numbers. A table that it borrows cannot be [reset](crate::SideTable::reset) while this value lives. A collector
    /// that takes entries for roots calls [`clear_free`](Self::clear_free) before it does.
    ///
    /// Costs nothing here; later one call of `clear` for each range that is used again, two for one of 65,536 numbers. Numbers that are new
    /// or [cleared](Self::clear_free) already are not cleared.
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

    /// Returns the arena that names and site numbers come from, and that code is promoted to. Costs nothing.
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

    /// Returns the heap that the regions lie in. Costs nothing.
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

    /// Returns counts of the transient code that there is now. Costs four loads and a look at thirteen lists of site
    /// numbers; no system call. [`TransientStats`] has an example.
    pub fn stats(&self) -> TransientStats {
        let (sites, free_sites) = self.numbers().count();
        let (regions, bytes, made) = (self.regions.len(), self.regions.bytes(), self.regions.made());
        TransientStats { regions, bytes, made, sites, free_sites }
    }

    // ── sweeping ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Frees every object of the heap that is not marked, as [`HeapArena::sweep`] does, and ends the transient code among them.
    ///
    /// Call this wherever a collector sweeps a heap that holds transient code. A sweep runs no destructor, so a handle in an object that it
    /// frees is never dropped. Here marks decide, and counts do not: code of which no handle was [marked](crate::CodeRef::mark) gives its
    /// site numbers back and leaves the [statistics](Self::stats). So does code that was lost earlier and was kept by another handle
    /// at the time. Until then a [count](crate::CodeRef::count) that is too high costs memory, nothing else.
    ///
    /// You may call it in a lowering function. The code that is being made stays, with all that it was patched from.
    ///
    /// Code may be [patched](crate::CodeRef::patched) from code on another heap. The original then stays counted until
    /// its own `Transients` sweeps that heap.
    ///
    /// # Safety
    ///
    /// 1. Nobody uses or frees an object of the heap that is not marked any more: the contract of [`HeapArena::sweep`].
    /// 2. Nobody uses or drops a handle of code of which no handle was marked. A handle is used as long as
    ///    [`patched`](crate::CodeRef::patched) runs on it.
    /// 3. No other `Transients` has code on this heap, or its [`retire_unmarked`](Self::retire_unmarked) was called after the last mark was
    ///    set and code made.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, HeapArena, Sites, Transients};
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let eval = || CodeRef::<Sites>::transient(&transients, |loader| loader.alloc(loader.sites(1)?));
    /// let held = eval()?;
    /// for _ in 0..1000 {
    ///     std::mem::forget(eval()?); // it lies in an object that nobody reaches any more
    ///     held.mark();
    ///     // SAFETY: nobody uses what is not marked, and there are no other transients.
    ///     unsafe { transients.sweep() };
    /// }
    /// assert_eq!((transients.stats().regions, transients.stats().sites), (1, 32));
    /// assert_eq!(held.get().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`HeapArena::sweep`] and of [`retire_unmarked`](Self::retire_unmarked).
    pub unsafe fn sweep(&self) -> SweepReport {
        // SAFETY: the caller's promise (2); then what is not marked is nobody's, nor this value's (1, 3).
        unsafe {
            self.retire_unmarked();
            self.heap.sweep()
        }
    }

    /// Ends transient code of which no handle was marked, without freeing its memory: the first half of [`sweep`](Self::sweep).
    ///
    /// For several `Transients` on one heap: call it for each of them, in any order, and then [`HeapArena::sweep`] once. Returns how many
    /// regions it ended.
    ///
    /// A region stays if a handle of it was marked, or if you marked the object that it begins with by its address. All of its objects are
    /// then marked, and those of the code on this heap that it was patched from. The address alone does not say what other transients should
    /// keep: if they retired before, code that the region was patched from has ended. So mark a handle of all code that is used.
    ///
    /// # Safety
    ///
    /// 1. Nobody uses or drops a handle of code of which no handle was marked. A handle is used as long as
    ///    [`patched`](crate::CodeRef::patched) runs on it.
    /// 2. Before each earlier sweep of the heap one of two things held. This function was called, after the last mark
    ///    was set and code made. Or all code of these transients was marked.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, HeapArena, Transients};
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let evals = Transients::new(&arena, &heap);
    /// let lambdas = Transients::new(&arena, &heap);
    /// std::mem::forget(CodeRef::<u32>::transient(&evals, |loader| loader.alloc(7))?); // in an object that nobody reaches
    /// let held: CodeRef<'_, u32> = CodeRef::transient(&lambdas, |loader| loader.alloc(8))?;
    /// held.mark();
    /// // SAFETY: nobody uses what is not marked; both have ended their code when the heap is swept.
    /// let (retired, swept) = unsafe { ([evals.retire_unmarked(), lambdas.retire_unmarked()], heap.sweep()) };
    /// assert_eq!((retired, swept.objects), ([1, 0], 2));
    /// assert_eq!((evals.stats().regions, lambdas.stats().regions, *held.get()), (0, 1, 8));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// - Two looks at a mark for each region.
    /// - For each region that stays, a mark for each of its objects. A region that was patched from other transients'
    ///   code marks that code as well.
    /// - For each that does not, a few writes and one for each range of its site numbers.
    ///
    /// No allocation. No system call, unless a region was the last to [keep](crate::Loader::at) an arena, which ends then.
    pub unsafe fn retire_unmarked(&self) -> usize {
        // SAFETY: the list is of regions that this value made, on its heap and with its numbers. The rest is the caller's promise.
        unsafe { self.regions.retire_unmarked(self.heap, self.numbers(), false) }
    }

    /// Does what [`sweep`](Self::sweep) does, after a collection that traced each handle of code that is used. It writes to no region that
    /// stays, unless a lowering function is running.
    ///
    /// # Safety
    ///
    /// 1. That of [`sweep`](Self::sweep).
    /// 2. All marks of the heap were set since they were last taken away, by one collection, and those of code by its handles.
    pub(crate) unsafe fn sweep_traced(&self) -> SweepReport {
        // SAFETY: as in `retire_unmarked` and `sweep`; the marks are one collection's (2).
        unsafe {
            self.regions.retire_unmarked(self.heap, self.numbers(), true);
            self.heap.sweep()
        }
    }

    /// Clears the site numbers whose code is gone, as [`clearing`](Self::clearing) says, now and not when they are used again.
    ///
    /// Call it before a collector takes the entries of a side table for roots. Otherwise entries of dead code keep their objects alive, and
    /// after a [`sweep`](Self::sweep) they may hold pointers to objects that it freed. Does nothing if no closure was given.
    ///
    /// If the closure panics, its numbers and those not reached yet are cleared later. Numbers that the closure itself uses and gives back
    /// are left to the next call.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, Error, HeapArena, SideTable, Sites, Transients};
    /// use permacode::side::LazyConstant;
    /// use std::alloc::Layout;
    ///
    /// # fn main() -> Result<(), Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let table: SideTable<'_, LazyConstant<u64>> = SideTable::new(&arena)?;
    /// let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| _ = entry.take());
    /// let transients = Transients::new(&arena, &heap).clearing(&clear);
    /// let roots = || table.walk(|constant| constant.get().is_some()).count();
    ///
    /// let code: CodeRef<'_, Sites> = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(1)?))?;
    /// table.of(*code.get())?[0].get_or_try_make(|| Ok::<_, Error>(heap.alloc(Layout::new::<u64>())?.cast()))?;
    /// drop(code);
    /// assert_eq!(roots(), 1); // of code that is gone
    /// transients.clear_free();
    /// assert_eq!(roots(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// A call of the closure for each free range that is not clear, two for one of 65,536 numbers. No range is cleared twice, unless
    /// the closure panicked.
    pub fn clear_free(&self) {
        let Some(clear) = self.clear else { return };
        self.numbers().clear_free(|numbered| {
            let taken = TakenSites::of(self, numbered);
            taken.clear(clear);
            taken.keep()
        });
    }

    // ── what regions need ───────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(in crate::handles) fn regions(&self) -> &Regions {
        &self.regions
    }

    pub(in crate::handles) fn numbers(&self) -> &SitePool {
        self.sites.pool()
    }

    pub(in crate::handles) fn sites(&self) -> &SiteLease {
        &self.sites
    }

    pub(in crate::handles) fn clear(&self) -> Option<&'a dyn Fn(Sites)> {
        self.clear
    }

    /// The same, as a part of a home.
    pub(super) fn in_home(mut self, home: NonNull<Shared>) -> Self {
        self.home = Some(home);
        self
    }

    /// The home's object, if a home owns this.
    pub(in crate::handles) fn home(&self) -> Option<NonNull<Shared>> {
        self.home
    }

    /// A number that no other code object of this place has.
    pub(in crate::handles) fn next_id(&self) -> u64 {
        self.ids.replace(self.ids.get() + 1)
    }
}

impl Drop for Transients<'_> {
    /// Leaves the site numbers that wait to the next owner of transient code in this arena.
    fn drop(&mut self) {
        // SAFETY: its only arena.
        unsafe { self.sites.end(self.code) };
    }
}

impl fmt::Debug for Transients<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transients").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
