//! Giving memory back: on request, never on the way of a free, because a page that was given back costs several times more at its next
//! touch than one that was kept.

use super::arena::HeapArena;
use super::classes::{CLASSES, SLAB, TABLE};
use super::slabs::{Slab, Slabs, Use};
use super::words::BITS;
use crate::error::Error;
use core::ops::Range;

impl HeapArena {
    /// Gives the memory of free objects back to the system: of whole slabs, and of single pages where no object is live. Returns how many
    /// bytes were given back, those that were never resident included.
    ///
    /// Costs a flush of all magazines, a look at the bits of each slab, and a system call for each stretch of pages. Address space is kept,
    /// and so is write permission: the next touch of such a page is a page fault, no call. Whole slabs are given back once, or in every trim
    /// where [huge pages](crate::HeapArenaBuilder::huge_pages_from) are asked for, because a neighbour's touch may make them resident again,
    /// but counted once. Of single pages nobody notes that they are gone: the next trim makes the same calls for them and counts them again.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refuses. Nothing is lost; what was not given back stays.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<[u8; 1 << 20]>());
    /// let (object, calls) = (heap.alloc(layout)?, heap.stats().system_calls);
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(object, layout) };
    /// assert_eq!((heap.trim()?, heap.stats().system_calls - calls), (1 << 20, 1));
    /// assert_eq!((heap.trim()?, heap.stats().system_calls - calls), (0, 1)); // whole slabs, so nothing to do again
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn trim(&self) -> Result<usize, Error> {
        self.flush_all();
        self.slabs().vacate_empty();
        self.slabs().discard_vacant().and_then(|vacant| Ok(vacant + self.slabs().discard_free_pages()?))
    }

    /// Frees every object at once and gives the memory back. No destructor runs.
    ///
    /// Costs a look at each slab that was ever used and one system call, however much there was: it drops a whole program's heap. None if
    /// nothing was allocated since the last. Lifts a [fence](Self::fence). That nothing refers to an object any more is shown by the
    /// exclusive borrow, which a collection or a [`HeapRc`](crate::HeapRc) would not allow; addresses from
    /// [`alloc`](Self::alloc) are not to be used any more.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refuses; every object is free all the same, its memory stays resident.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let mut heap = permacode::HeapArena::new()?;
    /// for size in 1..1000 {
    ///     heap.alloc(Layout::from_size_align(size, 1).unwrap())?;
    /// }
    /// let before = heap.stats().system_calls;
    /// heap.reset()?;
    /// assert_eq!((heap.stats().live, heap.stats().system_calls), (0, before + 1));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn reset(&mut self) -> Result<(), Error> {
        (0..CLASSES).for_each(|class| self.magazine(class).forget_oldest(self.magazine(class).len()));
        self.lift_fence();
        self.slabs().free_all();
        self.slabs().discard_vacant().map(|_| ())
    }
}

impl Slabs {
    /// Frees every object and every span, so that all slabs are vacant; the magazines are empty.
    fn free_all(&self) {
        for number in 0..self.high.get() {
            match self.slab(number).usage() {
                Use::Vacant | Use::Rest => {}
                Use::Span(count) => self.free_span(number, count),
                Use::Class(class) => self.take_away(class, number),
            }
        }
        self.out.iter().for_each(|out| out.set(0));
        self.out_bytes.set(0);
    }

    /// Gives the memory of vacant slabs back, in stretches in which any was touched, or beside which a slab in use may have made others
    /// resident, on the same huge page, even ones that were never used.
    fn discard_vacant(&self) -> Result<usize, Error> {
        let (mut from, mut bytes, high) = (0, 0, self.high.get());
        loop {
            // Behind the last slab that was ever used lies what is vacant as well.
            let first = self.vacant.next(from, high).unwrap_or(high);
            let end = (first..high).find(|&number| !self.vacant.contains(number)).unwrap_or(high);
            let stretch = first * SLAB..if end == high { self.committed.get() } else { end * SLAB };
            let touched = (first..end).any(|number| self.slab(number).is_touched());
            let beside_huge = end - first < high && stretch.end > self.huge_from;
            if touched || beside_huge {
                let slabs = (first..stretch.end / SLAB).map(|number| self.slab(number));
                if let Err(refusal) = self.discard(stretch) {
                    // What they hold now is not said, even of those that nobody ever wrote to.
                    slabs.for_each(Slab::touch);
                    return Err(refusal);
                }
                slabs.filter(|slab| slab.is_touched()).for_each(Slab::clean);
            }
            bytes += if touched { (end - first) * SLAB } else { 0 };
            if end == high {
                return Ok(bytes);
            }
            from = end;
        }
    }

    /// Gives pages back on which no object is out, in slabs that have some.
    fn discard_free_pages(&self) -> Result<usize, Error> {
        let mut bytes = 0;
        for number in 0..self.high.get() {
            let Use::Class(class) = self.slab(number).usage() else { continue };
            let mut end_of_last = 0;
            for index in self.out_indices(number).chain([TABLE[class].objects]) {
                // Behind the last object lies what is too small for one more.
                let start = if index == TABLE[class].objects { SLAB } else { index * TABLE[class].size };
                bytes += self.discard_between(number, end_of_last..start)?;
                end_of_last = start + TABLE[class].size;
            }
        }
        Ok(bytes)
    }

    /// The objects of a slab of a class that are out, in order.
    fn out_indices(&self, number: usize) -> impl Iterator<Item = usize> {
        let slab = self.slab(number);
        let class = match slab.usage() {
            Use::Class(class) => Some(&TABLE[class]),
            _ => None,
        };
        class.into_iter().flat_map(move |class| {
            (0..class.words).flat_map(move |word| {
                let out = self.out_in(slab, class, word);
                (0..BITS).filter(move |bit| out >> bit & 1 == 1).map(move |bit| word * BITS + bit)
            })
        })
    }

    /// Gives the whole pages within a part of a slab back.
    fn discard_between(&self, number: usize, part: Range<usize>) -> Result<usize, Error> {
        let page = self.pages.page();
        let start = page.ceil(part.start).unwrap_or(part.end);
        let end = page.floor(part.end.min(SLAB));
        if start >= end {
            return Ok(0);
        }
        // Before, because a refusal may come half-way.
        #[cfg(debug_assertions)]
        self.unpoison(number, start..end);
        self.discard(number * SLAB + start..number * SLAB + end)?;
        Ok(end - start)
    }

    fn discard(&self, objects: Range<usize>) -> Result<(), Error> {
        // SAFETY: whole pages of slabs, committed and never sealed, that hold no object that is out.
        unsafe { self.pages.discard(self.origin + objects.start..self.origin + objects.end) }.map_err(Error::Pages)
    }
}
