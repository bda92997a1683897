//! Counted slices and counted text: many values behind one count.

use super::counted::Counted;
use super::rc::HeapRc;
use super::refused::Refused;
use super::room::room;
use crate::error::Error;
use crate::heap::HeapArena;
use allocator_api2::vec::Vec;
use core::ptr::NonNull;

impl<'h, T> HeapRc<'h, [T]> {
    /// Copies values to the heap, side by side, counted once. The pointer has two words: it knows the length.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`], and [`Error::TooLarge`].
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let values = HeapRc::copy_slice(&heap, &[1u64, 2, 3])?;
    /// assert_eq!((&values[1..], HeapRc::strong_count(&values.clone())), (&[2, 3][..], 2));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One [`HeapArena::alloc`] of all of them and two words, and the copy.
    pub fn copy_slice(heap: &'h HeapArena, values: &[T]) -> Result<Self, Error>
    where
        T: Copy,
    {
        // SAFETY: the values are `Copy`; the object is new, and counted once.
        unsafe {
            Counted::of_values(heap, NonNull::from(values).cast(), values.len()).map(|object| Self::from_object(object))
        }
    }

    /// Clones values to the heap, side by side, counted once.
    ///
    /// # Errors
    ///
    /// Those of [`copy_slice`](Self::copy_slice). The clones are dropped then.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let words = HeapRc::clone_slice(&heap, &[String::from("one"), String::from("two")])?;
    /// assert_eq!(words[1], "two");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Those of [`from_vec`](Self::from_vec), and of the vector before.
    pub fn clone_slice(heap: &'h HeapArena, values: &[T]) -> Result<Self, Error>
    where
        T: Clone,
    {
        Self::try_from_iter(heap, values.iter().cloned())
    }

    /// Moves what an iterator yields to the heap, side by side, counted once.
    ///
    /// # Errors
    ///
    /// Those of [`copy_slice`](Self::copy_slice). The values that were taken are dropped then. To keep them, make a vector and use
    /// [`from_vec`](Self::from_vec).
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let squares = HeapRc::try_from_iter(&heap, (1..=3).map(|n| n * n))?;
    /// assert_eq!(*squares, [1, 4, 9]);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As of [`clone_slice`](Self::clone_slice).
    pub fn try_from_iter(heap: &'h HeapArena, values: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let (values, mut all) = (values.into_iter(), Vec::new_in(heap));
        // An iterator may promise too much. Then each value asks for its own room.
        _ = all.try_reserve_exact(values.size_hint().0);
        for value in values {
            room!(all, 1, heap)?;
            all.push(value);
        }
        Self::from_vec(all).map_err(|refused| refused.error)
    }

    /// Moves the values of a vector to an object of their number, counted once.
    ///
    /// # Errors
    ///
    /// Those of [`copy_slice`](Self::copy_slice). The vector comes back.
    ///
    /// ```
    /// use permacode::kit::Growth;
    /// use permacode::{HeapArena, HeapRc, allocator_api2::vec::Vec};
    ///
    /// let heap = HeapArena::new()?;
    /// let mut words = Vec::new_in(&heap);
    /// words.try_push(String::from("one"))?;
    /// let words = HeapRc::from_vec(words)?;
    /// assert_eq!((*words).len(), 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One [`HeapArena::alloc`] of all of them and two words, a copy of their bytes, and a [`HeapArena::free`] of the vector's buffer.
    pub fn from_vec(mut values: Vec<T, &'h HeapArena>) -> Result<Self, Refused<Vec<T, &'h HeapArena>>> {
        let (heap, len) = (*values.allocator(), values.len());
        // SAFETY: the vector forgets its values at once. Nothing runs between.
        let object = unsafe { Counted::of_values(heap, NonNull::from(&mut values[..]).cast(), len) };
        match object {
            Ok(object) => {
                // SAFETY: no more than there are, and they live in the object now. The object is new, and counted once.
                unsafe {
                    values.set_len(0);
                    Ok(Self::from_object(object))
                }
            }
            Err(error) => Err(Refused { value: values, error }),
        }
    }
}

impl<'h> HeapRc<'h, str> {
    /// Copies text to the heap, counted once. The pointer has two words: it knows the length.
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`].
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    ///
    /// let heap = HeapArena::new()?;
    /// let text = HeapRc::copy_str(&heap, "text")?;
    /// assert_eq!((&*text, text.len()), ("text", 4));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// One [`HeapArena::alloc`] of the bytes and two words, and the copy.
    pub fn copy_str(heap: &'h HeapArena, text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes();
        // SAFETY: bytes are `Copy`.
        let object = unsafe { Counted::of_values(heap, NonNull::from(bytes).cast::<u8>(), bytes.len()) }?;
        // SAFETY: not null, as `object` is not. The bytes of a `str`, whose layout is that of `[u8]`, in a new object that counts once.
        Ok(unsafe { Self::from_object(NonNull::new_unchecked(object.as_ptr() as *mut Counted<'h, str>)) })
    }
}
