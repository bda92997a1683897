//! The checks of debug builds: an exact bit for each object that a program has, and poison in those that it gave back.
//!
//! They find a free of what is not this heap's, is no object's beginning, has another layout, or is free already, and a write to a free
//! object of a class, not to one of whole slabs. Each ends in a panic that says which. Release builds have none of it: there a double free is
//! undefined, as everywhere.

use super::arena::{HeapArena, padded};
use super::classes::{self, Class, LARGEST, TABLE};
use super::slab::{Extent, Flag, Slab, Use};
use super::slabs::Slabs;
use super::words::BITS;
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

/// What a free object is filled with.
const POISON: u8 = 0xDB;

impl HeapArena {
    /// Notes that a program has the object from now on.
    pub(super) fn handed_out(&self, object: NonNull<u8>) -> NonNull<u8> {
        let slabs = self.slabs();
        let Some((slab, class, index)) = slabs.small_object(object) else { return object };
        let (live, poisoned) = slabs.check_bits(slab, class);
        let (word, bit) = (index / BITS, 1 << (index % BITS));
        assert!(live[word].get() & bit == 0, "{object:p} was handed out twice: it had been freed twice");
        if poisoned[word].get() & bit != 0 {
            // SAFETY: a free object, whole and initialised when it was poisoned.
            let bytes = unsafe { slice::from_raw_parts(object.as_ptr(), class.size) };
            let changed = bytes.iter().position(|&byte| byte != POISON);
            assert!(
                changed.is_none(),
                "{object:p} was written to after it was freed, at byte {}",
                changed.unwrap_or(0)
            );
        }
        poisoned[word].set(poisoned[word].get() & !bit);
        live[word].set(live[word].get() | bit);
        object
    }

    /// Checks that the program has this object, with this layout, and poisons it.
    pub(super) fn coming_back(&self, object: NonNull<u8>, layout: Layout) {
        let Some((slab, class, index)) = self.checked(object, layout, "freed") else { return };
        let (live, poisoned) = self.slabs().check_bits(slab, class);
        let (word, bit) = (index / BITS, 1 << (index % BITS));
        live[word].set(live[word].get() & !bit);
        poisoned[word].set(poisoned[word].get() | bit);
        // SAFETY: the program has the object and gives it back.
        unsafe { object.write_bytes(POISON, class.size) };
    }

    /// Checks that the program has this object, with this layout, and wants to resize it.
    pub(super) fn still_out(&self, object: NonNull<u8>, layout: Layout) {
        self.checked(object, layout, "resized");
    }

    /// The slab, class and number of an object that the program has; `None` for one that shares no slab.
    fn checked(&self, object: NonNull<u8>, layout: Layout, what: &str) -> Option<(&Slab, &'static Class, usize)> {
        let (slabs, size) = (self.slabs(), padded(layout));
        let fits = |fits: bool| assert!(fits, "{object:p} is {what} with another layout: {layout:?}");
        if size == 0 {
            // What has no bytes lies at its alignment, wherever that is.
            fits(object.addr().get() == layout.align() || !self.contains(object.as_ptr()));
            return None;
        }
        assert!(self.contains(object.as_ptr()), "{object:p} is {what}, but is not of this heap");
        let begins = |address: NonNull<u8>| {
            assert!(object == address, "{object:p} is {what}, but an object does not begin there");
        };
        let (number, index) = slabs
            .object_at(object.addr().get())
            .unwrap_or_else(|| panic!("{object:p} is {what}, but is no object, or was freed before"));
        let slab = slabs.slab(number);
        let class = match slab.usage() {
            Use::Class(class) => &TABLE[class],
            Use::Span(extent) => {
                begins(slabs.address(number));
                fits(if size > LARGEST { Extent::of(size).bytes() == extent.bytes() } else { slab.is(Flag::Host) });
                return None;
            }
            Use::Vacant | Use::Rest(_) => return None,
        };
        begins(slabs.address(number).map_addr(|start| start.saturating_add(index * class.size)));
        let (live, _) = slabs.check_bits(slab, class);
        let is_live = live[index / BITS].get() >> (index % BITS) & 1 == 1;
        assert!(is_live, "{object:p} is {what}, but was freed before");
        // A guest is of a smaller class.
        let fits_class = |of: usize| of == class.size || (slab.is(Flag::Host) && of < class.size);
        fits(size <= LARGEST && fits_class(TABLE[classes::class(size)].size));
        Some((slab, class, index))
    }
}

impl Slabs {
    /// The slab, class and number of an object that shares a slab.
    fn small_object(&self, object: NonNull<u8>) -> Option<(&Slab, &'static Class, usize)> {
        let (number, index) = self.object_at(object.addr().get())?;
        let slab = self.slab(number);
        match slab.usage() {
            Use::Class(class) => Some((slab, &TABLE[class], index)),
            _ => None,
        }
    }

    /// Objects that a sweep freed: no program has them, and nobody poisoned them.
    pub(super) fn forget(&self, slab: &Slab, class: &Class, word: usize, objects: u64) {
        let (live, poisoned) = self.check_bits(slab, class);
        live[word].set(live[word].get() & !objects);
        poisoned[word].set(poisoned[word].get() & !objects);
    }

    /// The poison of objects in pages that were given back is gone.
    pub(super) fn unpoison(&self, number: usize, part: Range<usize>) {
        let slab = self.slab(number);
        let Use::Class(class) = slab.usage() else { return };
        let class = &TABLE[class];
        let (_, poisoned) = self.check_bits(slab, class);
        for index in class.index(part.start)..=class.index(part.end - 1).min(class.objects - 1) {
            poisoned[index / BITS].set(poisoned[index / BITS].get() & !(1 << (index % BITS)));
        }
    }
}
