//! Changing an object's size: within its class, where it lies, or by a move to another place.

use super::arena::{HeapArena, last, padded};
use super::classes::{self, LARGEST, SMALL};
use crate::error::Error;
use core::alloc::Layout;
use core::ptr::NonNull;

impl HeapArena {
    /// Changes an object's size, where it lies if that is possible. The first bytes, as many as both sizes have, stay what they are.
    ///
    /// Within a class it costs a comparison and no write. An object above 32 KiB that stays above gives slabs up, or takes those behind it
    /// if nothing is there, for a write of 8 bytes and of a bit for each; no byte is copied. Everything else costs an
    /// [`alloc`](Self::alloc), a copy of the smaller size and a [`free`](Self::free), so making an object smaller can be refused as well.
    /// Memory that is given up stays with the heap.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc); the object is then as it was.
    ///
    /// # Panics
    ///
    /// As [`alloc`](Self::alloc) and [`free`](Self::free), in debug builds.
    ///
    /// # Safety
    ///
    /// `object` came from this heap with layout `old` and was not freed since. After an `Ok` only the new address is used.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let (old, new) = (Layout::new::<[u8; 100_000]>(), Layout::new::<[u8; 8 << 20]>());
    /// let object = heap.alloc(old)?;
    /// // SAFETY: live, of this layout; only the new address is used from here on.
    /// let grown = unsafe { heap.realloc(object, old, new) }?;
    /// assert_eq!(grown, object); // nothing lay behind it, so nothing was copied
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub unsafe fn realloc(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, Error> {
        // SAFETY: the caller's promise, of which the first attempt uses nothing up if it fails.
        unsafe {
            match self.realloc_fast(object, old, new) {
                Some(object) => Ok(object),
                None => self.realloc_large(object, old, new),
            }
        }
    }

    /// A small object that stays in its class, or moves to one whose magazine has another. `None` has changed nothing.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](Self::realloc).
    #[inline(always)]
    pub(super) unsafe fn realloc_fast(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        self.still_out(object, old);
        let (from, to) = (last(old), last(new));
        // Both are small if both together are, because the bound is a power of two.
        if (from | to) >= SMALL {
            return None;
        }
        if classes::small_class(from) == classes::small_class(to) {
            return Some(object);
        }
        let moved = self.alloc_fast(new)?;
        // SAFETY: the caller's object, and one that was just allocated.
        unsafe { self.move_to(moved, new, object, old) };
        Some(moved)
    }

    /// Copies what both layouts have room for and frees the old object.
    ///
    /// # Safety
    ///
    /// Both are objects of this heap with these layouts; the old one is not used any more.
    #[inline(always)]
    unsafe fn move_to(&self, moved: NonNull<u8>, new: Layout, object: NonNull<u8>, old: Layout) {
        // SAFETY: objects of at least that size; a new object does not overlap one that is not freed.
        unsafe {
            moved.copy_from_nonoverlapping(object, old.size().min(new.size()));
            self.free(object, old);
        }
    }

    /// What [`realloc_fast`](Self::realloc_fast) leaves undone.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](Self::realloc).
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn realloc_large(
        &self,
        object: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, Error> {
        if self.resize_in_place(object, old, new) {
            return Ok(object);
        }
        let moved = match self.alloc(new) {
            Ok(moved) => moved,
            Err(error) => return if self.resize_among_free(object, old, new) { Ok(object) } else { Err(error) },
        };
        // SAFETY: the caller's object, and one that was just allocated.
        unsafe { self.move_to(moved, new, object, old) };
        Ok(moved)
    }

    fn resize_in_place(&self, object: NonNull<u8>, old: Layout, new: Layout) -> bool {
        let (from, to) = (padded(old), padded(new));
        // Nothing lies where its old alignment put it.
        if old.size() == 0 || new.size() == 0 {
            return false;
        }
        match (from <= LARGEST, to <= LARGEST) {
            (true, true) => classes::class(from) == classes::class(to),
            (false, false) if object.addr().get() % new.align() == 0 => {
                self.slabs().span_at(object).is_some_and(|(first, count)| self.slabs().resize_span(first, count, to))
            }
            _ => false,
        }
    }

    /// Resizes a large object where it lies once an allocation was refused, so that the magazines are empty: what lies behind it may be slabs
    /// of free objects only.
    fn resize_among_free(&self, object: NonNull<u8>, old: Layout, new: Layout) -> bool {
        if padded(old).min(padded(new)) <= LARGEST {
            return false;
        }
        self.slabs().vacate_empty();
        self.resize_in_place(object, old, new)
    }
}
