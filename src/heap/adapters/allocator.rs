//! The heap as an `Allocator`, for `&HeapArena`. Collections borrow their heap, so that it can be neither moved nor
//! dropped while their memory lives (soundness S18).
//!
//! The trait exists several times: in `allocator-api2` 0.2, which hashbrown and bumpalo use, in its later versions, and in the standard
//! library on nightly. Their methods are the same, so one macro writes them all.

use super::versions::versions;
use crate::heap::HeapArena;
use core::alloc::Layout;
use core::ptr::NonNull;

fn sized(object: NonNull<u8>, layout: Layout) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(object, layout.size())
}

/// Returns in registers, as `allocate` does, so that it is a jump at the end of that and not a call in its midst.
#[cold]
#[inline(never)]
fn allocate_slow(heap: &HeapArena, layout: Layout) -> Option<NonNull<[u8]>> {
    heap.alloc(layout).ok().map(|object| sized(object, layout))
}

/// As [`allocate_slow`].
///
/// # Safety
///
/// As for [`HeapArena::realloc`].
#[cold]
#[inline(never)]
unsafe fn resize_slow(heap: &HeapArena, object: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<[u8]>> {
    // SAFETY: the caller's promise.
    unsafe { heap.realloc_slow(object, old, new) }.ok().map(|object| sized(object, new))
}

/// # Safety
///
/// As for [`HeapArena::realloc`].
#[inline(always)]
unsafe fn resize(heap: &HeapArena, object: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<[u8]>> {
    let object = heap.slabs().own(object);
    // SAFETY: the caller's promise, of which the first attempt uses nothing up if it fails.
    unsafe {
        match heap.realloc_fast(object, old, new) {
            Some(object) => Some(sized(object, new)),
            None => resize_slow(heap, object, old, new),
        }
    }
}

macro_rules! allocator {
    ($api:ident) => {
        const _: () = {
            use $api::alloc::{AllocError, Allocator};

            // SAFETY: objects live until they are freed or the heap is gone, which the shared borrow keeps from happening; every copy of a
            // `&HeapArena` is the same allocator. In release builds nothing here unwinds, unless the user's page source does.
            unsafe impl Allocator for &HeapArena {
                #[inline(always)]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    match self.alloc_fast(layout) {
                        Some(object) => Ok(sized(object, layout)),
                        None => allocate_slow(self, layout).ok_or(AllocError),
                    }
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    self.alloc_zeroed(layout).map(|object| sized(object, layout)).map_err(|_| AllocError)
                }

                #[inline(always)]
                unsafe fn deallocate(&self, object: NonNull<u8>, layout: Layout) {
                    // SAFETY: the caller's promise.
                    unsafe { self.free(object, layout) }
                }

                #[inline]
                unsafe fn grow(
                    &self,
                    object: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    unsafe { resize(self, object, old, new) }.ok_or(AllocError)
                }

                #[inline]
                unsafe fn grow_zeroed(
                    &self,
                    object: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise; what lies behind the old size is the object's.
                    unsafe {
                        let grown = resize(self, object, old, new).ok_or(AllocError)?;
                        grown.cast::<u8>().add(old.size()).write_bytes(0, new.size() - old.size());
                        Ok(grown)
                    }
                }

                #[inline]
                unsafe fn shrink(
                    &self,
                    object: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    unsafe { resize(self, object, old, new) }.ok_or(AllocError)
                }
            }
        };
    };
}

versions!(allocator);
#[cfg(feature = "nightly")]
allocator!(core);
