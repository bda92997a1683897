//! The checks of debug builds: an exact bit for each object that a program has, and poison in those that it gave back.
//!
//! They find a free of a pointer that is not this heap's, is no object's beginning, has another layout, or is free
//! already. They find a write to a free object of a class, not to one of whole slabs. Each ends in a panic that says
//! which; under a global heap it ends the process (`misuse.rs`). Release builds have none of it: there a double free is
//! undefined, as everywhere.

use super::arena::{HeapArena, padded_size};
use super::misuse::{Kind, Misuse, Wrong};
use crate::heap::slabs::{BITS, Class, Flag, LARGEST, Slab, SlabUse, Slabs, SpanSize, TABLE, classes};
use core::alloc::Layout;
use core::ptr::NonNull;
use core::slice;

/// The byte that fills a free object.
const POISON: u8 = 0xDB;

impl HeapArena {
    /// Notes that a program has the object from now on.
    pub(super) fn check_alloc(&self, object: NonNull<u8>) -> NonNull<u8> {
        let slabs = self.slabs();
        let Some((slab, class, index)) = slabs.small_object(object) else { return object };
        let (live, poisoned) = slabs.check_bits(slab, class);
        let (word, bit) = (index / BITS, 1 << (index % BITS));
        let wrong = |wrong| Misuse { object: object.as_ptr(), done: "handed out", layout: None, wrong }.report(self);
        if live[word].get() & bit != 0 {
            wrong(Wrong::Twice(Kind(class.size)));
        }
        if poisoned[word].get() & bit != 0 {
            // SAFETY: a free object, whole and initialised when it was poisoned.
            let bytes = unsafe { slice::from_raw_parts(object.as_ptr(), class.size) };
            if let Some(changed) = bytes.iter().position(|&byte| byte != POISON) {
                wrong(Wrong::Written(Kind(class.size), changed));
            }
        }
        poisoned[word].set(poisoned[word].get() & !bit);
        live[word].set(live[word].get() | bit);
        object
    }

    /// Checks that the program has this object, with this layout, and poisons it.
    pub(super) fn check_free(&self, object: NonNull<u8>, layout: Layout) {
        let Some((slab, class, index)) = self.checked(object, layout, "freed") else { return };
        let (live, poisoned) = self.slabs().check_bits(slab, class);
        let (word, bit) = (index / BITS, 1 << (index % BITS));
        live[word].set(live[word].get() & !bit);
        poisoned[word].set(poisoned[word].get() | bit);
        // SAFETY: the program has the object and gives it back.
        unsafe { object.write_bytes(POISON, class.size) };
    }

    /// Checks that the program has this object, with this layout, and wants to resize it.
    pub(super) fn check_live(&self, object: NonNull<u8>, layout: Layout) {
        self.checked(object, layout, "resized");
    }

    /// The slab, class and number of an object that the program has; `None` for one that shares no slab.
    fn checked(
        &self,
        object: NonNull<u8>,
        layout: Layout,
        done: &'static str,
    ) -> Option<(&Slab, &'static Class, usize)> {
        let (slabs, size) = (self.slabs(), padded_size(layout));
        let check = |right: bool, wrong: Wrong| {
            if !right {
                Misuse { object: object.as_ptr(), done, layout: Some(layout), wrong }.report(self);
            }
        };
        let found = slabs.object_at(object.addr().get());
        let kind = found.map_or(Kind(0), |(number, _)| slabs.kind(number));
        if size == 0 {
            // An object without bytes lies at its alignment, wherever that is.
            let is_right = object.addr().get() == layout.align() || !self.contains(object.as_ptr());
            check(is_right || found.is_some(), Wrong::NoObject);
            check(is_right, Wrong::Layout(kind));
            return None;
        }
        check(self.contains(object.as_ptr()), Wrong::Foreign);
        check(found.is_some(), Wrong::NoObject);
        let (number, index) = found?;
        let slab = slabs.slab(number);
        let (start, class) = match slab.usage() {
            SlabUse::Class(class) => (index * TABLE[class].size, &TABLE[class]),
            SlabUse::Span(extent) => {
                check(object == slabs.address(number), Wrong::Middle(kind));
                let same = size > LARGEST && SpanSize::of(size).bytes() == extent.bytes();
                check(same || size <= LARGEST && slab.is(Flag::Host), Wrong::Layout(kind));
                return None;
            }
            SlabUse::Vacant | SlabUse::Rest(_) => return None,
        };
        check(object.addr().get() == slabs.address(number).addr().get() + start, Wrong::Middle(kind));
        let (live, _) = slabs.check_bits(slab, class);
        check(live[index / BITS].get() >> (index % BITS) & 1 == 1, Wrong::Freed(kind));
        // A guest is of a smaller class.
        let fits_class = |of: usize| of == class.size || (slab.is(Flag::Host) && of < class.size);
        check(size <= LARGEST && fits_class(TABLE[classes::class(size)].size), Wrong::Layout(kind));
        Some((slab, class, index))
    }
}

impl Slabs {
    /// Returns the kind of a slab's objects.
    fn kind(&self, number: usize) -> Kind {
        match self.slab(number).usage() {
            SlabUse::Class(class) => Kind(TABLE[class].size),
            SlabUse::Span(extent) => Kind(extent.bytes()),
            SlabUse::Vacant | SlabUse::Rest(_) => Kind(0),
        }
    }

    /// The slab, class and number of an object that shares a slab.
    fn small_object(&self, object: NonNull<u8>) -> Option<(&Slab, &'static Class, usize)> {
        let (number, index) = self.object_at(object.addr().get())?;
        let slab = self.slab(number);
        match slab.usage() {
            SlabUse::Class(class) => Some((slab, &TABLE[class], index)),
            _ => None,
        }
    }

    /// Objects that a sweep freed: no program has them, and nobody poisoned them.
    pub(super) fn forget(&self, slab: &Slab, class: &Class, word: usize, objects: u64) {
        let (live, poisoned) = self.check_bits(slab, class);
        live[word].set(live[word].get() & !objects);
        poisoned[word].set(poisoned[word].get() & !objects);
    }
}
