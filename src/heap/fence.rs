//! The fence before a fork: new objects go where no page is shared.
//!
//! After a fork, parent and child share every page until one of them writes. An allocator that hands out the holes between old objects
//! makes both write all over them. Behind a fence it takes new slabs only; what is freed before the fence is remembered, in bits, and not
//! handed out until the fence is lifted.

use super::arena::HeapArena;
use super::classes::{CLASSES, TABLE};
use super::slabs::Slabs;
use super::words::BITS;
use core::ptr::NonNull;

impl HeapArena {
    /// Lets new objects lie only in slabs that nothing is in now. Call it before `fork`.
    ///
    /// New slabs are slabs that were never used: one that was emptied may share its pages all the same. So a heap whose fence is moved
    /// again and again without being lifted uses up its address space. Holes that old objects leave stay unused until
    /// [`lift_fence`](Self::lift_fence), so a heap behind a fence takes more memory. A large object may still grow in place. Calling it
    /// again moves the fence.
    ///
    /// Costs a flush of all magazines and a bit for each object that nobody touched yet in the newest slab of each class, some 40,000 at
    /// most; no system call, no write to objects. Behind a fence, a free looks where its object lies: a call and a comparison more.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let (heap, layout) = (permacode::HeapArena::new()?, Layout::new::<u64>());
    /// let old = heap.alloc(layout)?;
    /// heap.fence();
    /// // SAFETY: live, of this layout, and not used any more.
    /// unsafe { heap.free(old, layout) };
    /// let new = heap.alloc(layout)?;
    /// assert_ne!(new.addr().get() >> 16, old.addr().get() >> 16); // another slab, so another page
    /// assert_eq!(heap.stats().system_calls, 2);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn fence(&self) {
        self.flush_all();
        for class in 0..CLASSES {
            self.slabs().close(class);
            self.magazine(class).close();
        }
        self.slabs().fence.set(self.slabs().high.get());
    }

    /// Lets new objects lie anywhere again. Costs a write for each of 88 classes; no system call.
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
        self.slabs().fence.set(0);
        (0..CLASSES).for_each(|class| self.magazine(class).open());
    }
}

impl Slabs {
    /// Whether an object lies where no new ones may.
    pub(super) fn is_fenced(&self, object: NonNull<u8>) -> bool {
        object < self.address(self.fence.get())
    }

    /// Makes the objects of a class that nobody touched free ones like others: their slab is not continued.
    fn close(&self, class: usize) {
        let Some(number) = (self.open[class].replace(0) as usize).checked_sub(1) else { return };
        let (slab, table) = (self.slab(number), &TABLE[class]);
        let (free, _) = self.bits(slab, table);
        let fresh = usize::from(slab.fresh.get());
        for index in fresh..table.objects {
            free[index / BITS].set(free[index / BITS].get() | 1 << (index % BITS));
        }
        slab.fresh.set(table.objects as u16);
        if fresh < table.objects {
            self.partial.insert(class, number);
        }
    }
}
