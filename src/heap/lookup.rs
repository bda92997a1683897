//! Looking objects up by their address alone: for C, and for frees by another thread.

use super::arena::HeapArena;
use crate::heap::slabs::{SLAB, SlabUse, Slabs, TABLE};
use core::alloc::Layout;
use core::ptr::NonNull;

impl HeapArena {
    /// Returns the bytes that the object at an address has, from its slab's record; `None` if no object begins there.
    ///
    /// That is the size of its class, or in units of 4 KiB that of a large object: at least what was asked for. Of a free object it may tell
    /// the size as well. Costs a division by multiplication and a read of 12 bytes known of the slab; no write. The address is not
    /// dereferenced.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let object = heap.alloc(Layout::new::<[u8; 100]>())?.as_ptr();
    /// assert_eq!(heap.usable_size(object), Some(104));
    /// assert_eq!(heap.usable_size(object.wrapping_add(1)), None); // no object begins there
    /// let large = heap.alloc(Layout::new::<[u8; 40_000]>())?.as_ptr();
    /// assert_eq!(heap.usable_size(large), Some(40 << 10));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn usable_size(&self, object: *const u8) -> Option<usize> {
        let slabs = self.slabs();
        let (number, index) = slabs.object_at(object.addr())?;
        let (start, size) = match slabs.slab(number).usage() {
            SlabUse::Class(class) => (index * TABLE[class].size, TABLE[class].size),
            SlabUse::Span(extent) => (0, extent.bytes()),
            SlabUse::Vacant | SlabUse::Rest(_) => return None,
        };
        (slabs.address(number).addr().get() + start == object.addr()).then_some(size)
    }

    /// A layout that frees the object at an address as well as the one that it was allocated with.
    pub(super) fn layout_at(&self, object: *const u8) -> Option<(NonNull<u8>, Layout)> {
        let size = self.usable_size(object)?;
        // A class that is no multiple of 16 does not keep that alignment; C's objects never have such a class.
        let align = if size % 16 == 0 { 16 } else { 1 };
        Some((NonNull::new(object.cast_mut())?, Layout::from_size_align(size, align).ok()?))
    }

    /// A pointer that is given back and is no object of this heap: reported in debug builds.
    pub(super) fn foreign(&self, object: *const u8) {
        #[cfg(debug_assertions)]
        {
            use super::misuse::{Misuse, Wrong};
            let wrong = if self.contains(object) { Wrong::NoObject } else { Wrong::Foreign };
            Misuse { object, done: "given back", layout: None, wrong }.report(self)
        }
        #[cfg(not(debug_assertions))]
        let _ = object;
    }
}

impl Slabs {
    /// The slab and the number in it of the object that holds an address; for a large object, its first slab and 0.
    pub(in crate::heap) fn object_at(&self, address: usize) -> Option<(usize, usize)> {
        let offset = self.offset(address)?;
        let number = offset / SLAB;
        let in_span = |first: usize| match self.slab(first).usage() {
            SlabUse::Span(extent) => (offset - first * SLAB < extent.bytes()).then_some((first, 0)),
            _ => None,
        };
        match self.slab(number).usage() {
            SlabUse::Vacant => None,
            SlabUse::Span(_) => in_span(number),
            SlabUse::Rest(distance) => in_span(number - distance),
            SlabUse::Class(class) => {
                let index = TABLE[class].index(offset % SLAB);
                (index < usize::from(self.slab(number).first_untouched.get())).then_some((number, index))
            }
        }
    }
}
