//! Transient code, made by a lowering function: all of it, or what differs from other code.
//!
//! ```text
//!   lower(loader) ──▶ blocks of a new region ──▶ its first part, counted once
//!   patch(loader, original) ──▶ the same; the region keeps the original's part
//! ```
//!
//! Until the region has a part, an error or a panic gives it back.

use super::code_ref::{CodeRef, bytes_of};
use crate::code::{Loader, Permanent};
use crate::error::Error;
use crate::handles::region::{Transients, Unheld};

impl<'a, T: Permanent> CodeRef<'a, T> {
    /// Makes transient code: `lower` builds it with an ordinary loader, in a region of the heap that is counted as a whole.
    ///
    /// Write the type of the code, on the left or on the right: [`eval`](crate::guide::eval#the-annotation) says why. Pass a function of your
    /// own as a closure, `|loader| lower(loader)`.
    ///
    /// Blocks that `lower` makes refer to the region, to `'static` data, to names of the arena, and to code of owners
    /// ([`Loader::at`]). Interned names that the arena has are its copies; others are the region's own.
    ///
    /// Costs two objects of the heap: 512 zeroed bytes, some 370 of them for blocks, and at most 56 for the count. As
    /// blocks fill the first, further ones come: of 1 KiB, 2 KiB and so on to 32 KiB. A larger block has one of its
    /// own. There is a small one for each name of the region's own, each [padded](Loader::alloc_padded) block and each
    /// range of sites. No system call unless the heap has to grow, and no write to a code page.
    ///
    /// # Errors
    ///
    /// Those of `lower`, [`HeapArena::alloc`](crate::HeapArena::alloc) and [`Loader::sites`]. After an error or a panic no memory of it is
    /// left.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, Error, HeapArena, Transients};
    ///
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let code: CodeRef<'_, u32> = CodeRef::transient(&transients, |loader| loader.alloc(7))?;
    /// assert_eq!((arena.stats().claimed, heap.stats().objects), (0, 2));
    /// let refused = CodeRef::<u32>::transient(&transients, |loader| {
    ///     loader.alloc(8)?;
    ///     Err(Error::Foreign) // the compiler's, say
    /// });
    /// assert_eq!((refused.err(), heap.stats().objects), (Some(Error::Foreign), 2)); // nothing of it is left
    /// # drop(code);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transient<E, F>(home: &'a Transients<'a>, lower: F) -> Result<Self, E>
    where
        E: From<Error>,
        F: for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, E>,
    {
        let unheld = Unheld::new(home)?;
        // SAFETY: 1. Only a reference is lent to `lower`. 2. It is dropped here, before `hold` makes what handles count. 3. `lower` is `for<'x>`.
        let root = lower(&unsafe { Loader::for_region(home.code(), unheld.region()) }).map(bytes_of)?;
        let part = unheld.hold(root)?;
        // SAFETY: `lower` made a `&'x T::At<'x>` for every 'x, also for one as long as the region is live, which it is while a part is counted.
        Ok(unsafe { Self::counted(part) })
    }

    /// Makes transient code that differs a little from this: `patch` builds it, and may refer to all of the original,
    /// which stays as it is.
    ///
    /// Use it to set a breakpoint or to trace a function, without writing to sealed code. Copy the bytecode, change the
    /// copy, and put it into the function's [`CodeSlot`](crate::CodeSlot). To remove it, put the original back.
    ///
    /// The copy shares everything that `patch` does not make anew: constants, names, and sites, so that the caches go
    /// on. Transient code lives as long as copies that were patched from it. So make a second copy from the original,
    /// not from the first, or all three live.
    ///
    /// Costs and errors are those of [`transient`](Self::transient).
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, CodeSlot, HeapArena, Permanent, Transients};
    ///
    /// #[derive(Permanent)]
    /// struct Code<'a> {
    ///     name: &'a str,
    ///     ops: &'a [u8],
    /// }
    /// const BREAK: u8 = 255;
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let loader = arena.load("m")?;
    /// let code = loader.alloc(Code { name: loader.intern("f")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })?;
    /// loader.seal()?;
    /// let function = CodeSlot::new(CodeRef::new(code));
    ///
    /// let stopping: CodeRef<'_, Code<'_>> = function.get().patched(&transients, |loader, code| {
    ///     let mut ops = code.ops.to_vec();
    ///     ops[1] = BREAK;
    ///     loader.alloc(Code { ops: loader.alloc_slice_copy(&ops)?, ..*code })
    /// })?;
    /// let original = function.replace(stopping);
    /// assert_eq!((function.get().get().ops, code.ops), (&[1, BREAK, 3][..], &[1, 2, 3][..]));
    /// function.replace(original); // nothing is left of it
    /// # assert_eq!(heap.stats().live, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn patched<E, F>(&self, home: &'a Transients<'a>, patch: F) -> Result<Self, E>
    where
        E: From<Error>,
        F: for<'x> FnOnce(&Loader<'x>, &'x T::At<'x>) -> Result<&'x T::At<'x>, E>,
    {
        let unheld = Unheld::new(home)?;
        if let Some(part) = self.part_ref() {
            unheld.region().retain(part);
        }
        // SAFETY: permanent code is borrowed for 'a, longer than the region is live; transient code is kept by the region from now on. Both may
        // be read as `At` of that time, links included: see `CodeRef::get`.
        let original = unsafe { self.root().cast().as_ref() };
        // SAFETY: 1. Only a reference is lent to `patch`. 2. It is dropped here, before `hold` makes what handles count. 3. `patch` is `for<'x>`.
        let root = patch(&unsafe { Loader::for_region(home.code(), unheld.region()) }, original).map(bytes_of)?;
        let part = unheld.hold(root)?;
        // SAFETY: `patch` made a `&'x T::At<'x>` for every 'x, also for one as long as the region is live, which it is while a part is counted.
        Ok(unsafe { Self::counted(part) })
    }
}
