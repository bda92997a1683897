//! [`Collect`] for collections whose buffer lies in the heap.
//!
//! A buffer is an object of its own. Its elements wait in the grey list and not on the stack, so vectors of vectors may be nested as deep as
//! one likes.

use super::collect::Collect;
use super::marker::Marker;
use crate::heap::{HeapArena, HeapString, versions};
use core::ptr::NonNull;

/// Visits the buffer of a collection, given by all of its elements.
#[inline]
fn trace_buffer<T: Collect>(elements: &[T], marker: &mut Marker<'_>) {
    if marker.heap().contains(elements.as_ptr()) {
        // SAFETY: a live collection's, and no `trace` changes it, by the promise of `Collect`.
        unsafe { marker.visit_buffer(NonNull::from(elements).cast::<T>(), elements.len()) };
    } else {
        // Without a buffer, or on another heap, whence its elements may still lead here.
        elements.trace(marker);
    }
}

/// Vectors and boxes, of one version of the allocator's trait.
macro_rules! buffers {
    ($api:ident) => {
        const _: () = {
            use $api::boxed::Box;
            use $api::vec::Vec;

            // SAFETY: a vector is its buffer and the elements in it; a buffer without elements is one as well, if it has room.
            unsafe impl<T: Collect> Collect for Vec<T, &HeapArena> {
                #[inline]
                fn trace(&self, marker: &mut Marker<'_>) {
                    trace_buffer(self, marker);
                }
            }

            // SAFETY: a box is its value, which is an object.
            unsafe impl<T: Collect> Collect for Box<T, &HeapArena> {
                #[inline]
                fn trace(&self, marker: &mut Marker<'_>) {
                    if marker.heap().contains(&raw const **self) {
                        // SAFETY: a live box's, and no `trace` changes it, by the promise of `Collect`.
                        unsafe { marker.visit(NonNull::from(&**self)) };
                    } else {
                        (**self).trace(marker);
                    }
                }
            }

            // SAFETY: a box is its elements, which lie in one object.
            unsafe impl<T: Collect> Collect for Box<[T], &HeapArena> {
                #[inline]
                fn trace(&self, marker: &mut Marker<'_>) {
                    trace_buffer(self, marker);
                }
            }
        };
    };
}

versions!(buffers);

// SAFETY: text is a buffer of bytes, which lead nowhere.
unsafe impl Collect for HeapString<'_> {
    #[inline]
    fn trace(&self, marker: &mut Marker<'_>) {
        marker.mark(self.buffer());
    }
}
