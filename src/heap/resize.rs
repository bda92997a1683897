//! Changing an object's size: within its class, where it lies, or by a move to another place.

use super::arena::{HeapArena, padded_size, size_minus_one};
use crate::error::Error;
use crate::heap::slabs::{LARGEST, SMALL, SlabUse, TABLE, classes};
use core::alloc::Layout;
use core::ptr::NonNull;

impl HeapArena {
    /// Changes an object's size, where it lies if that is possible. The first bytes, as many as both sizes have, are
    /// kept.
    ///
    /// Making an object smaller is not refused, neither at the limit nor in a full reservation. If there is no smaller
    /// place, the object stays in its own, which counts until it is freed or resized again. (A larger *alignment* can
    /// be refused, if the object does not lie at a multiple of it by chance.)
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc), for a size or an alignment that is larger; the object is then as it was.
    ///
    /// # Panics
    ///
    /// As [`alloc`](Self::alloc) and [`free`](Self::free), in debug builds.
    ///
    /// # Safety
    ///
    /// 1. `object` came from this heap with layout `old` and was not freed since.
    /// 2. After an `Ok` only the new address is used.
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
    ///
    /// # Cost
    ///
    /// - Within a class a comparison and no write.
    /// - An object above 32 KiB that stays above gives slabs up, or takes those behind it if nothing is there. It costs
    ///   a write of 12 bytes and of a bit for each, and copies no byte.
    /// - Everything else costs an [`alloc`](Self::alloc), a copy of the smaller size and a [`free`](Self::free).
    ///
    /// An object above 32 KiB that had to move keeps address space behind it, half of its size, to grow into.
    #[inline]
    pub unsafe fn realloc(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, Error> {
        // SAFETY: the caller's promise.
        unsafe { self.realloc_as_given(self.slabs().own(object), old, new) }
    }

    /// Resizes an object whose place has, for whoever gets it next, the right that this pointer has.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](Self::realloc).
    #[inline]
    pub(super) unsafe fn realloc_as_given(
        &self,
        object: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, Error> {
        // SAFETY: the caller's promise, of which the first attempt uses nothing up if it fails.
        unsafe {
            match self.realloc_fast(object, old, new) {
                Some(object) => Ok(object),
                None => self.realloc_slow(object, old, new),
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
        self.check_live(object, old);
        let (from, to) = (size_minus_one(old), size_minus_one(new));
        // Both are small if both together are, because the bound is a power of two. A guest's class says nothing of its alignment.
        if (from | to) >= SMALL || new.align() > old.align() {
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

    /// An object of any class that stays in its class, or moves to one whose magazine has another. `None` has changed nothing.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](Self::realloc).
    #[inline(always)]
    unsafe fn realloc_by_class(&self, object: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let (from, to) = (size_minus_one(old), size_minus_one(new));
        // An object without bytes has the largest number there is.
        if (from | to) >= LARGEST {
            return None;
        }
        let (from, to) = (classes::class(from + 1), classes::class(to + 1));
        if from == to && object.addr().get() & (new.align() - 1) == 0 {
            return Some(object);
        }
        let moved = self.pop(to)?;
        // SAFETY: objects of at least that size, of which the new one is nobody else's.
        unsafe { moved.copy_from_nonoverlapping(object, old.size().min(new.size())) };
        self.check_free(object, old);
        self.put_back(from, object);
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
            self.free_as_given(object, old);
        }
    }

    /// The rest of a reallocation, which [`realloc_fast`](Self::realloc_fast) leaves undone.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](Self::realloc).
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn realloc_slow(
        &self,
        object: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, Error> {
        // SAFETY: the caller's promise, of which a refused attempt uses nothing up.
        match unsafe { self.try_realloc(object, old, new) } {
            Err(_) if self.stays(object, old, new) => Ok(object),
            moved => moved,
        }
    }

    /// Resizes an object where it lies, or moves it to a place of the new size.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](Self::realloc).
    #[inline(always)]
    pub(super) unsafe fn try_realloc(
        &self,
        object: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, Error> {
        // SAFETY: the caller's promise, of which a failed attempt uses nothing up.
        if let Some(object) = unsafe { self.realloc_by_class(object, old, new) } {
            return Ok(object);
        }
        if self.resize_in_place(object, old, new) {
            return Ok(object);
        }
        let (from, to) = (padded_size(old), padded_size(new));
        if to > from && from > LARGEST {
            if let Some(moved) = self.slabs().alloc_with_room(to, new.align()) {
                // SAFETY: the caller's object, and one that was just allocated.
                unsafe { self.move_to(moved, new, object, old) };
                return Ok(moved);
            }
        }
        let moved = self.alloc(new).or_else(|error| match error {
            // The magazines are empty now. What lies behind a large object may have been free objects only.
            _ if from > LARGEST && to > LARGEST && self.resize_in_place(object, old, new) => Ok(object),
            // The memory that will be given up is lent.
            Error::Limit { .. } if to <= LARGEST && to < from => {
                self.alloc_lent(classes::class(to), self.counted(object)).ok_or(error)
            }
            error => Err(error),
        })?;
        if moved == object {
            return Ok(object);
        }
        // SAFETY: the caller's object, and one that was just allocated.
        unsafe { self.move_to(moved, new, object, old) };
        if from <= LARGEST && self.slabs().out_bytes.get() > self.slabs().limit {
            self.flush(classes::class(from));
        }
        Ok(moved)
    }

    /// Bytes that an object counts.
    fn counted(&self, object: NonNull<u8>) -> usize {
        match self.slabs().slab(self.slabs().number_of(object)).usage() {
            SlabUse::Class(class) => TABLE[class].size,
            SlabUse::Span(extent) => extent.bytes(),
            SlabUse::Vacant | SlabUse::Rest(_) => 0,
        }
    }

    /// Resizes an object above 32 KiB that stays above, if it can grow where it lies.
    fn resize_in_place(&self, object: NonNull<u8>, old: Layout, new: Layout) -> bool {
        let to = padded_size(new);
        if padded_size(old) <= LARGEST || to <= LARGEST || object.addr().get() % new.align() != 0 {
            return false;
        }
        let span = self.slabs().span_at(object);
        let resized = span.is_some_and(|(first, extent)| self.slabs().resize_span(first, extent, to));
        if resized {
            self.spend(1);
        }
        resized
    }
}
