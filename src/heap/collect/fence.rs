//! The fence before a fork: new objects go where no page is shared.
//!
//! After a fork, parent and child share every page until one of them writes. An allocator that hands out the holes between old objects
//! makes both write all over them.
//!
//! ```text
//!   before the fence   ▓▓▓▓ old, in use    ▒▒▒▒ held: vacant, perhaps resident    ──── vacant, clean: shares nothing
//!   behind it             │ freed: a bit, not handed out   │ returned: a new page, nobody else's    │ serves
//!                         └ empty: held ─────────────────▶ ┘                                        ▼
//! ```
//!
//! Behind a fence new objects lie in slabs that share no page with a child. Frees of old objects are remembered, in
//! bits, and not handed out until the fence is lifted. A slab that was emptied serves again once its memory was
//! returned. That is done before new address space is used, so a heap whose fence is moved again and again stays as it
//! is.

use crate::heap::HeapArena;
use crate::heap::slabs::{CLASSES, Flag, HELD, SlabUse, Slabs, VACANT};

impl HeapArena {
    /// Lets new objects lie only in slabs that nothing is in now. Call it before `fork`.
    ///
    /// Holes that old objects leave stay unused until [`lift_fence`](Self::lift_fence), so a heap behind a fence takes more memory. Memory in
    /// which nothing is left serves again, after it was returned to the system: a new page is shared with nobody. So a heap whose fence is
    /// moved again and again does not grow. A large object may still grow in place. Calling it again moves the fence.
    ///
    /// # Cost
    ///
    /// A flush of all magazines, and a look at each slab. A bit for each object that nobody touched yet in the newest
    /// slab of each class, some 40,000 at most. No system call, no write to objects.
    ///
    /// Behind a fence, a free looks up its object: a call and a comparison more. A slab that was emptied before costs a
    /// system call when it is used again.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<u64>());
    /// let (old, _kept) = (heap.alloc(layout)?, heap.alloc(layout)?);
    /// heap.fence();
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(old, layout) };
    /// let new = heap.alloc(layout)?;
    /// assert_ne!(new.addr().get() >> 16, old.addr().get() >> 16); // another slab, so another page
    /// assert_eq!(heap.stats().system_calls, 2); // those that made the heap
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn fence(&self) {
        self.flush_all();
        for class in 0..CLASSES {
            self.slabs().close_open(class, None);
            self.magazine(class).close();
        }
        self.slabs().put_fence();
    }

    /// Lets new objects lie anywhere again. Costs a write for each of 88 classes and a look at each slab; no system call.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<u64>());
    /// let old = heap.alloc(layout)?;
    /// heap.fence();
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(old, layout) };
    /// heap.lift_fence();
    /// assert_eq!(heap.alloc(layout)?, old);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn lift_fence(&self) {
        if self.slabs().fenced.replace(false) {
            self.slabs().lift_fence();
            (0..CLASSES)
                .filter(|&class| self.slabs().guests[class].get() == 0)
                .for_each(|class| self.magazine(class).open());
        }
    }
}

impl Slabs {
    /// Makes every slab old that is in use or may be resident, so that it takes no new object.
    fn put_fence(&self) {
        self.fenced.set(true);
        let sets = &self.vacancy.sets;
        for number in 0..self.high.get() {
            let slab = self.slab(number);
            match slab.usage() {
                SlabUse::Vacant if slab.touched() == 0 => continue,
                SlabUse::Vacant => {
                    sets.remove(VACANT, number);
                    sets.insert(HELD, number);
                }
                SlabUse::Class(class) => self.partial.remove(class, number),
                SlabUse::Span(_) | SlabUse::Rest(_) => {}
            }
            slab.note(Flag::Old, true);
        }
    }

    /// Lets old slabs take new objects.
    fn lift_fence(&self) {
        self.release_held();
        for number in 0..self.high.get() {
            let slab = self.slab(number);
            if let SlabUse::Class(class) = slab.usage() {
                if slab.free.get() != 0 {
                    self.offer(class, number);
                }
            }
        }
    }
}
