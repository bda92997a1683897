//! Objects that were made smaller where no smaller place was to be had.
//!
//! ```text
//!   slab of class 80   [ ▓▓▓▓▓▓▓▓ │ ▓▓▓░░░░░ │ ▓▓▓▓▓▓▓▓ ]      the second was shrunk to 24 bytes: a guest of class 24
//!                                     ▲
//!   magazine of class 24, closed ─────┘ a free looks where the object lies, and gives it back to class 80
//! ```
//!
//! A guest is freed as one of a smaller class than its slab's. It must not be mixed with that class: the next object of
//! it might be too large for the place, or want another alignment. So the magazine of its class is *closed*, as behind
//! a fence, while there are guests of it.
//!
//! * `guests[c]` counts the guests of class `c`; its magazine is closed while that is not 0. It may be too high.
//!   Callers that know a heap by addresses alone (C, a sweep, other threads) free a guest without knowing that it is
//!   one.
//! * So slabs with guests are [hosts](Flag::Host) until they are vacant, and when there is none there are no guests.
//! * A guest counts, in statistics, limits and walks, as what it lies in.
//! * A large object whose slabs are all that there is becomes the first object of a slab of its new class. If there is
//!   not even a bitmap, it keeps the least that a large one can have.

use super::arena::{HeapArena, padded_size};
use crate::heap::slabs::{BITMAPS, Flag, LARGEST, SlabUse, Slabs, SpanSize, TABLE, classes};
use core::alloc::Layout;
use core::ptr::NonNull;

impl HeapArena {
    /// Leaves an object where it lies although its new size has another place; `false` if that is too small or not aligned.
    pub(super) fn stays(&self, object: NonNull<u8>, old: Layout, new: Layout) -> bool {
        let (from, to) = (padded_size(old), padded_size(new));
        if old.size() == 0 || new.size() == 0 || object.addr().get() % new.align() != 0 {
            return false;
        }
        let slabs = self.slabs();
        let number = slabs.number_of(object);
        let slab = slabs.slab(number);
        // The class that it is of in truth, if it is of one.
        let own = match slab.usage() {
            SlabUse::Class(own) if to <= TABLE[own].size => Some(own),
            SlabUse::Span(extent) if to <= LARGEST && slabs.span_becomes_class(number, extent, classes::class(to)) => {
                Some(classes::class(to))
            }
            SlabUse::Span(extent) if to <= extent.bytes() => {
                // Never as little as an object that shares a slab.
                slabs.resize_span(number, extent, to.max(LARGEST + 1));
                None
            }
            _ => return false,
        };
        if from <= LARGEST {
            self.guest_left(classes::class(from), own);
        }
        if to <= LARGEST && own != Some(classes::class(to)) {
            let class = classes::class(to);
            slabs.guests[class].set(slabs.guests[class].get() + 1);
            if !slab.note(Flag::Host, true) {
                slabs.hosts.set(slabs.hosts.get() + 1);
            }
            self.magazine(class).close();
        }
        true
    }

    /// An object of a class that lies in a slab of class `own`, or in a span, is that class's no more.
    fn guest_left(&self, class: usize, own: Option<usize>) {
        if own != Some(class) {
            let guests = &self.slabs().guests[class];
            guests.set(guests.get().saturating_sub(1));
        }
    }

    /// Frees an object of a class whose magazine is closed, if it must not lie in there. Opens the magazine if nothing keeps it closed.
    pub(super) fn freed_apart(&self, class: usize, object: NonNull<u8>) -> bool {
        let slabs = self.slabs();
        let number = slabs.number_of(object);
        let slab = slabs.slab(number);
        match slab.usage() {
            SlabUse::Class(own) if own == class => {
                let old = slabs.fenced.get() && slab.is(Flag::Old);
                if old {
                    slabs.take_back(class, &[object]);
                }
                if !slabs.fenced.get() && slabs.guests[class].get() == 0 {
                    self.magazine(class).open();
                }
                return old;
            }
            SlabUse::Class(own) => {
                self.guest_left(class, Some(own));
                slabs.take_back(own, &[object]);
            }
            SlabUse::Span(extent) => {
                self.guest_left(class, None);
                slabs.free_span(number, extent);
            }
            // Freed twice.
            SlabUse::Vacant | SlabUse::Rest(_) => debug_assert!(false, "an object is freed twice"),
        }
        true
    }
}

impl Slabs {
    /// Makes the first slab of a span one of a class, of which the span's object is the first. `false` if there is no bitmap for it.
    fn span_becomes_class(&self, first: usize, extent: SpanSize, class: usize) -> bool {
        let (table, slab) = (&TABLE[class], self.slab(first));
        let Ok(Some(bitmap)) = self.pool.take(BITMAPS * table.words, |range| self.commit_pool(range)) else {
            return false;
        };
        let old = slab.is(Flag::Old);
        self.free_span(first, extent);
        self.occupy(first..first + 1);
        slab.note(Flag::Old, old);
        slab.becomes_class(class, bitmap);
        self.class_slabs.set(self.class_slabs.get() + 1);
        slab.first_untouched.set(1);
        // Its other objects are free like any that came back.
        let open = self.open[class].replace(first as u32 + 1);
        self.close_open(class, Some(first));
        self.open[class].set(open);
        #[cfg(debug_assertions)]
        self.check_bits(slab, table).0[0].set(1);
        self.out[class].set(self.out[class].get() + 1);
        self.out_bytes.set(self.out_bytes.get() + table.size);
        true
    }
}
