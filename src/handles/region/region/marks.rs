//! A collector's marks of transient code: each region once in a round, however many handles, parts and copies lead to
//! it.
//!
//! ```text
//!   heap A    copy ─▶ copy ─▶ copy ─┐              ┌▶ original       ─▶ keeps
//!   heap B                          └▶ copy ─▶ copy                  three runs
//! ```
//!
//! A *round* of a heap lasts from one call that takes its marks away to the next. A *run* is a stretch of a chain on one heap. A region is
//! *whole* if it was marked by `mark_run` in the round that its heap is in.
//!
//! **Of a whole region every object is marked, and what it keeps on the same heap is whole.** So a walk down a run may stop at the first whole
//! region. That stays true, because
//!
//! 1. a mark of a live object goes when the round ends, and then no region of the heap is whole;
//! 2. a region gets pieces, names, shares and ranges of sites before its first part, and is not whole before that;
//! 3. a part that a whole region gets is marked at once, and so is the table, which may be a new one;
//! 4. what a region keeps is set before its first part, and is taken away only from a region without a mark;
//! 5. what a region keeps is live as long as the region is, and loses no object but parts and an outgrown table meanwhile;
//! 6. a new region at an old place was whole in no round.
//!
//! The mark of the first piece does not say that much. It may be left from what lay there before, or be set by a conservative collector. It
//! does in a collection that began without marks and sets all of them itself ([`mark_in`](Region::mark_in)).
//!
//! Where a run ends, nothing is said of the next one: the other heap has rounds of its own. A handle's walk goes there each time, and gets there
//! in one step from anywhere in the run. A sweep of the one heap does not go there, because the other may be gone ([`Regions`]).
//!
//! [`Regions`]: super::super::regions::Regions

use super::{Piece, Region};
use crate::handles::region::part::Part;
use crate::heap::HeapArena;
use core::iter;
use core::ptr::{self, NonNull};

impl<'a> Region<'a> {
    /// Marks every object that belongs to the region, or to what it keeps on any heap. A handle of it is held.
    pub(in crate::handles) fn mark(&self) {
        let mut next = Some(self);
        while let Some(region) = next {
            // SAFETY: a handle counts this region, or one that keeps it: down the chain all are live, and so are their owners.
            unsafe {
                region.mark_run(region.owner.heap());
                next = region.elsewhere.get().map(|region| region.as_ref());
            }
        }
    }

    /// Does the same for a collection of `heap` that began without marks and whose marks are all its own. It writes to no region there.
    ///
    /// There only this function marks a first piece, and it marks all of the region, and what that keeps on the heap. So the first piece says
    /// what `whole_in` says otherwise, and a forked child marks without a write to the pages that it shares.
    pub(in crate::handles) fn mark_in(&self, heap: &HeapArena) {
        if !ptr::eq(self.owner.heap(), heap) {
            return self.mark();
        }
        // SAFETY: a handle counts this region: down the chain all are live.
        let run = iter::successors(Some(self), |region| unsafe { region.kept_on(heap) });
        run.take_while(|region| !heap.is_marked(region.piece_address())).for_each(|region| region.mark_own(heap));
        // SAFETY: as above.
        if let Some(elsewhere) = self.elsewhere.get().map(|region| unsafe { region.as_ref() }) {
            elsewhere.mark();
        }
    }

    /// The address of the first piece, in whose memory the region lies.
    fn piece_address(&self) -> *const Piece {
        &raw const self.piece
    }

    /// Marks every object that belongs to the region, or to what it keeps on the same heap, as far as the chain stays there.
    ///
    /// # Safety
    ///
    /// 1. `heap` is the region's heap.
    /// 2. The region is in a list of all regions, or a handle counts it, or such a region keeps it.
    pub(in crate::handles) unsafe fn mark_run(&self, heap: &HeapArena) {
        // SAFETY: the caller's promise (2).
        let run = iter::successors(Some(self), |region| unsafe { region.kept_on(heap) });
        for region in run.take_while(|region| !region.is_whole(heap)) {
            region.mark_own(heap);
            // What is being filled gets more, which nobody marks.
            if !region.is_being_filled() {
                region.whole_in.set(heap.mark_round());
            }
        }
    }

    /// Marks a part that the region got just now, and the table, if the region is whole.
    pub(super) fn mark_part(&self, part: NonNull<Part<'a>>, heap: &HeapArena) {
        if self.is_whole(heap) {
            heap.mark(part.as_ptr());
            self.parts.mark_table(heap);
        }
    }

    /// Returns `true` if all of it was marked since the marks of its heap were last taken away.
    fn is_whole(&self, heap: &HeapArena) -> bool {
        #[cfg(test)]
        tests::count(1, 0);
        self.whole_in.get() == heap.mark_round()
    }

    /// Returns the region that it keeps, if that lies on the same heap.
    ///
    /// # Safety
    ///
    /// As for [`mark_run`](Self::mark_run).
    unsafe fn kept_on(&self, heap: &HeapArena) -> Option<&Self> {
        let part = self.keeps.get().filter(|part| heap.contains(part.as_ptr()))?;
        // SAFETY: the caller's promise; what a listed or counted region keeps on its own heap is live, down the chain.
        Some(unsafe { part.as_ref().region.as_ref() })
    }

    fn mark_own(&self, heap: &HeapArena) {
        #[cfg(test)]
        tests::count(0, 1);
        self.all_pieces().for_each(|piece| _ = heap.mark(piece.as_ptr()));
        self.all_notes().for_each(|noted| _ = heap.mark(noted.as_ptr()));
        self.shares.mark(heap);
        self.sites.mark(heap);
        self.parts.mark(heap);
    }
}

#[cfg(test)]
mod tests {
    use crate::{CodeArena, CodeRef, Error, HeapArena, Transients};
    use core::cell::Cell;

    std::thread_local! {
        /// Regions that were looked at, and those that were marked.
        static WORK: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    /// Counts work of this thread.
    pub(super) fn count(looks: usize, marks: usize) {
        WORK.with(|work| work.set((work.get().0 + looks, work.get().1 + marks)));
    }

    /// The work of a call.
    fn work(call: impl FnOnce()) -> (usize, usize) {
        WORK.with(|work| work.set((0, 0)));
        call();
        WORK.with(Cell::get)
    }

    const MANY: usize = if cfg!(miri) { 200 } else { 40_000 };

    type Numbers<'t> = CodeRef<'t, &'t [u32]>;

    /// The arena, and the heaps.
    fn places<const HEAPS: usize>() -> (CodeArena, [HeapArena; HEAPS]) {
        let heap = || HeapArena::builder().reservation(64 << 20).build().unwrap(); // also where a reservation is memory
        (CodeArena::new().unwrap(), [(); HEAPS].map(|()| heap()))
    }

    fn numbers<'t>(home: &'t Transients<'t>, len: usize) -> Numbers<'t> {
        let numbers = CodeRef::transient(home, |loader| {
            let numbers = loader.alloc_slice_try_fill_with(len, |at| Ok::<_, Error>(at as u32))?;
            loader.alloc(numbers)
        });
        numbers.unwrap_or_else(|error: Error| panic!("{error}"))
    }

    fn nth<'t>(code: &Numbers<'t>, at: usize) -> CodeRef<'t, u32> {
        code.project::<u32>(|code| code.get(at)).unwrap().unwrap()
    }

    fn patch<'t>(code: &Numbers<'t>, home: &'t Transients<'t>) -> Numbers<'t> {
        code.patched(home, |loader, code| loader.alloc(*code)).unwrap_or_else(|error: Error| panic!("{error}"))
    }

    // soundness S27 here and below
    #[test]
    fn a_region_is_marked_once_a_round_however_many_handles_of_it_are() {
        let (arena, [heap]) = places();
        let home = Transients::new(&arena, &heap);
        let code = numbers(&home, MANY);
        let mut parts: Vec<_> = (0..MANY / 2).map(|at| nth(&code, at)).collect();
        for _ in 0..3 {
            assert_eq!(work(|| parts.iter().for_each(CodeRef::mark)), (parts.len(), 1));
            // What is held only now is marked, as if a handle of it had been. The table has grown meanwhile.
            parts.extend((parts.len()..parts.len() + MANY / 8).map(|at| nth(&code, at)));
            assert_eq!(work(|| code.mark()), (1, 0));
            // SAFETY: all transient code is marked, and there is nothing else on the heap.
            let swept = unsafe { heap.sweep() };
            assert_eq!(swept.objects, 0);
        }
        code.mark();
        // SAFETY: both kinds of handles are of one region, which is marked.
        assert_eq!(unsafe { home.sweep() }.objects, 0);
        assert!(parts.iter().enumerate().all(|(at, part)| *part.get() as usize == at && part.count() == Some(1)));
        drop((code, parts));
        assert_eq!((home.stats().regions, heap.stats().live), (0, 0));
    }

    #[test]
    fn a_chain_of_copies_that_are_all_held_is_marked_once_a_round() {
        let (arena, [heap]) = places();
        let homes = [Transients::new(&arena, &heap), Transients::new(&arena, &heap)];
        let mut chain = vec![numbers(&homes[0], 1)];
        for at in 1..MANY {
            // By each in turn, so that no two neighbours are in one list.
            chain.push(patch(&chain[at - 1], &homes[at % 2]));
        }
        for _ in 0..2 {
            let (looks, marks) = work(|| chain.iter().rev().for_each(CodeRef::mark));
            assert!(marks == MANY && looks <= 3 * MANY, "{looks} looks, {marks} marks");
            // SAFETY: all code is marked.
            unsafe { heap.sweep() };
        }
        // Once more, of which the newest is marked and the sweep has to find the others.
        assert_eq!(heap.mark(chain[MANY - 1].get()), Some(true), "a mark by its address");
        let mut retired = 0;
        let (looks, marks) = work(|| {
            // SAFETY: the copy keeps all of them.
            retired = unsafe { homes[1].retire_unmarked() + homes[0].retire_unmarked() };
        });
        assert!(retired == 0 && marks == MANY && looks <= 3 * MANY, "{looks} looks, {marks} marks");
        // SAFETY: both retired, and all code is marked.
        assert_eq!(unsafe { heap.sweep() }.objects, 0);
        // The newest first: each last handle of a part frees its region then, and a long chain at once is nothing to fear.
        chain.reverse();
        drop(chain);
        assert_eq!(heap.stats().live, 0);
    }

    #[test]
    fn what_many_copies_of_another_list_were_patched_from_is_marked_once_a_round() {
        let (arena, [heap]) = places();
        let (one, other) = (Transients::new(&arena, &heap), Transients::new(&arena, &heap));
        let original = numbers(&one, MANY / 10);
        let parts: Vec<_> = (0..MANY / 10).map(|at| nth(&original, at)).collect();
        let copies: Vec<_> = (0..MANY / 10).map(|_| patch(&original, &other)).collect();
        copies.iter().for_each(|copy| _ = heap.mark(copy.get()));
        let mut retired = 0;
        let (looks, marks) = work(|| {
            // SAFETY: all that is used is marked, or what is marked keeps it.
            retired = unsafe { other.retire_unmarked() + one.retire_unmarked() };
        });
        assert_eq!((retired, marks), (0, copies.len() + 1));
        assert!(looks <= 3 * copies.len(), "{looks}");
        // SAFETY: both retired.
        assert_eq!(unsafe { heap.sweep() }.objects, 0);
        assert!(parts.iter().enumerate().all(|(at, part)| *part.get() as usize == at));
    }

    #[test]
    fn a_heap_whose_marks_went_is_marked_again_below_code_that_is_whole_on_another() {
        let (arena, heaps) = places::<2>();
        let homes = heaps.each_ref().map(|heap| Transients::new(&arena, heap));
        let mut chain = vec![numbers(&homes[0], 1)];
        // Runs of three, on either heap.
        for at in 1..12 {
            chain.push(patch(&chain[at - 1], &homes[at / 3 % 2]));
        }
        let newest = &chain[11];
        assert_eq!(work(|| newest.mark()).1, 12);
        assert_eq!(work(|| newest.mark()), (4, 0), "a look at each run");
        for heap in &heaps {
            heap.clear_marks();
            assert_eq!(work(|| newest.mark()).1, 6);
            assert_eq!(work(|| chain.iter().for_each(CodeRef::mark)).1, 0);
            // SAFETY: all code is marked.
            assert_eq!(unsafe { heap.sweep() }.objects, 0);
            assert_eq!(work(|| newest.mark()).1, 6);
        }
    }
}
