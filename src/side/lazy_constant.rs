//! Heap objects that stand for sealed constants.
//!
//! Sealed code cannot hold a pointer to a heap object, which differs from process to process and moves with
//! collections. So the code holds the bytes of a constant (a long number, a string, a regular expression). An entry of
//! a side table holds the object made of them.

use bytemuck::Zeroable;
use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

/// The heap object that a sealed constant stands for, made when it is first needed.
///
/// A plain word: it owns nothing, and getting it is one load. A collector finds it by walking the table
/// ([`SideTable::walk`](crate::SideTable::walk)).
///
/// ```
/// use permacode::{CodeArena, HeapArena, SideTable};
/// use permacode::side::LazyConstant;
/// use std::alloc::Layout;
///
/// # fn main() -> Result<(), permacode::Error> {
/// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
/// let constants: SideTable<'_, LazyConstant<u64>> = SideTable::new(&arena)?;
/// let constant = &constants.of(arena.load("m")?.sites(1)?)?[0];
/// let make = || {
///     let object = heap.alloc(Layout::new::<u64>())?.cast::<u64>();
///     // SAFETY: a new object of this layout.
///     unsafe { object.write(42) };
///     Ok::<_, permacode::Error>(object)
/// };
/// let first = constant.get_or_try_make(make)?;
/// assert_eq!(constant.get_or_try_make(make)?, first); // the same object
/// let roots: Vec<_> = constants.walk(|constant| constant.get().is_some()).collect();
/// assert_eq!(roots.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Invariant in `T`, as a `Cell` is.
pub struct LazyConstant<T>(Cell<Option<NonNull<T>>>);

// SAFETY: zeros are `None`, as for every `Option<NonNull<T>>`.
unsafe impl<T> Zeroable for LazyConstant<T> {}

impl<T> LazyConstant<T> {
    /// Returns the object, if it was made. Costs a load.
    ///
    /// ```
    /// # use permacode::side::LazyConstant;
    /// # use std::ptr::NonNull;
    /// let constant: LazyConstant<u64> = permacode::side::Zeroable::zeroed();
    /// assert_eq!(constant.get(), None);
    /// let object = NonNull::dangling(); // of the heap, in earnest
    /// constant.get_or_try_make(|| Ok::<_, ()>(object)).unwrap();
    /// assert_eq!(constant.get(), Some(object));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<NonNull<T>> {
        self.0.get()
    }

    /// Returns the object, and makes it now if it was not made. If `make` initialises this constant itself, by
    /// re-entry, the first object is kept. Your collector must free the second.
    ///
    /// Costs a load and a test when it is there; else what `make` costs, and a store.
    ///
    /// # Errors
    ///
    /// Those of `make`; the constant is then as `make` left it, and the next call tries again.
    ///
    /// ```
    /// # use permacode::side::LazyConstant;
    /// # use std::ptr::NonNull;
    /// # let constant: LazyConstant<u64> = permacode::side::Zeroable::zeroed();
    /// assert_eq!(constant.get_or_try_make(|| Err("no memory")), Err("no memory"));
    /// let object = NonNull::dangling();
    /// assert_eq!(constant.get_or_try_make(|| Ok::<_, &str>(object)), Ok(object));
    /// assert_eq!(constant.get_or_try_make(|| Err("not called")), Ok(object));
    /// ```
    #[inline]
    pub fn get_or_try_make<E>(&self, make: impl FnOnce() -> Result<NonNull<T>, E>) -> Result<NonNull<T>, E> {
        match self.0.get() {
            Some(object) => Ok(object),
            None => self.made(make()?),
        }
    }

    #[cold]
    fn made<E>(&self, object: NonNull<T>) -> Result<NonNull<T>, E> {
        let first = self.0.get().unwrap_or(object);
        self.0.set(Some(first));
        Ok(first)
    }

    /// Forgets the object, which comes out: to be freed, or because the code that it stands for is gone. Costs a load and a store.
    ///
    /// ```
    /// # use permacode::side::LazyConstant;
    /// # use std::ptr::NonNull;
    /// # let constant: LazyConstant<u64> = permacode::side::Zeroable::zeroed();
    /// let object = NonNull::dangling();
    /// constant.get_or_try_make(|| Ok::<_, ()>(object)).unwrap();
    /// assert_eq!((constant.take(), constant.take()), (Some(object), None)); // to be freed once
    /// ```
    pub fn take(&self) -> Option<NonNull<T>> {
        self.0.take()
    }
}

impl<T> fmt::Debug for LazyConstant<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.get().is_some() { "LazyConstant(made)" } else { "LazyConstant(unmade)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_that_is_made_while_it_is_made_is_the_first_one() {
        let (constant, objects): (LazyConstant<u8>, [u8; 2]) = (Zeroable::zeroed(), [0; 2]);
        let [inner, outer] = objects.each_ref().map(NonNull::from);
        let made = constant.get_or_try_make(|| constant.get_or_try_make(|| Ok::<_, ()>(inner)).map(|_| outer));
        assert_eq!((made, constant.get()), (Ok(inner), Some(inner)));
        constant.take();
        let failed = constant.get_or_try_make(|| constant.get_or_try_make(|| Ok(inner)).and(Err(())));
        assert_eq!((failed, constant.get()), (Err(()), Some(inner)));
    }
}
