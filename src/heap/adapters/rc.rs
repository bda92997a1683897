//! Counted pointers into the heap arena: a value, many values, text.
//!
//! One word, plain count, for one thread. It borrows its heap, so it cannot outlive it. The heap's address lies with
//! the count, so that the last pointer can give the object back: [`Counted`] has the picture.

use super::counted::Counted;
use super::weak::HeapWeak;
use crate::error::Error;
use crate::heap::HeapArena;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::{self, NonNull};

/// A counted pointer to a value in a [`HeapArena`].
///
/// Like `Rc`: one word, two for [slices](Self::copy_slice) and [text](Self::copy_str), `!Send`. The value's object has two words more, 16 bytes on
/// 64-bit systems: the count and the heap. Cloning and dropping write to it, so a forked child copies the pages of the values
/// that it counts. The last drop costs a [`HeapArena::free`]. A count that would overflow stays where it is, and the
/// value is then never dropped.
///
/// Cycles are not collected. Break them by a [weak pointer](Self::downgrade), or use [`Gc`](crate::Gc) and its collector. Values without weak
/// pointers pay nothing for those.
///
/// ```
/// use permacode::{HeapArena, HeapRc};
///
/// # fn main() -> Result<(), permacode::Error> {
/// let heap = HeapArena::new()?;
/// let one = HeapRc::new(&heap, String::from("value"))?;
/// let two = one.clone();
/// assert_eq!((HeapRc::strong_count(&two), two.len()), (2, 5));
/// drop((one, two));
/// assert_eq!(heap.stats().live, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `'h` and in `T`, as `Rc` is.
pub struct HeapRc<'h, T: ?Sized> {
    object: NonNull<Counted<'h, T>>,
    /// Owns a `T`, as the drop check should know.
    owns: PhantomData<Counted<'h, T>>,
}

// As for `Rc`: what is shared is the value, and the count is always right.
impl<T: RefUnwindSafe + ?Sized> UnwindSafe for HeapRc<'_, T> {}
impl<T: RefUnwindSafe + ?Sized> RefUnwindSafe for HeapRc<'_, T> {}

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
        // SAFETY: a new object, counted once.
        Counted::new(heap, value).map(|object| unsafe { Self::from_object(object) })
    }

    /// Takes the value itself out, if this is the only pointer to it. [Weak](Self::downgrade) ones do not count, and find nothing then. Costs the
    /// move and one [`HeapArena::free`].
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
    /// let one = HeapRc::try_unwrap(one).expect_err("there are two");
    /// drop(two);
    /// assert_eq!(HeapRc::try_unwrap(one), Ok(String::from("value")));
    /// assert_eq!(heap.stats().objects, 0); // the object is free, the value lives
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        let this = ManuallyDrop::new(this);
        // SAFETY: the object is live, and the pointer is not used any more if the value comes.
        match unsafe { Counted::take(this.object) } {
            Some(value) => Ok(value),
            None => Err(ManuallyDrop::into_inner(this)),
        }
    }

    /// Takes the value itself out, if this is the only pointer to it. Else it counts one pointer less.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 7)?;
    /// let two = one.clone();
    /// assert_eq!((HeapRc::into_inner(one), HeapRc::into_inner(two)), (None, Some(7)));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn into_inner(this: Self) -> Option<T> {
        Self::try_unwrap(this).ok()
    }
}

impl<'h, T: Clone> HeapRc<'h, T> {
    /// Returns the value, mutable. If there are other pointers to it, weak or not, this one gets a clone of its own before.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), for the clone. The pointer is as it was.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let mut one = HeapRc::new(&heap, vec![1])?;
    /// let two = one.clone();
    /// HeapRc::make_mut(&mut one)?.push(2);
    /// assert_eq!((&**one, &**two), (&[1, 2][..], &[1][..]));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn make_mut(this: &mut Self) -> Result<&mut T, Error> {
        if !this.counted().header().is_unique() {
            *this = Self::new(Self::heap(this), (**this).clone())?;
        }
        // SAFETY: the only pointer, exclusively borrowed: nobody else can read or count.
        Ok(unsafe { &mut this.object.as_mut().value })
    }
}

impl<'h, T: ?Sized> HeapRc<'h, T> {
    /// # Safety
    ///
    /// The object is live, and counts this pointer already.
    pub(super) unsafe fn from_object(object: NonNull<Counted<'h, T>>) -> Self {
        Self { object, owns: PhantomData }
    }

    pub(super) fn counted(&self) -> &Counted<'h, T> {
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
    /// assert_eq!(HeapRc::strong_count(&one), 2);
    /// drop(two);
    /// assert_eq!(HeapRc::strong_count(&one), 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn strong_count(this: &Self) -> usize {
        this.counted().header().counts().0
    }

    /// Returns the number of weak pointers to the value. Costs one load.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 'a')?;
    /// let weak = HeapRc::downgrade(&one)?;
    /// assert_eq!((HeapRc::strong_count(&one), HeapRc::weak_count(&one)), (1, 1));
    /// # drop(weak);
    /// # assert_eq!(HeapRc::weak_count(&one), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn weak_count(this: &Self) -> usize {
        this.counted().header().counts().1
    }

    /// Makes a weak pointer to the value, which does not keep it.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`]. Only the first weak pointer to a value allocates.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 7)?;
    /// let weak = HeapRc::downgrade(&one)?;
    /// drop(one);
    /// assert_eq!(weak.upgrade(), None);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The first one allocates three words, which the last one frees. As long as there are weak pointers, the counts lie there: cloning and dropping
    /// pointers to this value costs a call more.
    pub fn downgrade(this: &Self) -> Result<HeapWeak<'h, T>, Error> {
        Ok(HeapWeak::from_parts(this.object, this.counted().weaken()?))
    }

    /// Returns `true` if both point to the same value, not merely to equal ones. Costs a comparison of two words; reads
    /// neither value.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let (one, other) = (HeapRc::new(&heap, 1)?, HeapRc::new(&heap, 1)?);
    /// assert!(one == other && !HeapRc::ptr_eq(&one, &other));
    /// assert!(HeapRc::ptr_eq(&one, &one.clone()));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        ptr::addr_eq(this.object.as_ptr(), other.object.as_ptr())
    }

    /// Returns the value, mutable, if this is the only pointer to it and no weak ones are there. Costs one load and a comparison.
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
        if !this.counted().header().is_unique() {
            return None;
        }
        // SAFETY: the only pointer, exclusively borrowed: nobody else can read or count.
        Some(unsafe { &mut this.object.as_mut().value })
    }

    /// Returns the heap that the value lies in. Costs a load or two.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 1)?;
    /// let beside_it = HeapRc::new(HeapRc::heap(&one), 2)?;
    /// assert!(heap.contains(&raw const *beside_it));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn heap(this: &Self) -> &'h HeapArena {
        this.counted().heap()
    }

    /// Returns the address of the value. Costs an addition.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let one = HeapRc::new(&heap, 7)?;
    /// assert!(std::ptr::eq(HeapRc::as_ptr(&one), &*one));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn as_ptr(this: &Self) -> *const T {
        &raw const this.counted().value
    }

    /// Marks the object, and the counts of its weak pointers, for a [sweep](HeapArena::sweep) by hand. Returns `true` if the object had no mark.
    ///
    /// Weak pointers of values that are swept were not dropped. So their counts stay, and need the mark.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let (kept, lost) = (HeapRc::new(&heap, 7)?, HeapRc::new(&heap, 8)?);
    /// std::mem::forget(HeapRc::downgrade(&kept)?); // as if in an object that is swept
    /// std::mem::forget(lost);
    /// assert!(HeapRc::mark(&kept) && !HeapRc::mark(&kept));
    /// // SAFETY: what is used afterwards is marked, and there is no transient code.
    /// assert_eq!(unsafe { heap.sweep() }.objects, 1);
    /// assert_eq!((*kept.clone(), HeapRc::weak_count(&kept)), (7, 1));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Those of [`HeapArena::mark`], twice if there are weak pointers.
    pub fn mark(this: &Self) -> bool {
        let heap = Self::heap(this);
        if let Some(cell) = this.counted().header().cell() {
            heap.mark(cell.as_ptr());
        }
        heap.mark(Self::address(this)) == Some(true)
    }

    /// Returns the address of the object, to tell objects apart, also those without bytes. The value lies behind the
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

impl<T: ?Sized> Clone for HeapRc<'_, T> {
    /// Counts one more. Costs one addition in the object's header.
    #[inline]
    fn clone(&self) -> Self {
        self.counted().header().add();
        Self { object: self.object, owns: PhantomData }
    }
}

impl<T: ?Sized> Drop for HeapRc<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the object is live as long as this pointer counts, which ends here.
        unsafe { Counted::release(self.object) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;
    impl Drop for Never {
        fn drop(&mut self) {
            panic!("a value with an unknown count was dropped");
        }
    }

    #[test]
    fn a_count_that_would_overflow_stays_and_so_does_the_value() {
        let heap = HeapArena::new().unwrap();
        let one = HeapRc::new(&heap, Never).unwrap();
        one.counted().header().set_count(usize::MAX - 1);
        let two = one.clone();
        let three = two.clone();
        assert_eq!(HeapRc::strong_count(&three), usize::MAX);
        drop((two, three));
        assert_eq!(HeapRc::strong_count(&one), usize::MAX, "an unknown count is not counted down");
        drop(one);
        assert_eq!(heap.stats().objects, 1);
    }

    #[test]
    fn an_unknown_count_stays_unknown_while_weak_pointers_come_and_go() {
        let heap = HeapArena::new().unwrap();
        let one = HeapRc::new(&heap, Never).unwrap();
        one.counted().header().set_count(usize::MAX);
        let weak = HeapRc::downgrade(&one).unwrap();
        assert_eq!((weak.strong_count(), weak.weak_count()), (usize::MAX, 1));
        drop(weak.upgrade());
        drop(one.clone());
        drop(weak);
        assert_eq!((HeapRc::strong_count(&one), HeapRc::weak_count(&one)), (usize::MAX, 0));
        drop(one);
        assert_eq!(heap.stats().objects, 1);
    }
}
