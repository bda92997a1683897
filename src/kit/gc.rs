//! Pointers to objects that a collector frees.
//!
//! ```text
//!   Gc ──▶ ┌ value ┐      one object of the heap: no header, no count, no mark
//!          └───────┘
//! ```

use super::collect::Collect;
use crate::error::Error;
use crate::heap::{HeapArena, HeapString};
use bytemuck::ZeroableInOption;
use core::alloc::Layout;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::{self, NonNull};

/// A pointer to an object in a [`HeapArena`], which lives until a collection does not find it.
///
/// One word and `Copy` (two words for text and slices): making, copying and dropping one counts nothing. It borrows its heap, so it cannot outlive it. `!Send`.
/// [`HeapArena::collect`] frees the objects that your roots do not lead to, cycles included. It runs no destructor.
///
/// It lends its object for as long as it is borrowed itself, and not for `'h`. So no object can hold a plain reference to another, which a
/// collector would not find.
///
/// A field that changes is a `Cell` or a `RefCell`, since an object is shared. An `Option<Gc>` is one word too. It is
/// [`Zeroable`](crate::side::Zeroable), so a `Cell<Option<Gc<T>>>` may be the entry of a [`SideTable`](crate::SideTable).
///
/// ```
/// use permacode::kit::Collect;
/// use permacode::{Gc, HeapArena};
/// use std::cell::Cell;
///
/// #[derive(Collect)]
/// struct Node<'h> {
///     number: u32,
///     next: Cell<Option<Gc<'h, Node<'h>>>>,
/// }
///
/// let heap = HeapArena::new()?;
/// let node = |number| Gc::new(&heap, Node { number, next: Cell::new(None) });
/// let [one, two, three] = [node(1)?, node(2)?, node(3)?];
/// one.next.set(Some(two));
/// two.next.set(Some(one));
/// three.next.set(Some(three)); // a cycle, and nobody else's
/// // SAFETY: `three` is not used any more, and the closure only traces.
/// let swept = unsafe { heap.collect(|marker| marker.trace(&one)) }?;
/// assert_eq!((swept.objects, one.next.get().map(|next| next.number)), (1, Some(2)));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// Comparing, hashing and printing it does so with the value, as of `Rc`. A value that leads back to itself does not print so.
/// [`ptr_eq`](Self::ptr_eq) compares the pointers.
///
/// # Variance
///
/// Covariant in `'h` and in `T`, as `&'h T` is.
pub struct Gc<'h, T: ?Sized> {
    object: NonNull<T>,
    /// It lends a `&'h T`, and owns nothing.
    lends: PhantomData<&'h T>,
}

impl<'h, T: Collect> Gc<'h, T> {
    /// Moves a value to the heap.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`]; the value is dropped then. If the heap is at its limit, collect and try again.
    ///
    /// ```
    /// use permacode::{Error, Gc, HeapArena};
    ///
    /// let heap = HeapArena::builder().limit(64 << 10).build()?;
    /// let number = |number: u64| {
    ///     Gc::new(&heap, number).or_else(|error| match error {
    ///         // SAFETY: no object is used any more, and the closure does nothing.
    ///         Error::Limit { .. } => unsafe { heap.collect(|_| ()) }.and_then(|_| Gc::new(&heap, number)),
    ///         error => Err(error),
    ///     })
    /// };
    /// for n in 0..100_000 {
    ///     assert_eq!(*number(n)?, n);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One [`HeapArena::alloc`] of the value, and the move. The object has no header.
    #[inline]
    pub fn new(heap: &'h HeapArena, value: T) -> Result<Self, Error> {
        let object = heap.alloc(Layout::new::<T>())?.cast::<T>();
        // SAFETY: a new object of this layout.
        unsafe { object.write(value) };
        Ok(Self { object, lends: PhantomData })
    }
}

impl<'h> Gc<'h, str> {
    /// Copies text to the heap. The pointer has two words: it knows the length.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`].
    ///
    /// ```
    /// use permacode::{Gc, HeapArena};
    ///
    /// let heap = HeapArena::new()?;
    /// let text = Gc::copy_str(&heap, "text")?;
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// let swept = unsafe { heap.collect(|marker| marker.trace(&text)) }?;
    /// assert_eq!((&*text, swept.objects, heap.stats().live), ("text", 0, 8));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One [`HeapArena::alloc`] of the bytes, and the copy.
    pub fn copy_str(heap: &'h HeapArena, text: &str) -> Result<Self, Error> {
        let bytes = copy(heap, text.as_bytes())?;
        // SAFETY: the bytes of a `str`, whose layout is that of `[u8]`; not null, as `bytes` is not.
        let object = unsafe { NonNull::new_unchecked(bytes.as_ptr() as *mut str) };
        Ok(Self { object, lends: PhantomData })
    }
}

impl<'h> Gc<'h, str> {
    /// Makes an object of text that was put together, without a copy. It keeps the room that the text did not use.
    ///
    /// ```
    /// use permacode::{Gc, HeapArena, HeapString};
    ///
    /// let heap = HeapArena::new()?;
    /// let mut text = HeapString::copy_str(&heap, "so ")?;
    /// text.push_str("long")?;
    /// let text: Gc<'_, str> = Gc::from_string(text);
    /// assert_eq!((&*text, heap.stats().objects), ("so long", 1));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn from_string(text: HeapString<'h>) -> Self {
        let (bytes, len, _, _) = text.into_bytes().into_raw_parts_with_alloc();
        let bytes = ptr::slice_from_raw_parts_mut(bytes, len);
        // SAFETY: the buffer of a vector is not null. It is UTF-8, and nobody frees it any more but a sweep.
        Self { object: unsafe { NonNull::new_unchecked(bytes as *mut str) }, lends: PhantomData }
    }
}

impl<'h, T: Collect + Copy> Gc<'h, [T]> {
    /// Copies values to the heap, side by side. The pointer has two words: it knows the length.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`].
    ///
    /// ```
    /// use permacode::{Gc, HeapArena};
    ///
    /// let heap = HeapArena::new()?;
    /// let words = ["one", "two"].map(|word| Gc::copy_str(&heap, word));
    /// let [one, two] = words;
    /// let tuple = Gc::copy_slice(&heap, &[one?, two?])?;
    /// // SAFETY: no other object is used afterwards, and the closure only traces.
    /// let swept = unsafe { heap.collect(|marker| marker.trace(&tuple)) }?;
    /// assert_eq!((swept.objects, tuple.len(), &*tuple[1]), (0, 2, "two"));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One [`HeapArena::alloc`] of all of them, and the copy.
    pub fn copy_slice(heap: &'h HeapArena, values: &[T]) -> Result<Self, Error> {
        Ok(Self { object: copy(heap, values)?, lends: PhantomData })
    }
}

/// Copies values to a new object.
fn copy<T: Copy>(heap: &HeapArena, values: &[T]) -> Result<NonNull<[T]>, Error> {
    let object = heap.alloc(Layout::for_value(values))?.cast::<T>();
    // SAFETY: a new object of this layout, apart from all others.
    unsafe { object.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) };
    Ok(NonNull::slice_from_raw_parts(object, values.len()))
}

impl<'h, T: ?Sized> Gc<'h, T> {
    /// Returns the address of the object.
    ///
    /// ```
    /// # let heap = permacode::HeapArena::new()?;
    /// let number = permacode::Gc::new(&heap, 7_u64)?;
    /// assert!(heap.contains(permacode::Gc::as_ptr(number)));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn as_ptr(this: Self) -> *const T {
        this.object.as_ptr()
    }

    /// Makes a pointer of an address that came from [`as_ptr`](Self::as_ptr), for values that are packed into one word.
    ///
    /// # Safety
    ///
    /// 1. The address came from `as_ptr` of a `Gc` with this type and with this or a longer lifetime.
    /// 2. The object was not freed since.
    ///
    /// ```
    /// use permacode::Gc;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let word = Gc::as_ptr(Gc::new(&heap, 7_u64)?).map_addr(|address| address | 1); // with a tag
    /// // SAFETY: an address from above without its tag, and nothing was collected.
    /// let number: Gc<'_, u64> = unsafe { Gc::from_ptr(word.map_addr(|address| address & !1)) };
    /// assert_eq!(*number, 7);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub unsafe fn from_ptr(object: *const T) -> Self {
        // SAFETY: the caller's promise (1): it was not null.
        Self { object: unsafe { NonNull::new_unchecked(object.cast_mut()) }, lends: PhantomData }
    }

    /// Returns `true` if both point to the same object, not merely to equal ones. Objects without bytes have no identity.
    ///
    /// ```
    /// use permacode::Gc;
    ///
    /// # let heap = permacode::HeapArena::new()?;
    /// let (one, other) = (Gc::new(&heap, 7)?, Gc::new(&heap, 7)?);
    /// assert!(one == other && !Gc::ptr_eq(one, other) && Gc::ptr_eq(one, one.clone()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn ptr_eq(this: Self, other: Self) -> bool {
        ptr::addr_eq(this.object.as_ptr(), other.object.as_ptr())
    }

    #[inline]
    pub(super) fn object(self) -> NonNull<T> {
        self.object
    }
}

// SAFETY: zeros are `None`, as for every `Option<NonNull<T>>`, which the rest of it is.
unsafe impl<T: ?Sized> ZeroableInOption for Gc<'_, T> {}

const _: () = assert!(size_of::<Option<Gc<'static, u8>>>() == size_of::<usize>());

impl<T: ?Sized> Clone for Gc<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Gc<'_, T> {}

impl<T: ?Sized> Deref for Gc<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the object was initialised when it was made. It is freed only by a sweep, whose caller promised that it is not used
        // afterwards, and the heap is borrowed for 'h. Nobody has a `&mut` to it.
        unsafe { self.object.as_ref() }
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display + ?Sized> fmt::Display for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized> fmt::Pointer for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl<T: PartialEq + ?Sized> PartialEq for Gc<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq + ?Sized> Eq for Gc<'_, T> {}

impl<T: PartialOrd + ?Sized> PartialOrd for Gc<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Ord + ?Sized> Ord for Gc<'_, T> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Hash + ?Sized> Hash for Gc<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
