//! Frees by other threads: bits that they set and the owner of a global heap takes, out of line.
//!
//! ```text
//!   a reservation of its own, writable from its beginning on as far as the heap is
//!   ├─ a bit for each slab ─┼─ slab 0: a bit for each 8 bytes ─┼─ slab 1 ─┼┄┄ no access ┄┄┤
//! ```
//!
//! * A slab's bit is set after the bit of the object, and taken before it. If an object's bit is not seen now, its
//!   slab's is set again.
//! * Whatever the heap can hand out has writable bits: [`CoveredPages`](super::covered_pages::CoveredPages) makes them so before it makes the
//!   objects so. They take a 64th of what the heap makes writable, not of what it reserves. Where memory is locked as
//!   it is mapped, that is resident.
//! * They tell nothing of a crash that the objects do not, and stay out of core dumps.
//!
//! In debug builds a word more for each slab says what the owner has handed out there. So a layout is checked by the
//! thread that is wrong.

use crate::base::bits;
use crate::error::{Error, PageError};
use crate::heap::slabs::SLAB;
use crate::pages::{Reservation, Source, Writable};
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// Granularity of the bits: the smallest class.
const GRAIN: usize = 8;
/// Bits of a word, which is what every target has an atomic of.
const BITS: usize = usize::BITS as usize;
const WORD: usize = size_of::<usize>();
/// Words with a bit for each grain of a slab.
const GRAINS: usize = SLAB / GRAIN / BITS;
/// Words for each slab.
const STRIDE: usize = GRAINS + cfg!(debug_assertions) as usize;
/// Bits are made writable so many bytes at a time, at least: those of 4 MiB of objects.
const STEP: usize = 64 << 10;

/// The bits for the objects of one heap.
pub(in crate::heap) struct Remote {
    pages: Reservation<Writable>,
    slabs: usize,
    /// Bytes that are writable. Only the owner changes it.
    covered: AtomicUsize,
}

impl Remote {
    /// Bytes that the bits for so many bytes of objects take. Above all addresses where there is no such number.
    pub(in crate::heap) fn address_space(len: usize) -> usize {
        let slabs = len / SLAB;
        slabs.saturating_mul(STRIDE).saturating_add(slabs.div_ceil(BITS)).saturating_mul(WORD)
    }

    /// Bits for so many bytes of objects, none of which are writable but those of slabs.
    pub(in crate::heap) fn new(source: Source, len: usize) -> Result<Self, Error> {
        let (slabs, bytes) = (len / SLAB, Self::address_space(len));
        let bytes = source.page_size()?.ceil(bytes).ok_or(Error::TooLarge { len: bytes, element: 1 })?;
        let remote = Self { pages: Reservation::new(source, bytes)?, slabs, covered: AtomicUsize::new(0) };
        remote.pages.keep_out_of_dumps();
        remote.cover(0)?;
        Ok(remote)
    }

    /// Bytes that were reserved.
    pub(in crate::heap) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Bytes of objects that there are bits for.
    pub(in crate::heap) fn covers(&self) -> usize {
        self.slabs * SLAB
    }

    /// Makes the bits writable of the objects below an offset.
    pub(in crate::heap) fn cover(&self, end: usize) -> Result<(), PageError> {
        debug_assert!(end <= self.covers());
        let covered = self.covered.load(Relaxed);
        let needed = (self.slabs.div_ceil(BITS) + end.div_ceil(SLAB) * STRIDE) * WORD;
        if needed <= covered {
            return Ok(());
        }
        let commit = |to: usize| {
            let to = self.pages.page().ceil(to).unwrap_or(usize::MAX).min(self.pages.len());
            self.pages.commit(covered..to).map(|()| self.covered.store(to, Relaxed))
        };
        let ahead = covered + STEP.max(covered / 4);
        commit(needed.max(ahead)).or_else(|error| if needed < ahead { commit(needed) } else { Err(error) })
    }

    /// A word of the bits.
    ///
    /// # Safety
    ///
    /// It is writable.
    unsafe fn word(&self, index: usize) -> &AtomicUsize {
        // SAFETY: within the reservation, writable by the caller's promise; zeroed memory is an atomic, and it is nothing else.
        unsafe { self.pages.at(index * WORD).cast::<AtomicUsize>().as_ref() }
    }

    /// The word of a slab's bit, and the first of the words of its objects.
    fn words(&self, slab: usize) -> (usize, usize) {
        (slab / BITS, self.slabs.div_ceil(BITS) + slab * STRIDE)
    }

    /// Returns `true` if all bits are writable of the slab at an offset, and of those before it.
    fn is_covered(&self, offset: usize) -> bool {
        (self.words(offset / SLAB).1 + STRIDE) * WORD <= self.covered.load(Relaxed)
    }

    /// Notes that the object at an offset was freed. `false` if that was noted before and not taken since.
    ///
    /// # Safety
    ///
    /// The offset is of an object that the heap handed out.
    pub(in crate::heap) unsafe fn set(&self, offset: usize) -> bool {
        let (slab, grain) = (offset / SLAB, offset % SLAB / GRAIN);
        let (outer, inner) = self.words(slab);
        // SAFETY: what the heap handed out is covered.
        unsafe {
            let before = self.word(inner + grain / BITS).fetch_or(1 << (grain % BITS), Release);
            self.word(outer).fetch_or(1 << (slab % BITS), Release);
            before >> (grain % BITS) & 1 == 0
        }
    }

    /// Takes what was noted in the first slabs, and visits the offset of each.
    ///
    /// # Safety
    ///
    /// They are covered.
    pub(in crate::heap) unsafe fn take(&self, slabs: usize, mut visit: impl FnMut(usize)) {
        debug_assert!(slabs == 0 || self.is_covered((slabs - 1) * SLAB));
        // SAFETY: the caller's promise: the words of covered slabs are writable.
        let swap = |word: usize| unsafe { self.word(word) }.swap(0, AcqRel);
        for slab_word in 0..slabs.div_ceil(BITS) {
            for slab in bits::ones(swap(slab_word) as u64).map(|bit| slab_word * BITS + bit) {
                let (_, inner) = self.words(slab);
                for word in 0..GRAINS {
                    for bit in bits::ones(swap(inner + word) as u64) {
                        visit(slab * SLAB + (word * BITS + bit) * GRAIN);
                    }
                }
            }
        }
    }
}

#[cfg(debug_assertions)]
mod checks {
    use super::{BITS, GRAIN, GRAINS, Remote};
    use crate::heap::arena::padded_size;
    use crate::heap::misuse::{Kind, Misuse, Wrong};
    use crate::heap::slabs::{LARGEST, SLAB, TABLE, classes};
    use core::alloc::Layout;
    use core::ptr::NonNull;
    use core::sync::atomic::Ordering::Relaxed;

    /// Set where an object may keep its place at a size that has another class.
    const MIXED: usize = 1 << (usize::BITS - 1);

    impl Remote {
        /// Notes what the owner has handed out, or resized, at an offset: the bytes it takes, and whether its layout is of that class.
        /// Whoever is given the object later sees this.
        pub(in crate::heap) fn note(&self, offset: usize, usable: usize, layout: Layout) {
            // SAFETY: of an object that was just handed out.
            let word = unsafe { self.word(self.words(offset / SLAB).1 + GRAINS) };
            let (size, before) = (padded_size(layout), word.load(Relaxed));
            let of_its_class = match usable > LARGEST {
                true => size > LARGEST,
                false => size <= LARGEST && TABLE[classes::class(size)].size == usable,
            };
            let mixed = if before & !MIXED == usable { before & MIXED } else { 0 };
            word.store(usable | mixed | if of_its_class { 0 } else { MIXED }, Relaxed);
        }

        /// Ends the process where a thread gives back, or resizes, what the owner never handed out so.
        pub(in crate::heap) fn check(&self, object: NonNull<u8>, offset: usize, layout: Layout, done: &'static str) {
            let wrong = |wrong| Misuse { object: object.as_ptr(), done, layout: Some(layout), wrong }.abort();
            if !self.is_covered(offset) {
                wrong(Wrong::NoObject);
            }
            let (slab, within) = (offset / SLAB, offset % SLAB);
            // SAFETY: covered.
            let (noted, bits) = unsafe {
                let first = self.words(slab).1;
                (self.word(first + GRAINS).load(Relaxed), self.word(first + within / GRAIN / BITS).load(Relaxed))
            };
            let (usable, size) = (noted & !MIXED, padded_size(layout));
            if usable == 0 {
                wrong(self.large_before(slab).map_or(Wrong::NoObject, |bytes| Wrong::Middle(Kind(bytes))));
            }
            let (middle, same) = if usable > LARGEST {
                (within, size > LARGEST && size <= usable && usable - size < SLAB)
            } else {
                (within % usable, size <= LARGEST && size != 0 && TABLE[classes::class(size)].size == usable)
            };
            let fits = same || noted & MIXED != 0 && size <= usable;
            if middle != 0 {
                wrong(Wrong::Middle(Kind(usable)));
            }
            if bits >> (within / GRAIN % BITS) & 1 == 1 {
                wrong(Wrong::Freed(Kind(usable)));
            }
            if !fits {
                wrong(Wrong::Layout(Kind(usable)));
            }
        }

        /// The bytes of the large object that began before a slab and takes it too.
        fn large_before(&self, slab: usize) -> Option<usize> {
            let noted = |first: usize| {
                // SAFETY: covered, because what lies behind is.
                unsafe { self.word(self.words(first).1 + GRAINS) }.load(Relaxed) & !MIXED
            };
            let first = (0..slab).rev().find(|&first| noted(first) != 0)?;
            (noted(first) > (slab - first) * SLAB).then(|| noted(first))
        }
    }
}
