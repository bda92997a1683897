//! Giving memory back on request: all of it, at once.

use crate::error::Error;
use crate::heap::HeapArena;
use crate::heap::slabs::{CLASSES, SlabUse, Slabs};

impl HeapArena {
    /// Gives the memory of free objects back to the system. It returns whole slabs, single pages without a live object,
    /// memory behind the ends of large objects, and bookkeeping that is not needed any more. Returns the bytes of
    /// objects' memory that were given back, those that were never resident included.
    ///
    /// A heap gives most of that back by itself, after a while ([`Decay`](crate::heap::Decay)). This is for a program that knows better. Address
    /// space is kept, and so is write permission: the next touch of such a page is a page fault, no call.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refuses. Nothing is lost. Memory that was not given back stays.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<[u8; 1 << 20]>());
    /// let (object, calls) = (heap.alloc(layout)?, heap.stats().system_calls);
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(object, layout) };
    /// assert_eq!((heap.trim()?, heap.stats().system_calls - calls), (1 << 20, 1));
    /// assert_eq!((heap.trim()?, heap.stats().system_calls - calls), (0, 1)); // nothing new to give back
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A flush of all magazines, a look at the bits of each slab, and a system call for each stretch of pages. One call
    /// more for each 2 MiB on huge pages of which a part is given back. None for memory that was given back before and
    /// not used since.
    pub fn trim(&self) -> Result<usize, Error> {
        self.flush_all();
        let slabs = self.slabs();
        let mut bytes = slabs.give_all_back()?;
        for number in 0..slabs.high.get() {
            bytes += slabs.settle(number)?;
        }
        bytes += slabs.cut_tails(0, || false)?.1;
        slabs.trim_pool();
        Ok(bytes)
    }

    /// Frees every object at once and gives the memory back. No destructor runs.
    ///
    /// Costs a look at each slab that was ever used and one system call, however much there was: it drops a whole
    /// program's heap. It costs none if nothing was allocated since the last. It lifts a [fence](Self::fence). The
    /// exclusive borrow shows that no collection or [`HeapRc`](crate::HeapRc) refers to an object. You must not use
    /// addresses from [`alloc`](Self::alloc) any more.
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
        for class in 0..CLASSES {
            let magazine = self.magazine(class);
            // SAFETY: all of its entries.
            unsafe { magazine.forget_oldest(magazine.len()) };
        }
        self.lift_fence();
        self.slabs().free_all();
        self.slabs().give_all_back().map(|_| ())
    }
}

impl Slabs {
    /// Frees every object and every span, so that all slabs are vacant; the magazines are empty.
    fn free_all(&self) {
        for number in 0..self.high.get() {
            match self.slab(number).usage() {
                SlabUse::Vacant | SlabUse::Rest(_) => {}
                SlabUse::Span(extent) => self.free_span(number, extent),
                SlabUse::Class(class) => self.give_up_class(class, number),
            }
        }
        self.out.iter().for_each(|out| out.set(0));
        self.out_bytes.set(0);
    }
}
