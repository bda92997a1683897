//! The record of one slab: twelve bytes, out of line.
//!
//! ```text
//!   tag │ touched │ flags │ last │ fresh │ free │ link
//!    1       1        1      1       2      2      4      bytes
//! ```
//!
//! | | vacant | of a class | first of a span | rest of a span |
//! | --- | --- | --- | --- | --- |
//! | `touched` | what may be resident or not zero, in sixteenths from the start | the same | the same | the same |
//! | `first_untouched` | 0 | objects that were handed out at least once | 0 | 0 |
//! | `free` | 0 | of these, those whose bit says that they came back | slabs behind its end, kept to grow into | 0 |
//! | `last` | 0 | 0 | sixteenths that it has of its last slab | 0 |
//! | `link` | 0 | its bitmap | slabs that its bytes lie in | slabs from its first to this one |
//!
//! A vacant slab whose memory is the system's again is all zeros, but for the flag that says so.

use super::classes::{GRAIN, SLAB};
use core::cell::Cell;

/// The use of a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::heap) enum SlabUse {
    /// Nothing.
    Vacant,
    /// Objects of a class.
    Class(usize),
    /// A large object that begins here.
    Span(SpanSize),
    /// A large object that began so many slabs before.
    Rest(usize),
}

/// The size of a large object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::heap) struct SpanSize {
    /// Slabs that its bytes lie in.
    pub(in crate::heap) slabs: usize,
    /// Sixteenths that it has of the last of them, at least one.
    pub(in crate::heap) last: usize,
    /// Slabs behind these that are kept for it to grow into. What lies in them is little, or was returned.
    pub(in crate::heap) slack: usize,
}

impl SpanSize {
    /// The extent of so many bytes, at least one.
    pub(in crate::heap) fn of(bytes: usize) -> Self {
        let slabs = bytes.div_ceil(SLAB);
        let last = bytes.saturating_sub(slabs.saturating_sub(1).saturating_mul(SLAB)).div_ceil(GRAIN);
        Self { slabs, last, slack: 0 }
    }

    /// Bytes that it counts.
    pub(in crate::heap) fn bytes(self) -> usize {
        (self.slabs - 1).saturating_mul(SLAB).saturating_add(self.last * GRAIN)
    }

    /// Slabs in all.
    pub(in crate::heap) fn owned(self) -> usize {
        self.slabs + self.slack
    }
}

/// The record of one slab. All zeros: vacant, and as the system gives it.
pub(in crate::heap) struct Slab {
    /// 0: vacant. 1 and 2: a span and its rest. Above: a class.
    tag: Cell<u8>,
    touched: Cell<u8>,
    flags: Cell<u8>,
    last: Cell<u8>,
    /// Objects of a class that were handed out at least once.
    pub(in crate::heap) first_untouched: Cell<u16>,
    /// Of these, how many have come back to the bits.
    pub(in crate::heap) free: Cell<u16>,
    link: Cell<u32>,
}

const SPAN: u8 = 1;
const REST: u8 = 2;
const FIRST_CLASS: u8 = 3;

/// Sixteenths of a slab, each [`GRAIN`] bytes.
pub(in crate::heap) const GRAINS: usize = SLAB / GRAIN;

/// Something that holds of a slab, or does not.
#[derive(Clone, Copy)]
pub(in crate::heap) enum Flag {
    /// The large object that begins here is marked.
    Marked = 1,
    /// Its memory went back by itself, and nobody has used it since.
    Returned = 2,
    /// It was in use, or may have been resident, when the fence was put: its pages may be shared.
    Old = 4,
    /// The pages of its free objects are the system's, and no object has come back since.
    Settled = 8,
    /// An object of another class than its own may lie in it.
    Host = 16,
    /// A part may have lost its access: it must be committed before it is used.
    Unsure = 32,
    /// It was at most half full when a window ended, and none of its free objects was handed out since.
    Rested = 64,
}

impl Slab {
    pub(in crate::heap) fn usage(&self) -> SlabUse {
        match self.tag.get() {
            0 => SlabUse::Vacant,
            SPAN => SlabUse::Span(SpanSize {
                slabs: self.link.get() as usize,
                last: usize::from(self.last.get()),
                slack: usize::from(self.free.get()),
            }),
            REST => SlabUse::Rest(self.link.get() as usize),
            tag => SlabUse::Class(usize::from(tag - FIRST_CLASS)),
        }
    }

    /// Returns the class, of a slab that is of one.
    #[inline]
    pub(in crate::heap) fn class(&self) -> Option<usize> {
        self.tag.get().checked_sub(FIRST_CLASS).map(usize::from)
    }

    fn becomes(&self, tag: u8, link: u32, fresh: u16, free: u16, last: u8) {
        self.tag.set(tag);
        self.link.set(link);
        self.first_untouched.set(fresh);
        self.free.set(free);
        self.last.set(last);
    }

    /// Makes it one of a class, with a bitmap and no object handed out.
    pub(in crate::heap) fn becomes_class(&self, class: usize, bitmap: u32) {
        self.becomes(FIRST_CLASS + class as u8, bitmap, 0, 0, 0);
    }

    /// Makes it the first of a span, or the span that begins here another extent.
    pub(in crate::heap) fn becomes_span(&self, extent: SpanSize) {
        self.becomes(SPAN, extent.slabs as u32, 0, extent.slack as u16, extent.last as u8);
    }

    /// Makes it one of a span that began `distance` slabs before.
    pub(in crate::heap) fn becomes_rest(&self, distance: usize) {
        self.becomes(REST, distance as u32, 0, 0, 0);
    }

    /// Makes it nobody's. What it is known to have touched, shared and lost stays.
    pub(in crate::heap) fn becomes_vacant(&self) {
        self.becomes(0, 0, 0, 0, 0);
        self.flags.set(self.flags.get() & (Flag::Old as u8 | Flag::Unsure as u8));
    }

    #[inline]
    pub(in crate::heap) fn is_of(&self, class: usize) -> bool {
        usize::from(self.tag.get()) == usize::from(FIRST_CLASS) + class
    }

    /// A class's bitmap.
    pub(in crate::heap) fn bitmap(&self) -> u32 {
        self.link.get()
    }

    /// Sixteenths from its start that may be resident, or not zero.
    pub(in crate::heap) fn touched(&self) -> usize {
        usize::from(self.touched.get())
    }

    /// Says how much may have been written to, at least.
    pub(in crate::heap) fn touch(&self, grains: usize) {
        debug_assert!(grains <= GRAINS);
        self.touched.set(self.touched.get().max(grains as u8));
    }

    /// Says that what lies behind so much is zero and not resident.
    pub(in crate::heap) fn cut(&self, grains: usize) {
        self.touched.set(self.touched.get().min(grains as u8));
    }

    pub(in crate::heap) fn is(&self, flag: Flag) -> bool {
        self.flags.get() & flag as u8 != 0
    }

    /// Sets a flag, or takes it away. Returns `true` if it was set before.
    pub(in crate::heap) fn note(&self, flag: Flag, holds: bool) -> bool {
        let before = self.is(flag);
        let rest = self.flags.get() & !(flag as u8);
        self.flags.set(if holds { rest | flag as u8 } else { rest });
        before
    }
}

const _: () = assert!(size_of::<Slab>() == 12);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_counts_what_it_is_made_of_in_sixteenths_of_a_slab() {
        for bytes in (1..5 * SLAB).step_by(1021).chain([SLAB - 1, SLAB, SLAB + 1, 3 * SLAB, usize::MAX / 2]) {
            let extent = SpanSize::of(bytes);
            assert_eq!(extent.bytes(), bytes.div_ceil(GRAIN) * GRAIN);
            assert!((1..=GRAINS).contains(&extent.last) && extent.slabs == bytes.div_ceil(SLAB));
        }
    }
}
