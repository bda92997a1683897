//! What a function of one thread holds: code that can be replaced while it runs.

use super::code_ref::CodeRef;
use super::proxy::CodeProxy;
use crate::code::Permanent;
use core::cell::UnsafeCell;
use core::fmt;

/// A function's code, permanent or transient, to be replaced by another: `fn.__code__ = other`.
///
/// One word, for one thread. Whoever runs the function takes a handle of its own out of it first, so that the code that runs stays what
/// it is; the old code lives as long as somebody holds it. Replacing writes one word, here, and never to a code page.
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
pub struct CodeSlot<'a, T: Permanent> {
    code: UnsafeCell<CodeRef<'a, T>>,
}

impl<'a, T: Permanent> CodeSlot<'a, T> {
    /// A function with this code. Costs nothing.
    pub fn new(code: CodeRef<'a, T>) -> Self {
        Self { code: UnsafeCell::new(code) }
    }

    /// A handle of the code. Of permanent code it is a copied word, of transient code an addition in the heap.
    #[inline]
    pub fn get(&self) -> CodeRef<'a, T> {
        // SAFETY: nobody holds a reference to the handle itself; cloning it runs no code of others.
        unsafe { (*self.code.get()).clone() }
    }

    /// The code itself, if it is permanent: what a call of such a function needs, without a handle. Costs a load and a test.
    #[inline]
    pub fn permanent(&self) -> Option<&'a T> {
        // SAFETY: as in `get`; what comes out is not borrowed from the slot.
        unsafe { (*self.code.get()).permanent() }
    }

    /// Puts other code in; what was there comes out. Costs one store.
    #[inline]
    pub fn replace(&self, code: CodeRef<'a, T>) -> CodeRef<'a, T> {
        // SAFETY: nobody holds a reference to the handle itself.
        unsafe { self.code.get().replace(code) }
    }

    /// Puts in the code that a proxy shows: `f.__code__ = g.__code__`. What was there comes out. Costs a handle and one store.
    ///
    /// Only whoever has the function's slot, the machine, can do so: to a script, which has proxies, code stays opaque.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeProxy, CodeRef, CodeSlot};
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

    /// Puts other code in if the code is the [same](CodeRef::same) as `current`; what was there comes out.
    ///
    /// # Errors
    ///
    /// `code` itself, if the slot holds something else.
    pub fn compare_exchange(
        &self,
        current: &CodeRef<'a, T>,
        code: CodeRef<'a, T>,
    ) -> Result<CodeRef<'a, T>, CodeRef<'a, T>> {
        // SAFETY: as in `get`.
        if unsafe { (*self.code.get()).same(current) } { Ok(self.replace(code)) } else { Err(code) }
    }

    /// The code, out of the slot.
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
