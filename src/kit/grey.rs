//! Values that were found and not looked into yet.
//!
//! ```text
//!   GreyList [ object: 1 value ][ buffer: 900 values ][ buffer: 40 values ] ◀─ the latest is looked into first
//!                                      │
//!                                      ▼ at most a STRIDE at a time, the rest goes back before its children come
//! ```
//!
//! * An entry leads to values of one type, which are live and do not change before it is taken out.
//! * A list of objects keeps one entry, however long it is. A wide buffer keeps one for the rest of itself. So the list is about as long as
//!   the graph is deep, in strides, and no stack grows with the graph.

use super::collect::Collect;
use super::marker::Marker;
use crate::error::Error;
use alloc::vec::Vec;
use core::ptr::NonNull;

/// Values of a buffer that are looked into at once.
const STRIDE: usize = 64;
/// Entries that a list begins with.
const FIRST: usize = 64;

/// Values of one type, the type forgotten.
#[derive(Clone, Copy)]
pub(super) struct Grey {
    first: NonNull<()>,
    len: usize,
    trace: unsafe fn(NonNull<()>, usize, &mut Marker<'_>),
}

impl Grey {
    /// An entry for one value.
    ///
    /// # Safety
    ///
    /// The value is live, and nobody changes it, as long as the entry can be [traced](Self::trace).
    #[inline]
    pub(super) unsafe fn value<T: Collect>(value: NonNull<T>) -> Self {
        Self { first: value.cast(), len: 1, trace: trace_value::<T> }
    }

    /// An entry for the values of a buffer.
    ///
    /// # Safety
    ///
    /// As for [`value`](Self::value), of all of them.
    #[inline]
    pub(super) unsafe fn values<T: Collect>(first: NonNull<T>, len: usize) -> Self {
        Self { first: first.cast(), len, trace: trace_values::<T> }
    }

    /// An entry for the elements of a collection.
    ///
    /// # Safety
    ///
    /// As for [`value`](Self::value), of the collection.
    #[cfg(feature = "hashbrown")]
    pub(super) unsafe fn elements<C: Elements>(collection: NonNull<C>) -> Self {
        Self { first: collection.cast(), len: 1, trace: trace_elements::<C> }
    }

    /// Looks into the values.
    #[inline]
    pub(super) fn trace(self, marker: &mut Marker<'_>) {
        // SAFETY: the promise of whoever made the entry; the function is that of the values' type.
        unsafe { (self.trace)(self.first, self.len, marker) }
    }
}

/// A collection that alone knows where its elements are.
#[cfg(feature = "hashbrown")]
pub(super) trait Elements {
    /// Shows each of them.
    fn trace_all(&self, marker: &mut Marker<'_>);
}

/// # Safety
///
/// A `C` is there, and nobody changes it during the call.
#[cfg(feature = "hashbrown")]
unsafe fn trace_elements<C: Elements>(collection: NonNull<()>, _: usize, marker: &mut Marker<'_>) {
    // SAFETY: the caller's promise.
    unsafe { collection.cast::<C>().as_ref() }.trace_all(marker);
}

/// # Safety
///
/// A `T` is there, and nobody changes it during the call.
unsafe fn trace_value<T: Collect>(value: NonNull<()>, _: usize, marker: &mut Marker<'_>) {
    // SAFETY: the caller's promise.
    unsafe { value.cast::<T>().as_ref() }.trace(marker);
}

/// # Safety
///
/// So many `T` are there, and nobody changes them during the call.
unsafe fn trace_values<T: Collect>(first: NonNull<()>, len: usize, marker: &mut Marker<'_>) {
    let (first, now) = (first.cast::<T>(), len.min(STRIDE));
    if now < len {
        // SAFETY: the rest of the same values, for which the maker of this entry promised the same.
        marker.push(unsafe { Grey::values(first.add(now), len - now) });
    }
    // SAFETY: the caller's promise.
    unsafe { NonNull::slice_from_raw_parts(first, now).as_ref() }.trace(marker);
}

/// Entries, the latest last. It never asks for memory but in [`grow`](Self::grow), which may be refused.
#[derive(Default)]
pub(super) struct GreyList(Vec<Grey>);

impl GreyList {
    /// Adds an entry if there is room for it.
    #[inline]
    pub(super) fn push(&mut self, grey: Grey) -> bool {
        let has_room = self.0.len() < self.0.capacity();
        if has_room {
            self.0.push(grey);
        }
        has_room
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Grey> {
        self.0.pop()
    }

    /// Makes room for at least one entry more.
    pub(super) fn grow(&mut self) -> Result<(), Error> {
        let more = self.0.capacity().max(FIRST);
        let refused = Error::Memory { bytes: (self.0.len() + more).saturating_mul(size_of::<Grey>()) };
        self.0.try_reserve_exact(more).map_err(|_| refused)
    }

    /// Forgets all entries, and gives their memory back.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeapArena;
    use core::cell::Cell;

    /// Notes that it was looked into.
    struct Seen(Cell<u32>);

    // SAFETY: it leads to no object.
    unsafe impl Collect for Seen {
        fn trace(&self, _: &mut Marker<'_>) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn each_value_of_a_buffer_is_looked_into_once_and_the_rest_takes_one_entry() {
        let heap = HeapArena::new().unwrap();
        for len in [0, 1, STRIDE - 1, STRIDE, STRIDE + 1, 10 * STRIDE + 3] {
            let values: Vec<Seen> = (0..len).map(|_| Seen(Cell::new(0))).collect();
            let (mut marker, first) = (Marker::new(&heap), NonNull::from(&values[..]).cast::<Seen>());
            // SAFETY: the vector is not touched before the marker is gone.
            marker.push(unsafe { Grey::values(first, len) });
            assert_eq!(marker.finish(), Ok(()));
            assert!(values.iter().all(|value| value.0.get() == 1), "{len}");
        }
    }

    #[test]
    fn a_full_list_takes_nothing_until_it_grew() {
        let (mut list, value) = (GreyList::default(), 7_u32);
        // SAFETY: it is not traced.
        let grey = unsafe { Grey::value(NonNull::from(&value)) };
        assert!(!list.push(grey) && list.pop().is_none());
        list.grow().unwrap();
        let room = (0..1000).take_while(|_| list.push(grey)).count();
        assert!((FIRST..1000).contains(&room), "{room}");
        list.clear();
        assert!(list.pop().is_none() && !list.push(grey));
    }
}
