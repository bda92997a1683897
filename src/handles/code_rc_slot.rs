//! A slot for functions that own what they run: counted code that can be replaced while it runs.

use super::code_rc::CodeRc;
use crate::code::Permanent;
use crate::heap::HeapArena;
use core::cell::UnsafeCell;
use core::fmt;

/// A function's counted code, to be replaced by another, without a lifetime: what [`CodeSlot`](crate::CodeSlot) is for
/// [`CodeRef`](crate::CodeRef).
///
/// One word, for one thread. Before you run the function, call [`get`](Self::get) and keep the handle in the frame. Then
/// [`replace`](Self::replace) cannot free the code that runs, nor can a drop of the slot or of the home. `!Send` and `!Sync`, as its
/// handle is.
///
/// ```
/// use permacode::handles::{CodeRc, CodeRcSlot, Home};
/// use permacode::{CodeArena, HeapArena};
/// use std::sync::Arc;
///
/// let home = Home::new(Arc::new(CodeArena::new()?), HeapArena::new()?)?;
/// let code = |value| CodeRc::<u32>::new(&home, move |loader| loader.alloc(value));
/// let slot = CodeRcSlot::new(code(1)?);
/// let frame = slot.get();
/// assert_eq!(*slot.replace(code(2)?).get(), 1);
/// assert_eq!((*frame.get(), *slot.get().get()), (1, 2));
/// drop((slot, home));
/// assert_eq!(*frame.get(), 1); // the frame keeps what it runs
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Invariant in `T`, as a `Cell` is.
pub struct CodeRcSlot<T: Permanent> {
    code: UnsafeCell<CodeRc<T>>,
}

impl<T: Permanent> CodeRcSlot<T> {
    /// Makes a slot with this code. Costs nothing: the handle moves in, and is not counted again. The type's example
    /// uses it.
    pub fn new(code: CodeRc<T>) -> Self {
        Self { code: UnsafeCell::new(code) }
    }

    /// Returns a handle of the code. Costs a load and an addition in the heap, and a subtraction when the handle goes.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, CodeRcSlot, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let slot = CodeRcSlot::new(CodeRc::<u32>::new(&home, |loader| loader.alloc(1))?);
    /// assert_eq!(slot.get().count(), 2);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn get(&self) -> CodeRc<T> {
        // SAFETY: nobody holds a reference to the handle itself; cloning it runs no code of others.
        unsafe { (*self.code.get()).clone() }
    }

    /// Marks everything that the code in the slot keeps alive: see [`CodeRc::mark`]. Costs a load more than that.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, CodeRcSlot, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let slot = CodeRcSlot::new(CodeRc::<u32>::new(&home, |loader| loader.alloc(7))?);
    /// slot.mark();
    /// // SAFETY: what is not marked is not used, and there are no other transients.
    /// let swept = unsafe { home.transients().sweep() };
    /// assert_eq!((swept.objects, *slot.get().get()), (0, 7));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn mark(&self) {
        // SAFETY: as in `get`; marking runs no code of others.
        unsafe { (*self.code.get()).mark() };
    }

    /// Marks the same for a collection of `heap` whose marks are all its own, without a write to the code's region.
    pub(crate) fn mark_in(&self, heap: &HeapArena) {
        // SAFETY: as in `mark`.
        unsafe { (*self.code.get()).mark_in(heap) };
    }

    /// Puts other code in, and returns the code that was there. Costs one load and one store; no count changes.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, CodeRcSlot, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let slot = CodeRcSlot::new(CodeRc::<u32>::new(&home, |loader| loader.alloc(1))?);
    /// let old = slot.replace(CodeRc::new(&home, |loader| loader.alloc(2))?);
    /// assert_eq!((*old.get(), old.count(), *slot.get().get()), (1, 1, 2)); // it was the slot's alone
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn replace(&self, code: CodeRc<T>) -> CodeRc<T> {
        // SAFETY: nobody holds a reference to the handle itself.
        unsafe { self.code.get().replace(code) }
    }

    /// Puts other code in if the code is the [same](CodeRc::same) as `current`, and returns the code that was there.
    /// Costs a load, a comparison and a store.
    ///
    /// # Errors
    ///
    /// `code` itself, if the slot holds something else; the slot is as it was.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, CodeRcSlot, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let new = |value| CodeRc::<u32>::new(&home, move |loader| loader.alloc(value));
    /// let (one, equal) = (new(1)?, new(1)?);
    /// let slot = CodeRcSlot::new(one.clone());
    /// let unused = slot.compare_exchange(&equal, new(2)?).unwrap_err(); // equal is not the same
    /// assert_eq!((*unused.get(), *slot.get().get()), (2, 1));
    /// assert!(slot.compare_exchange(&one, unused).is_ok_and(|old| old.same(&one)));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn compare_exchange(&self, current: &CodeRc<T>, code: CodeRc<T>) -> Result<CodeRc<T>, CodeRc<T>> {
        // SAFETY: as in `get`.
        if unsafe { (*self.code.get()).same(current) } { Ok(self.replace(code)) } else { Err(code) }
    }

    /// Takes the code out of the slot. Costs nothing: the handle moves out, and its count is as it was.
    ///
    /// ```
    /// # use permacode::{CodeArena, HeapArena, handles::{CodeRc, CodeRcSlot, Home}};
    /// # let home = Home::new(std::sync::Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let slot = CodeRcSlot::new(CodeRc::<u32>::new(&home, |loader| loader.alloc(1))?);
    /// slot.replace(CodeRc::new(&home, |loader| loader.alloc(2))?);
    /// assert_eq!(*slot.into_inner().get(), 2);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn into_inner(self) -> CodeRc<T> {
        self.code.into_inner()
    }
}

impl<T: Permanent> From<CodeRc<T>> for CodeRcSlot<T> {
    fn from(code: CodeRc<T>) -> Self {
        Self::new(code)
    }
}

/// Shows the code, of which it counts a handle meanwhile.
impl<T: Permanent> fmt::Debug for CodeRcSlot<T>
where
    for<'s> T::At<'s>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CodeRcSlot").field(&self.get()).finish()
    }
}
