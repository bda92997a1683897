//! From a handle to one of a code object within it.

use super::code_ref::{CodeRef, assert_aligned, bytes_of};
use super::region::Region;
use crate::code::Permanent;
use crate::error::Error;

impl<'a, T: Permanent> CodeRef<'a, T> {
    /// Returns a handle of a code object within this one, such as a nested function's, with a count of its own.
    ///
    /// The region of transient code lives until no part of it is held any more. Two handles of one part are the
    /// [same](Self::same).
    ///
    /// Costs nothing for permanent code. For transient code it costs a look into a hash table of the held parts. A part
    /// that is new takes a heap object of at most 56 bytes.
    ///
    /// ```
    /// # use permacode::{CodeArena, CodeRef, HeapArena, Permanent, Transients};
    /// #[derive(Permanent)]
    /// struct Code<'a> {
    ///     depth: u16,
    ///     inner: Option<&'a Code<'a>>,
    /// }
    ///
    /// # fn main() -> Result<(), permacode::Error> {
    /// # let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    /// # let transients = Transients::new(&arena, &heap);
    /// let outer: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |loader| {
    ///     let inner = loader.alloc(Code { depth: 1, inner: None })?;
    ///     loader.alloc(Code { depth: 0, inner: Some(inner) })
    /// })?;
    /// let inner = outer.project::<Code<'_>>(|code| code.inner)?.expect("there is one");
    /// drop(outer);
    /// assert_eq!(inner.get().depth, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`HeapArena::alloc`](crate::HeapArena::alloc).
    pub fn project<U: Permanent>(
        &self,
        find: impl for<'s> FnOnce(&'s T::At<'s>) -> Option<&'s U::At<'s>>,
    ) -> Result<Option<CodeRef<'a, U::At<'a>>>, Error> {
        const { assert_aligned::<U>() };
        if self.is_permanent() {
            // SAFETY: as in `get`; permanent code is borrowed for 'a, and not only as long as the handle.
            let code: &'a T::At<'a> = unsafe { self.root().cast().as_ref() };
            return Ok(find(code).map(CodeRef::new));
        }
        let found = find(self.get()).map(bytes_of);
        let (Some(part), Some(root)) = (self.part(), found) else { return Ok(None) };
        // SAFETY: 1. This handle counts a part of that region. 2. The pointer is the part's own.
        let part = unsafe { Region::part(part.region, root) }?;
        // SAFETY: `find` finds a `&'s U::At<'s>` for every 's, also for one as long as the region is live, which it is while a part is counted.
        Ok(Some(unsafe { CodeRef::counted(part) }))
    }
}
