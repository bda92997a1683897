//! Counted pointers into the heap arena.
//!
//! ```text
//!   HeapRc ──▶ ┌ count │ heap ┬ value ┐      one object of the heap
//!              └──────────────┴───────┘
//! ```
//!
//! One word, plain count, for one thread. It borrows its heap, so it cannot outlive it. The heap's address lies with
//! the count, so that the last pointer can give the object back.

use crate::error::Error;
use crate::heap::HeapArena;
use core::alloc::Layout;
use core::borrow::Borrow;
use core::cell::Cell;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ops::Deref;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::{self, NonNull};

/// A counted pointer to a value in a [`HeapArena`].
///
/// Like `Rc`, without weak pointers: one word, `!Send`. The value's object has two words more, 16 bytes on 64-bit
/// systems: the count and the heap. Cloning and dropping write to it, so a forked child copies the pages of the values
/// that it counts. The last drop costs a [`HeapArena::free`]. A count that would overflow stays where it is, and the
/// value is then never dropped. Cycles are not collected; see [`HeapArena::mark`] for a collector's means.
///
/// ```
/// use permacode::{HeapArena, HeapRc};
///
/// # fn main() -> Result<(), permacode::Error> {
/// let heap = HeapArena::new()?;
/// let one = HeapRc::new(&heap, String::from("value"))?;
/// let two = one.clone();
/// assert_eq!((HeapRc::count(&two), two.len()), (2, 5));
/// drop((one, two));
/// assert_eq!(heap.stats().live, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `'h` and in `T`, as `Rc` is.
pub struct HeapRc<'h, T> {
    object: NonNull<Counted<'h, T>>,
    /// Owns a `T`, as the drop check should know.
    owns: PhantomData<Counted<'h, T>>,
}

struct Counted<'h, T> {
    count: Cell<usize>,
    heap: &'h HeapArena,
    value: T,
}

// As for `Rc`: what is shared is the value, and the count is always right.
impl<T: RefUnwindSafe> UnwindSafe for HeapRc<'_, T> {}
impl<T: RefUnwindSafe> RefUnwindSafe for HeapRc<'_, T> {}

impl<'h, T> HeapRc<'h, T> {
    /// Moves a value to the heap, counted once. Costs one [`HeapArena::alloc`] of the value and two words, and the move.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`]; the value is dropped then.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let value = HeapRc::new(&heap, [0usize; 4])?;
    /// assert_eq!(heap.stats().live, (2 + 4) * size_of::<usize>());
    /// assert_eq!(size_of_val(&value), size_of::<usize>());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(heap: &'h HeapArena, value: T) -> Result<Self, Error> {
        let object = heap.alloc(Layout::new::<Counted<'h, T>>())?.cast();
        // SAFETY: a new object of this layout.
        unsafe { object.write(Counted { count: Cell::new(1), heap, value }) };
        Ok(Self { object, owns: PhantomData })
    }

    fn counted(&self) -> &Counted<'h, T> {
        // SAFETY: the object is live and initialised as long as a pointer counts, and this one does.
        unsafe { self.object.as_ref() }
    }

    /// Returns the number of pointers to the value. `usize::MAX` says that the count overflowed once. Costs one load.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 'a')?;
    /// let two = one.clone();
    /// assert_eq!(HeapRc::count(&one), 2);
    /// drop(two);
    /// assert_eq!(HeapRc::count(&one), 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn count(this: &Self) -> usize {
        this.counted().count.get()
    }

    /// Returns `true` if both point to the same value, not merely to equal ones. Costs a comparison of two words; reads
    /// neither value.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let (one, other) = (HeapRc::new(&heap, 1)?, HeapRc::new(&heap, 1)?);
    /// assert!(one == other && !HeapRc::same(&one, &other));
    /// assert!(HeapRc::same(&one, &one.clone()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn same(this: &Self, other: &Self) -> bool {
        this.object == other.object
    }

    /// Returns the value, mutable, if this is the only pointer to it. Costs one load and a comparison.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let mut one = HeapRc::new(&heap, 1)?;
    /// *HeapRc::get_mut(&mut one).expect("the only pointer") = 2;
    /// let two = one.clone();
    /// assert_eq!((*two, HeapRc::get_mut(&mut one)), (2, None));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        if Self::count(this) != 1 {
            return None;
        }
        // SAFETY: the only pointer, exclusively borrowed: nobody else can read or count.
        Some(unsafe { &mut this.object.as_mut().value })
    }

    /// Takes the value itself out, if this is the only pointer to it. Costs the move and one [`HeapArena::free`].
    ///
    /// # Errors
    ///
    /// The pointer, if there are others.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, String::from("value"))?;
    /// let two = one.clone();
    /// let one = HeapRc::into_inner(one).expect_err("there are two");
    /// drop(two);
    /// assert_eq!(HeapRc::into_inner(one), Ok(String::from("value")));
    /// assert_eq!(heap.stats().objects, 0); // the object is free, the value lives
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn into_inner(this: Self) -> Result<T, Self> {
        if Self::count(&this) != 1 {
            return Err(this);
        }
        let this = core::mem::ManuallyDrop::new(this);
        let heap = this.counted().heap;
        // SAFETY: the only pointer, consumed: the value is moved out once, and the object given back without dropping it.
        unsafe {
            let value = ptr::read(&this.object.as_ref().value);
            heap.free(this.object.cast(), Layout::new::<Counted<'h, T>>());
            Ok(value)
        }
    }

    /// Returns the address of the object, for [`HeapArena::mark`] and to tell objects apart. The value lies behind the
    /// count. Costs nothing.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let value = HeapRc::new(&heap, 1u64)?;
    /// assert_eq!(heap.mark(HeapRc::address(&value)), Some(true));
    /// assert!(heap.is_marked(&raw const *value)); // the same object
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn address(this: &Self) -> *const u8 {
        this.object.as_ptr().cast()
    }
}

impl<T> Clone for HeapRc<'_, T> {
    /// Counts one more. Costs one addition in the object's header.
    fn clone(&self) -> Self {
        let count = &self.counted().count;
        count.set(count.get().saturating_add(1));
        Self { object: self.object, owns: PhantomData }
    }
}

impl<T> Drop for HeapRc<'_, T> {
    fn drop(&mut self) {
        let count = &self.counted().count;
        match count.get() {
            usize::MAX => {}
            1 => drop_last(self.object),
            more => count.set(more - 1),
        }
    }
}

/// Drops the value and frees the object, the latter also if the former panics.
fn drop_last<T>(object: NonNull<Counted<'_, T>>) {
    struct Free<'h, T>(&'h HeapArena, NonNull<Counted<'h, T>>);
    impl<'h, T> Drop for Free<'h, T> {
        fn drop(&mut self) {
            // SAFETY: the object came from this heap with this layout; the last pointer to it is being dropped.
            unsafe { self.0.free(self.1.cast(), Layout::new::<Counted<'h, T>>()) };
        }
    }
    // SAFETY: the object is live and initialised, and nobody else refers to it any more: the value is dropped once. The header has nothing
    // to drop.
    unsafe {
        let _free = Free(object.as_ref().heap, object);
        ptr::drop_in_place(&raw mut (*object.as_ptr()).value);
    }
}

impl<T> Deref for HeapRc<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> AsRef<T> for HeapRc<'_, T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T> Borrow<T> for HeapRc<'_, T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: PartialEq> PartialEq for HeapRc<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for HeapRc<'_, T> {}

impl<T: PartialOrd> PartialOrd for HeapRc<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Ord> Ord for HeapRc<'_, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Hash> Hash for HeapRc<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for HeapRc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for HeapRc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_would_overflow_stays_and_so_does_the_value() {
        struct Never;
        impl Drop for Never {
            fn drop(&mut self) {
                panic!("a value with an unknown count was dropped");
            }
        }
        let heap = HeapArena::new().unwrap();
        let one = HeapRc::new(&heap, Never).unwrap();
        one.counted().count.set(usize::MAX - 1);
        let two = one.clone();
        let three = two.clone();
        assert_eq!(HeapRc::count(&three), usize::MAX);
        drop((two, three));
        assert_eq!(HeapRc::count(&one), usize::MAX, "an unknown count is not counted down");
        drop(one);
        assert_eq!(heap.stats().objects, 1);
    }
}
