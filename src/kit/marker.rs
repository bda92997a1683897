//! The visitor of a collection: it marks what it is shown, and looks into each object once.
//!
//! ```text
//!   roots ──▶ Marker ──▶ a mark, out of line       new? ──▶ grey list ──▶ trace ──▶ Marker ..
//! ```
//!
//! * An object without a mark was not visited. One with a mark was, and was looked into or is in the [grey list](super::grey). So an object
//!   is looked into once, cycles included. No mark is set by others meanwhile, which the contracts of `Collect` and `collect` say.
//! * Nothing waits while the closure with the roots runs: all that a root leads to is looked into before the root's `trace` returns. The closure
//!   is safe code, and may drop a vector that it has traced. What runs while objects wait is `trace` alone, which promises to change nothing.

use super::collect::Collect;
#[cfg(feature = "hashbrown")]
use super::grey::Elements;
use super::grey::{Grey, GreyList};
use super::tracked::Tracked;
use crate::error::Error;
use crate::heap::HeapArena;
use core::fmt;
use core::mem;
use core::ptr::NonNull;

/// The visitor of a collection. You show it your roots, and it finds what they lead to.
///
/// [`HeapArena::collect`](crate::HeapArena::collect) and [`Transients::collect`](crate::Transients::collect) lend you one. Call
/// [`trace`](Self::trace) for each root: globals, the stack of values, side tables that hold objects.
///
/// Some objects cannot be looked into: their `RefCell` is mutably borrowed, or there is no memory to note them. The marker then remembers the
/// error, and the collection frees nothing and returns it.
///
/// ```
/// use permacode::{Gc, HeapArena};
///
/// let heap = HeapArena::new()?;
/// let stack: Vec<Gc<'_, u64>> = (0..10).map(|number| Gc::new(&heap, number)).collect::<Result<_, _>>()?;
/// let global = Gc::new(&heap, 10)?;
/// let _lost = Gc::new(&heap, 11)?;
/// let roots = |marker: &mut permacode::kit::Marker<'_>| {
///     marker.trace(&stack[..]);
///     marker.trace(&global);
/// };
/// // SAFETY: only objects that the roots lead to are used afterwards, and the closure only traces.
/// assert_eq!(unsafe { heap.collect(roots) }?.objects, 1);
/// assert_eq!((*stack[9], *global), (9, 10));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'m`.
pub struct Marker<'m> {
    heap: &'m HeapArena,
    grey: GreyList,
    /// Grey values are being looked into.
    draining: bool,
    refused: Option<Error>,
}

impl<'m> Marker<'m> {
    pub(super) fn new(heap: &'m HeapArena) -> Self {
        Self { heap, grey: GreyList::default(), draining: false, refused: None }
    }

    /// Visits all that a value leads to.
    ///
    /// The value itself may lie anywhere: on the stack, in a vector of yours, in the heap.
    ///
    /// ```
    /// use permacode::{Gc, HeapArena};
    /// use std::cell::Cell;
    ///
    /// let heap = HeapArena::new()?;
    /// let globals = [Cell::new(Some(Gc::new(&heap, 1.5)?)), Cell::new(None)];
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// let swept = unsafe { heap.collect(|marker| marker.trace(&globals)) }?;
    /// assert_eq!((swept.objects, globals[0].get().as_deref()), (0, Some(&1.5)));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// For each object that is visited a mark: a division by multiplication and a write of one word, out of line. A new object that
    /// leads further waits in a list, as an entry of 24 bytes. An indirect call looks into it.
    #[inline]
    pub fn trace<T: Collect + ?Sized>(&mut self, value: &T) {
        value.trace(self);
    }

    /// Visits all that some values lead to: the values of a map, of a `VecDeque`, of whatever lends them.
    ///
    /// ```
    /// use permacode::{Gc, HeapArena};
    /// use std::collections::HashMap;
    ///
    /// let heap = HeapArena::new()?;
    /// let globals = HashMap::from([("one", Gc::new(&heap, 1)?), ("two", Gc::new(&heap, 2)?)]);
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// let swept = unsafe { heap.collect(|marker| marker.trace_all(globals.values())) }?;
    /// assert_eq!((swept.objects, *globals["two"]), (0, 2));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`trace`](Self::trace) for each.
    pub fn trace_all<'v, T: Collect + ?Sized + 'v>(&mut self, values: impl IntoIterator<Item = &'v T>) {
        values.into_iter().for_each(|value| value.trace(self));
    }

    /// Marks the object that holds an address, and looks into nothing. Returns `true` if the object is of this heap and had no mark.
    ///
    /// For an implementation of [`Collect`] by hand: a collection marks its buffer so, and traces the elements if the mark is new. Do not
    /// mark what a [`Gc`](crate::Gc) or a handle of code leads to in this way. It would count as visited, and what it leads to would be freed.
    ///
    /// ```
    /// use permacode::kit::{Collect, Marker};
    /// use permacode::{Error, Gc, HeapArena};
    /// use std::alloc::Layout;
    /// use std::ptr::NonNull;
    ///
    /// /// Bytes in the heap, by a pointer of its own.
    /// struct Bytes(NonNull<[u8; 100]>);
    ///
    /// // SAFETY: it leads to one object, which leads nowhere.
    /// unsafe impl Collect for Bytes {
    ///     fn trace(&self, marker: &mut Marker<'_>) {
    ///         marker.mark(self.0.as_ptr());
    ///     }
    /// }
    ///
    /// let heap = HeapArena::new()?;
    /// let bytes = Gc::new(&heap, Bytes(heap.alloc(Layout::new::<[u8; 100]>())?.cast()))?;
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// assert_eq!(unsafe { heap.collect(|marker| marker.trace(&bytes)) }?.objects, 0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`HeapArena::mark`](crate::HeapArena::mark).
    #[inline]
    pub fn mark<T: ?Sized>(&mut self, address: *const T) -> bool {
        self.heap.mark(address) == Some(true)
    }

    /// Marks the buffers of a collection, which its allocator knows, and looks into nothing. Returns `true` if its elements are to be traced.
    ///
    /// They are if a buffer had no mark. They are, too, if the collection lies on another heap: its elements may lead to this one. If it has no
    /// buffer, there are no elements that this knows of. So always trace those that lie in the collection itself.
    ///
    /// For an implementation of [`Collect`] by hand, for a collection that this crate does not know.
    ///
    /// ```
    /// use permacode::kit::{Collect, Marker, Tracked};
    /// use permacode::{Gc, HeapArena};
    ///
    /// /// Somebody's collection, which does not say where its buffer is.
    /// # type Their<T, A> = permacode::allocator_api2::vec::Vec<T, A>;
    /// struct Wrapped<'h, T>(Their<T, Tracked<'h>>);
    ///
    /// // SAFETY: it is its buffer, and the elements in it.
    /// unsafe impl<T: Collect> Collect for Wrapped<'_, T> {
    ///     fn trace(&self, marker: &mut Marker<'_>) {
    ///         if marker.mark_buffers(self.0.allocator()) {
    ///             marker.trace_all(self.0.iter());
    ///         }
    ///     }
    /// }
    ///
    /// let heap = HeapArena::new()?;
    /// let mut list = Wrapped(Their::new_in(Tracked::new(&heap)));
    /// list.0.push(Gc::new(&heap, 7)?);
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// assert_eq!(unsafe { heap.collect(|marker| marker.trace(&list)) }?.objects, 0);
    /// assert_eq!(*list.0[0], 7);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`mark`](Self::mark), for each buffer.
    pub fn mark_buffers(&mut self, allocator: &Tracked<'_>) -> bool {
        let is_elsewhere = !core::ptr::eq(allocator.heap(), self.heap);
        is_elsewhere || allocator.buffers().fold(false, |new, buffer| self.mark(buffer) | new)
    }

    /// Visits a table with all that it holds, by the allocator that knows its buffer.
    ///
    /// # Safety
    ///
    /// The table is live. So it stays with its elements, unchanged, as long as nothing but `trace` functions run.
    #[cfg(feature = "hashbrown")]
    pub(super) unsafe fn visit_table<C: Elements>(&mut self, table: NonNull<C>, allocator: &Tracked<'_>, leads: bool) {
        if !core::ptr::eq(allocator.heap(), self.heap) {
            // On another heap, whence its elements may still lead here.
            // SAFETY: the caller's promise.
            unsafe { table.as_ref() }.trace_all(self);
        } else if self.mark_buffers(allocator) && leads {
            // SAFETY: the caller's promise.
            self.push(unsafe { Grey::elements(table) });
        }
    }

    /// Visits an object.
    ///
    /// # Safety
    ///
    /// If it lies in this heap it is live. So it stays, unchanged, as long as nothing but `trace` functions run.
    #[inline]
    pub(super) unsafe fn visit<T: Collect>(&mut self, object: NonNull<T>) {
        if self.mark(object.as_ptr()) && T::LEADS {
            // SAFETY: the caller's promise.
            self.push(unsafe { Grey::value(object) });
        }
    }

    /// Visits the buffer of a collection that has so many elements.
    ///
    /// # Safety
    ///
    /// If it lies in this heap it is live. So it stays with its elements, unchanged, as long as nothing but `trace` functions run.
    pub(super) unsafe fn visit_buffer<T: Collect>(&mut self, first: NonNull<T>, len: usize) {
        if self.mark(first.as_ptr()) && T::LEADS && len != 0 {
            // SAFETY: the caller's promise.
            self.push(unsafe { Grey::values(first, len) });
        }
    }

    /// The heap that is collected.
    #[inline]
    pub(super) fn heap(&self) -> &'m HeapArena {
        self.heap
    }

    /// Remembers why not all could be visited. The first reason counts.
    #[cold]
    pub(super) fn refuse(&mut self, error: Error) {
        self.refused.get_or_insert(error);
        // The end of all loops: nothing is looked into any more.
        self.grey.clear();
    }

    /// Adds an entry. If it comes from a root, all that it leads to is looked into now.
    #[inline]
    pub(super) fn push(&mut self, grey: Grey) {
        if !self.grey.push(grey) {
            self.push_slow(grey);
        }
        if !self.draining {
            self.drain();
        }
    }

    #[cold]
    #[inline(never)]
    fn push_slow(&mut self, grey: Grey) {
        if self.refused.is_some() {
            return;
        }
        match self.grey.grow() {
            Ok(()) => _ = self.grey.push(grey),
            Err(error) => self.refuse(error),
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        let cut_short = CutShort(self);
        while let Some(grey) = cut_short.0.grey.pop() {
            grey.trace(cut_short.0);
        }
        cut_short.0.draining = false;
        mem::forget(cut_short);
    }

    /// Says whether all was visited.
    ///
    /// # Errors
    ///
    /// The first reason why something was not.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.refused.map_or(Ok(()), Err)
    }
}

/// Ends the marking for good when a `trace` panics: the closure with the roots may catch that, and free what still waits.
struct CutShort<'r, 'm>(&'r mut Marker<'m>);

impl Drop for CutShort<'_, '_> {
    fn drop(&mut self) {
        self.0.refuse(Error::Interrupted);
        self.0.draining = false;
    }
}

impl fmt::Debug for Marker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marker").field("refused", &self.refused).finish_non_exhaustive()
    }
}
