//! A slot for functions of one thread: code that can be replaced while it runs.

use super::code_ref::CodeRef;
use super::proxy::CodeProxy;
use crate::code::Permanent;
use crate::heap::HeapArena;
use core::cell::UnsafeCell;
use core::fmt;

/// A function's code, permanent or transient, to be replaced by another: `fn.__code__ = other`.
///
/// One word, for one thread. Before you run the function, call [`get`](Self::get) and keep the handle in the frame: then
/// [`replace`](Self::replace) cannot free the code that runs. The old code lives as long as somebody holds it. Replacing writes one word, here, and never to a
/// code page. `!Send` and `!Sync`, as its handle is.
///
/// ```
/// use permacode::{CodeRef, CodeSlot};
///
/// let (old, new) = (1u32, 2u32);
/// let slot = CodeSlot::new(CodeRef::new(&old));
/// let frame = slot.get();
/// assert_eq!(*slot.replace(CodeRef::new(&new)).get(), 1);
/// assert_eq!((*frame.get(), *slot.get().get()), (1, 2));
/// ```
///
/// # Variance
///
/// Invariant in `'a` and in `T`, as a `Cell` is: what is put in through one reference comes out through another.
pub struct CodeSlot<'a, T: Permanent> {
    code: UnsafeCell<CodeRef<'a, T>>,
}

impl<'a, T: Permanent> CodeSlot<'a, T> {
    /// Makes a slot with this code. Costs nothing: the handle moves in, and is not counted again.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, CodeSlot, HeapArena, Transients};
    ///
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let slot: CodeSlot<'_, u32> = CodeSlot::new(CodeRef::transient(&transients, |loader| loader.alloc(1))?);
    /// assert_eq!(slot.into_inner().count(), Some(1));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn new(code: CodeRef<'a, T>) -> Self {
        Self { code: UnsafeCell::new(code) }
    }

    /// Returns a handle of the code. Costs a copied word. For transient code it is also an addition in the heap, and a
    /// subtraction when the handle goes.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, CodeSlot, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// # let new = |value| CodeRef::<u32>::transient(&transients, move |loader| loader.alloc(value));
    /// let slot = CodeSlot::new(new(1)?);
    /// let frame = slot.get();
    /// drop(slot.replace(new(2)?));
    /// assert_eq!((*frame.get(), *slot.get().get()), (1, 2)); // the frame keeps what it runs
    /// drop(frame);
    /// assert_eq!(transients.stats().regions, 1);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn get(&self) -> CodeRef<'a, T> {
        // SAFETY: nobody holds a reference to the handle itself; cloning it runs no code of others.
        unsafe { (*self.code.get()).clone() }
    }

    /// Returns the code itself, if it is permanent. A call of such a function needs no handle. Costs a load and a test.
    ///
    /// ```
    /// # use permacode::{CodeRef, CodeSlot};
    /// static CODES: [u32; 2] = [1, 2];
    /// let slot = CodeSlot::new(CodeRef::new(&CODES[0]));
    /// let frame: Option<&'static u32> = slot.permanent();
    /// slot.replace(CodeRef::new(&CODES[1]));
    /// assert_eq!(frame, Some(&1)); // good without a handle
    /// ```
    #[inline]
    pub fn permanent(&self) -> Option<&'a T> {
        // SAFETY: as in `get`; what comes out is not borrowed from the slot.
        unsafe { (*self.code.get()).permanent() }
    }

    /// Marks everything that the code in the slot keeps alive: see [`CodeRef::mark`]. Costs a load more than that.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, CodeSlot, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let slot = CodeSlot::new(CodeRef::<u32>::transient(&transients, |loader| loader.alloc(7))?);
    /// slot.mark();
    /// // SAFETY: what is not marked is not used, and there are no other transients.
    /// let swept = unsafe { transients.sweep() };
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
    /// # use permacode::{CodeArena, CodeRef, CodeSlot, HeapArena, Transients};
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let eval: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(2))?;
    /// let slot = CodeSlot::new(CodeRef::new(&1));
    /// let old = slot.replace(eval);
    /// assert_eq!((*old.get(), old.is_permanent()), (1, true));
    /// assert_eq!(slot.replace(old).count(), Some(1)); // it was the slot's alone
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn replace(&self, code: CodeRef<'a, T>) -> CodeRef<'a, T> {
        // SAFETY: nobody holds a reference to the handle itself.
        unsafe { self.code.get().replace(code) }
    }

    /// Puts in the code that a proxy shows: `f.__code__ = g.__code__`. Returns the code that was there. Costs a handle,
    /// a load and a store.
    ///
    /// Only the machine can do so, since it has the function's slot. To a script, which has proxies, code stays opaque.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, CodeSlot};
    /// use permacode::handles::CodeProxy;
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let f = CodeSlot::new(CodeRef::new(loader.alloc(1u32)?));
    /// let g = CodeSlot::new(CodeRef::new(loader.alloc(2u32)?));
    /// let shown = CodeProxy::new(&arena, g.get(), |_: &u32| "g")?;
    /// let old = f.install(&shown);
    /// assert_eq!((*old.get(), *f.get().get()), (1, 2));
    /// assert!(f.get().same(&g.get()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn install(&self, shown: &CodeProxy<'a, T>) -> CodeRef<'a, T> {
        self.replace(shown.code().clone())
    }

    /// Puts other code in if the code is the [same](CodeRef::same) as `current`, and returns the code that was there.
    /// Costs a load, a comparison and a store.
    ///
    /// # Errors
    ///
    /// `code` itself, if the slot holds something else; the slot is as it was.
    ///
    /// ```
    /// # use permacode::{CodeRef, CodeSlot};
    /// static CODES: [u32; 3] = [1, 1, 2];
    /// let [one, equal, two] = CODES.each_ref().map(CodeRef::new);
    /// let slot = CodeSlot::new(one.clone());
    /// let unused = slot.compare_exchange(&equal, two).unwrap_err(); // equal is not the same
    /// assert_eq!((*unused.get(), *slot.get().get()), (2, 1));
    /// assert!(slot.compare_exchange(&one, unused).is_ok_and(|old| old.same(&one)));
    /// ```
    pub fn compare_exchange(
        &self,
        current: &CodeRef<'a, T>,
        code: CodeRef<'a, T>,
    ) -> Result<CodeRef<'a, T>, CodeRef<'a, T>> {
        // SAFETY: as in `get`.
        if unsafe { (*self.code.get()).same(current) } { Ok(self.replace(code)) } else { Err(code) }
    }

    /// Takes the code out of the slot. Costs nothing: the handle moves out, and its count is as it was.
    ///
    /// ```
    /// # use permacode::{CodeRef, CodeSlot};
    /// let slot = CodeSlot::new(CodeRef::new(&1u32));
    /// slot.replace(CodeRef::new(&2));
    /// assert_eq!(*slot.into_inner().get(), 2);
    /// ```
    pub fn into_inner(self) -> CodeRef<'a, T> {
        self.code.into_inner()
    }
}

impl<'a, T: Permanent> From<CodeRef<'a, T>> for CodeSlot<'a, T> {
    fn from(code: CodeRef<'a, T>) -> Self {
        Self::new(code)
    }
}

impl<T: Permanent> fmt::Debug for CodeSlot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CodeSlot").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CodeArena, HeapArena, Transients};

    #[test]
    fn code_that_a_proxy_shows_is_counted_by_the_slot_it_is_put_into() {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
        let transients = Transients::new(&arena, &heap);
        let new =
            |value| -> CodeRef<'_, u32> { CodeRef::transient(&transients, |loader| loader.alloc(value)).unwrap() };
        let slot = CodeSlot::new(new(1));
        let shown = CodeProxy::new(&arena, new(2), |_: &u32| "two").unwrap();
        drop(slot.install(&shown));
        assert_eq!((shown.count(), transients.stats().regions), (Some(2), 1));
        drop(shown);
        let code = slot.into_inner();
        assert_eq!((*code.get(), code.count()), (2, Some(1)));
        drop(code);
        assert_eq!(heap.stats().live, 0);
    }
}
