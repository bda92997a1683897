//! A collection, from its roots to its sweep.
//!
//! ```text
//!   clear the marks ─▶ roots ─▶ grey list, each time until it is empty ─▶ (transient code: retire) ─▶ sweep
//!                        └──────── an error or a panic: clear the marks, free nothing ◀─ marks went meanwhile
//! ```
//!
//! * Marks begin cleared: an object that somebody marked before would count as looked into.
//! * What ends early leaves no mark, so that no later sweep takes half of them for all.

use super::marker::Marker;
use crate::base::otherwise::Otherwise;
use crate::error::Error;
use crate::handles::region::Transients;
use crate::heap::{HeapArena, SweepReport};

impl HeapArena {
    /// Frees every object that the roots do not lead to. No destructor runs.
    ///
    /// `roots` shows a [`Marker`] all that your program uses afterwards: globals, the stack of values, side tables that
    /// hold objects. Cycles are found. If transient code lies on the heap, call [`Transients::collect`](crate::Transients::collect) instead.
    ///
    /// Collect where you know what the roots are: at a safepoint of your machine. No Rust function may hold an object there that only a local
    /// variable leads to. A [`Pacer`](crate::kit::Pacer) says when it is due.
    ///
    /// # Errors
    ///
    /// Nothing is freed then, and no mark stays. Everything can be used as before.
    ///
    /// - [`Error::Memory`] when the global allocator refuses memory to note objects that were found.
    /// - [`Error::Borrowed`] when a `RefCell` that a root leads to is mutably borrowed.
    /// - [`Error::Interrupted`] when the heap's marks were taken away meanwhile, or `roots` caught the panic of a `trace`.
    ///
    /// If `roots` or a `trace` panics, nothing is freed either, and the panic goes on.
    ///
    /// # Safety
    ///
    /// 1. Each object of the heap that is used afterwards was visited: `roots` traced a value that leads to it, through objects of this heap
    ///    only. Tracing an object later is a use as well, and so is a reference that a [`Gc`](crate::Gc) lent. Collections and [`HeapRc`](crate::HeapRc)s count too: their buffers are objects. For a
    ///    [`GlobalHeap`](crate::heap::GlobalHeap) that holds for other threads as well.
    /// 2. `roots` only traces. It changes nothing that it traced, and neither allocates nor frees in the heap. It calls no function of the
    ///    heap or of its `Transients`, and [`Marker::mark`](crate::kit::Marker::mark) for nothing that a `Gc` or a handle of code leads to.
    /// 3. No transient code lies on the heap, or `roots` traced a handle of each.
    ///
    /// ```
    /// use permacode::kit::Collect;
    /// use permacode::{Error, Gc, HeapArena};
    /// use std::cell::Cell;
    ///
    /// #[derive(Collect)]
    /// struct Pair<'h>(u32, Cell<Option<Gc<'h, Pair<'h>>>>);
    ///
    /// let heap = HeapArena::new()?;
    /// let mut list = None;
    /// for number in 0..1000 {
    ///     list = Some(Gc::new(&heap, Pair(number, Cell::new(list)))?);
    /// }
    /// let newest = list.expect("a list");
    /// newest.1.set(None); // nobody else has the other 999
    /// // SAFETY: `newest` is used afterwards, and what it leads to; the closure only traces.
    /// let swept = unsafe { heap.collect(|marker| marker.trace(&newest)) }?;
    /// assert_eq!((swept.objects, newest.0), (999, 999));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`clear_marks`](Self::clear_marks), of [`sweep`](Self::sweep), and of [`Marker::trace`](crate::kit::Marker::trace) for each
    /// object that is found. No object page is written to, so a forked child copies none. The list of objects that wait lies in the global
    /// allocator's memory, and no stack grows with the objects.
    pub unsafe fn collect(&self, roots: impl FnOnce(&mut Marker<'_>)) -> Result<SweepReport, Error> {
        self.mark_from(roots)?;
        // SAFETY: the caller's promise: what is used afterwards was visited, hence marked (1), since marks were not taken away; transient
        // code as well (3).
        Ok(unsafe { self.sweep() })
    }

    /// Marks every object that the roots lead to, and takes all other marks away: the first half of [`collect`](Self::collect).
    ///
    /// For a heap with several `Transients`. Call their [`retire_unmarked`](crate::Transients::retire_unmarked) after it, and then
    /// [`sweep`](Self::sweep). Or look with [`is_marked`](Self::is_marked) at what a collection would free: weak pointers that go, for one.
    ///
    /// # Errors
    ///
    /// Those of [`collect`](Self::collect). No mark stays then.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, Gc, HeapArena, Transients};
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let (evals, lambdas) = (Transients::new(&arena, &heap), Transients::new(&arena, &heap));
    /// let function = |home, number| -> Result<_, permacode::Error> {
    ///     Gc::new(&heap, CodeRef::<u32>::transient(home, |loader| loader.alloc(number))?)
    /// };
    /// let (kept, _lost) = (function(&evals, 7)?, function(&lambdas, 8)?);
    /// heap.mark_from(|marker| marker.trace(&kept))?;
    /// // SAFETY: what is used afterwards is marked; both have ended their code when the heap is swept.
    /// let (ended, swept) = unsafe { (evals.retire_unmarked() + lambdas.retire_unmarked(), heap.sweep()) };
    /// assert_eq!((ended, *kept.get()), (1, 7));
    /// assert_eq!(swept.objects, 3); // the function, and two objects of its code
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`collect`](Self::collect) without the sweep.
    pub fn mark_from(&self, roots: impl FnOnce(&mut Marker<'_>)) -> Result<(), Error> {
        self.clear_marks();
        let otherwise = Otherwise::new(|| self.clear_marks());
        let round = self.mark_round();
        let mut marker = Marker::new(self);
        roots(&mut marker);
        marker.finish()?;
        if self.mark_round() != round {
            return Err(Error::Interrupted);
        }
        otherwise.done();
        Ok(())
    }
}

impl Transients<'_> {
    /// Frees every object of the heap that the roots do not lead to, and ends the transient code among them.
    ///
    /// [`HeapArena::collect`] for a heap that holds transient code. Entries of side tables may be roots: those of code that is gone are
    /// [cleared](Self::clearing) before and after. Entries of code that this very collection ends still count as roots, so their objects go
    /// with the next one.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::collect`]. Nothing is freed then, and no code ends.
    ///
    /// # Safety
    ///
    /// 1. Each object of the heap that is used afterwards was visited: the first condition of [`HeapArena::collect`]. The same holds for each
    ///    handle of transient code on this heap that is used or dropped afterwards. A handle is used as long as
    ///    [`patched`](crate::CodeRef::patched) runs on it.
    /// 2. `roots` only traces: the second condition there.
    /// 3. No other `Transients` has code on this heap that can still be reached. Where there are several, see [`HeapArena::mark_from`].
    ///
    /// ```
    /// use permacode::kit::Collect;
    /// use permacode::{CodeArena, CodeRef, Gc, HeapArena, Sites, Transients};
    ///
    /// #[derive(Collect)]
    /// struct Function<'h>(CodeRef<'h, Sites>);
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let mut latest = None;
    /// for _ in 0..1000 {
    ///     let code = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(1)?))?;
    ///     latest = Some(Gc::new(&heap, Function(code))?);
    ///     // SAFETY: only the latest function is used afterwards, and the closure only traces.
    ///     unsafe { transients.collect(|marker| marker.trace(&latest)) }?;
    /// }
    /// assert_eq!((transients.stats().regions, transients.stats().sites), (1, 32)); // nothing piles up
    /// assert_eq!(latest.map(|function| function.0.get().len()), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`HeapArena::collect`], of [`retire_unmarked`](Self::retire_unmarked), and of [`clear_free`](Self::clear_free). No region that
    /// stays is written to, so a forked child copies no page of code either. (In a lowering function, the code that it patches is.)
    pub unsafe fn collect(&self, roots: impl FnOnce(&mut Marker<'_>)) -> Result<SweepReport, Error> {
        self.clear_free();
        self.heap().mark_from(roots)?;
        // SAFETY: the caller's promise: what is used afterwards was visited, hence marked (1), and there are no other transients (3). All marks
        // are those of `mark_from`, which took all others away, and code is marked by its handles (2, and the promise of `Collect`).
        let swept = unsafe { self.sweep_traced() };
        self.clear_free();
        Ok(swept)
    }
}
