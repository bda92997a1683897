//! An allocator for one collection, which remembers the collection's buffers.
//!
//! ```text
//!   HashMap ─┬▶ Tracked ─▶ [ buffer │ - ]      what a collector marks, whatever the map says of itself
//!            └──────────────▶ buffer           of an empty map with room nobody else knows the address
//! ```
//!
//! * A buffer that was given out and not given back is remembered. A collection has two at most: while it grows, the old one and the new one.
//! * What an allocator gave out is freed by it alone, or by the allocator of a collection that was moved. A clone has given out nothing.

use crate::heap::{HeapArena, versions};
use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

/// An allocator for one collection, which remembers the collection's buffers, so that a collector finds them.
///
/// A collector must mark the buffer of each collection that is used later, also of an empty one. A `Vec` says where its buffer is, a hash table
/// does not: while it is empty, no element leads there. So give each hash table a `Tracked` of its own in place of a `&HeapArena`.
///
/// With the feature `hashbrown`, the `HashMap`, `HashSet` and `HashTable` of hashbrown 0.17 over a `Tracked` are [`Collect`](super::Collect).
/// For a collection of another crate, or of another version, implement it by hand: [`Marker::mark_buffers`](super::Marker::mark_buffers) has
/// an example.
///
/// It is for collections with one buffer. While they grow they have two. A third one is refused as if there was no memory, and debug builds panic. That
/// happens with trees and lists, and with a table whose `Drain` was forgotten: that keeps its buffer.
///
/// ```
/// use hashbrown::{DefaultHashBuilder, HashMap};
/// use permacode::kit::{Collect, Growth, Tracked};
/// use permacode::{Gc, HeapArena};
/// use std::cell::RefCell;
///
/// #[derive(Collect)]
/// struct Object<'h> {
///     fields: RefCell<HashMap<u32, Gc<'h, str>, DefaultHashBuilder, Tracked<'h>>>,
/// }
///
/// let heap = HeapArena::new()?;
/// let object = Gc::new(&heap, Object { fields: RefCell::new(HashMap::with_hasher_in(Default::default(), Tracked::new(&heap))) })?;
/// object.fields.borrow_mut().try_room(100)?; // and still empty
/// for round in 0..3 {
///     // SAFETY: no other object is used afterwards, and the closure only traces.
///     assert_eq!(unsafe { heap.collect(|marker| marker.trace(&object)) }?.objects, 0);
///     object.fields.borrow_mut().try_push((round, Gc::copy_str(&heap, "value")?))?;
/// }
/// assert_eq!(&*object.fields.borrow()[&2], "value");
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Clones
///
/// A clone is a new `Tracked` of the same heap, for the clone of the collection. It remembers nothing, and must not free what the first one gave out.
/// Pointers that are shared together with their allocator, such as `Rc<T, A>`, do that: they are not for a heap that is swept.
///
/// # Variance
///
/// Covariant in `'h`.
///
/// # Cost
///
/// Three words. An allocation and a free look at two of them and write one.
pub struct Tracked<'h> {
    heap: &'h HeapArena,
    buffers: [Cell<Option<NonNull<u8>>>; 2],
}

impl<'h> Tracked<'h> {
    /// Makes an allocator for one collection. Costs nothing.
    ///
    /// ```
    /// use permacode::{HeapArena, allocator_api2::vec::Vec, kit::Tracked};
    ///
    /// let heap = HeapArena::new()?;
    /// let mut list = Vec::new_in(Tracked::new(&heap));
    /// list.extend([1, 2, 3]);
    /// assert!(list.allocator().buffers().eq([list.as_ptr().cast::<u8>()]));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn new(heap: &'h HeapArena) -> Self {
        Self { heap, buffers: [const { Cell::new(None) }; 2] }
    }

    /// Returns the heap that the collection's buffers lie in.
    ///
    /// ```
    /// # use permacode::{HeapArena, kit::Tracked};
    /// let heap = HeapArena::new()?;
    /// assert!(std::ptr::eq(Tracked::new(&heap).heap(), &heap));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn heap(&self) -> &'h HeapArena {
        self.heap
    }

    /// Returns the addresses of the collection's buffers: none or one, and two while it grows. The example is at [`new`](Self::new).
    #[inline]
    pub fn buffers(&self) -> impl Iterator<Item = *const u8> + '_ {
        self.buffers.iter().filter_map(|buffer| buffer.get().map(|at| at.as_ptr().cast_const()))
    }

    /// The place of a buffer among those that are remembered, or a free one.
    #[inline]
    fn place(&self, of: Option<NonNull<u8>>) -> Option<&Cell<Option<NonNull<u8>>>> {
        self.buffers.iter().find(|place| place.get() == of)
    }

    /// A free place for one more buffer.
    #[inline]
    fn free_place(&self) -> Option<&Cell<Option<NonNull<u8>>>> {
        let place = self.place(None);
        debug_assert!(
            place.is_some(),
            "a `Tracked` is for a collection with one buffer, and was asked for a third one"
        );
        place
    }

    /// Forgets a buffer that was given back.
    #[inline]
    fn forget(&self, buffer: NonNull<u8>) {
        if let Some(place) = self.place(Some(buffer)) {
            place.set(None);
        }
    }

    /// Remembers where a buffer is now. One that has got its first bytes by a resize is new: what had none was not remembered.
    #[inline]
    fn resized(&self, before: NonNull<u8>, (now, layout): (NonNull<[u8]>, Layout)) {
        self.forget(before);
        if let Some(place) = self.place(None) {
            place.set(known(now, layout));
        }
    }
}

/// A buffer that has bytes has an address in the heap.
#[inline]
fn known(buffer: NonNull<[u8]>, layout: Layout) -> Option<NonNull<u8>> {
    (layout.size() != 0).then(|| buffer.cast())
}

/// A new one of the same heap, which has given out nothing.
impl Clone for Tracked<'_> {
    fn clone(&self) -> Self {
        Self::new(self.heap)
    }
}

impl fmt::Debug for Tracked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.buffers()).finish()
    }
}

/// The `Allocator` of each version. All of it is the heap's, but for the addresses that are remembered.
macro_rules! allocator {
    ($api:ident) => {
        const _: () = {
            use $api::alloc::{AllocError, Allocator};

            // SAFETY: the heap's memory, which stays until it is freed, wherever this allocator is moved. A clone frees with the same heap.
            unsafe impl Allocator for Tracked<'_> {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    let place = self.free_place().ok_or(AllocError)?;
                    let buffer = Allocator::allocate(&self.heap, layout)?;
                    place.set(known(buffer, layout));
                    Ok(buffer)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    let place = self.free_place().ok_or(AllocError)?;
                    let buffer = Allocator::allocate_zeroed(&self.heap, layout)?;
                    place.set(known(buffer, layout));
                    Ok(buffer)
                }

                #[inline]
                unsafe fn deallocate(&self, buffer: NonNull<u8>, layout: Layout) {
                    self.forget(buffer);
                    // SAFETY: the caller's promise.
                    unsafe { Allocator::deallocate(&self.heap, buffer, layout) }
                }

                #[inline]
                unsafe fn grow(
                    &self,
                    buffer: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    let grown = unsafe { Allocator::grow(&self.heap, buffer, old, new) }?;
                    self.resized(buffer, (grown, new));
                    Ok(grown)
                }

                #[inline]
                unsafe fn grow_zeroed(
                    &self,
                    buffer: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    let grown = unsafe { Allocator::grow_zeroed(&self.heap, buffer, old, new) }?;
                    self.resized(buffer, (grown, new));
                    Ok(grown)
                }

                #[inline]
                unsafe fn shrink(
                    &self,
                    buffer: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    let shrunk = unsafe { Allocator::shrink(&self.heap, buffer, old, new) }?;
                    self.resized(buffer, (shrunk, new));
                    Ok(shrunk)
                }
            }
        };
    };
}

versions!(allocator);
#[cfg(feature = "nightly")]
allocator!(core);
