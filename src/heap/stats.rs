//! What a heap holds.

use super::arena::HeapArena;
use super::classes::{CLASSES, SLAB, TABLE};
use super::slabs::Use;
use crate::error::Error;

/// Counts of a [`HeapArena`], in bytes unless they say otherwise. An object counts with the size of its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Address space set aside for objects.
    pub reserved: usize,
    /// Of live objects: those that the program has. What it freed counts no more from that moment, wherever the heap keeps it, so a
    /// [`trim`](HeapArena::trim) and a fence leave this number as it is. What a trim gave back shows in [`resident`](HeapArena::resident)
    /// alone; `committed` stays.
    pub live: usize,
    /// Live objects that share slabs, and large ones.
    pub objects: usize,
    /// Free objects that magazines hold, ready to be handed out: freed ones, and fresh ones that nobody touched yet and that take no
    /// physical memory. A trim makes it 0. They count against the limit until they are needed elsewhere.
    pub cached: usize,
    /// Slabs that are of a class or of a large object.
    pub slabs: usize,
    /// Made writable.
    pub committed: usize,
    /// System calls made for the heap, its creation included.
    pub system_calls: usize,
}

/// Counts of one size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of an object.
    pub size: usize,
    /// Live objects.
    pub live: usize,
    /// Free objects that the magazine holds, fresh ones that nobody touched yet included.
    pub cached: usize,
}

impl HeapArena {
    /// What the heap holds. Costs a look at each slab; no system call.
    pub fn stats(&self) -> HeapStats {
        let slabs = self.slabs();
        let classes = || self.class_stats();
        let (mut used, mut large) = (0, 0);
        for number in 0..slabs.high.get() {
            let usage = slabs.slab(number).usage();
            used += usize::from(usage != Use::Vacant);
            large += usize::from(matches!(usage, Use::Span(_)));
        }
        let cached = classes().map(|class| class.cached * class.size).sum();
        HeapStats {
            reserved: slabs.plan.slabs * SLAB,
            live: slabs.out_bytes.get() - cached,
            objects: classes().map(|class| class.live).sum::<usize>() + large,
            cached,
            slabs: used,
            committed: slabs.committed.get(),
            system_calls: slabs.pages.calls(),
        }
    }

    /// What each size class holds, smallest first; large objects are in none. Costs two loads for each.
    pub fn class_stats(&self) -> impl Iterator<Item = ClassStats> {
        (0..CLASSES).map(|class| {
            let cached = self.magazine(class).len();
            ClassStats { size: TABLE[class].size, live: self.slabs().out[class].get() - cached, cached }
        })
    }

    /// Bytes of objects' pages that are in physical memory now. Costs a system call for each 4 MiB.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system does not tell.
    pub fn resident(&self) -> Result<usize, Error> {
        let slabs = self.slabs();
        // SAFETY: whole pages of the objects' part of the reservation.
        unsafe { slabs.pages.resident(slabs.origin..slabs.origin + slabs.committed.get()) }.map_err(Error::Pages)
    }

    /// The address space set aside for objects, used or not: what [`contains`](Self::contains) compares with.
    pub fn address_range(&self) -> core::ops::Range<usize> {
        let start = self.slabs().base.addr().get();
        start..start + self.slabs().plan.slabs * SLAB
    }

    /// Where what is known of the objects lies, in front of them: pages that the heap writes to, and a program never.
    pub fn bookkeeping_range(&self) -> core::ops::Range<usize> {
        let objects = self.slabs().base.addr().get();
        objects - self.slabs().plan.objects..objects
    }

    /// The first byte of the objects' part, for checks that look at all of it.
    #[cfg(feature = "testing")]
    pub(crate) fn base(&self) -> core::ptr::NonNull<u8> {
        self.slabs().base
    }

    /// Whether an address lies in the part of the reservation that is set aside for objects: one subtraction and one comparison.
    #[inline]
    pub fn contains<T: ?Sized>(&self, address: *const T) -> bool {
        let offset = address.cast::<u8>().addr().wrapping_sub(self.slabs().base.addr().get());
        offset < self.slabs().plan.slabs * SLAB
    }
}
