//! What a function of one thread holds: code that can be replaced while it runs.

use super::code_ref::CodeRef;
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
