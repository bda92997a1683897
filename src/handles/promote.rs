//! From a handle of transient code to permanent code.

use super::code_rc::CodeRc;
use super::code_ref::CodeRef;
use super::copy::deep_copy;
use super::owned::Owned;
use crate::code::{Block, Loader, Permanent};
use crate::error::Error;
use crate::handles::region::Kept;
use core::{ptr, slice};

impl<'a, T: Permanent> CodeRef<'a, T> {
    /// Returns the code as permanent code: itself if it is, else a deep copy made by `loader`. The handle stays what it
    /// is.
    ///
    /// Sharing and cycles are kept: one block of the original is one block in the copy. Interned names become the
    /// arena's. A [`Name`](crate::Name) becomes the arena's even if its text is `'static` in another arena. Site
    /// numbers of transient code become new, permanent ones of the loader's arena, wherever they came from. Permanent
    /// numbers stay as they are. `'static` data is not copied, but looked at. Code of owners that it refers to is not copied either: the
    /// loader's arena [keeps](Loader::at) their arenas from now on.
    ///
    /// Costs nothing for permanent code, which may be another arena's. For transient code it costs the copy. While the
    /// copy is made, it takes tables of all blocks that the code leads to and of their references, from the global
    /// allocator. Time grows with the number *n* of both as *n* log *n*. No system call beyond those of the loader's
    /// blocks.
    ///
    /// # Errors
    ///
    /// For transient code:
    ///
    /// - [`Error::OtherArena`] unless the loader's arena is the one that its [`Transients`](crate::Transients) were
    ///   made with
    /// - [`Error::OtherArena`] also if it refers to [transient code of threads](crate::Owned::transient): promote that first
    /// - [`Error::RefersBack`] if the lowering function leaked memory that refers to the code
    /// - [`Error::Younger`] if the code refers to that of an arena which was made after the loader's
    /// - [`Error::Memory`]
    /// - those of [`Loader::alloc`], [`Loader::intern`] and [`Loader::sites`]
    ///
    /// The blocks of the copy are then undone, as after a failed
    /// [`alloc_slice_try_fill_with`](Loader::alloc_slice_try_fill_with). Names that were interned for it stay in the
    /// arena, and site numbers that were taken for it are not given out again.
    ///
    /// ```
    /// use permacode::{CodeArena, CodeRef, Error, HeapArena, Transients};
    ///
    /// let (arena, other, heap) = (CodeArena::new()?, CodeArena::new()?, HeapArena::new()?);
    /// let transients = Transients::new(&arena, &heap);
    /// let eval: CodeRef<'_, (&[u8], &[u8])> = CodeRef::transient(&transients, |loader| {
    ///     let ops = loader.alloc_slice_copy(&[1, 2, 3])?;
    ///     loader.alloc((ops, &ops[1..]))
    /// })?;
    /// assert_eq!(eval.promote(&*other.load("m")?), Err(Error::OtherArena));
    /// let loader = arena.load("m")?;
    /// let code = eval.promote(&loader)?;
    /// loader.seal()?;
    /// drop(eval);
    /// assert_eq!(heap.stats().live, 0);
    /// assert!(std::ptr::eq(&code.0[1], &code.1[0])); // still one slice
    /// # Ok::<(), Error>(())
    /// ```
    pub fn promote(&self, loader: &Loader<'a>) -> Result<&'a T::At<'a>, Error> {
        let Some(region) = self.region() else {
            // SAFETY: permanent code, borrowed for 'a. It may be read as `At<'a>`, links included: see `CodeRef::get`.
            return Ok(unsafe { self.root().cast::<T::At<'a>>().as_ref() });
        };
        if !ptr::eq(loader.arena(), region.owner().code()) {
            return Err(Error::OtherArena);
        }
        // First of all, also where nothing is to be copied: the root itself may lie in an arena that the region keeps.
        region.hand_over(loader)?;
        let block = Block::new(slice::from_ref(self.get()));
        let survey = Kept::of(region)?;
        // SAFETY: 1. This handle keeps the region and its root live, and all that the root leads to. 2. It is.
        let copy = unsafe { deep_copy(region, &survey, block, loader) }?;
        // SAFETY: a complete copy of the root, at the lifetime 'a of the loader that made it: what it refers to is the copy's, the arena's or
        // `'static`. Or the root itself, if it lies outside of the region, to which then nothing that it leads to refers. It is a `T::At` of
        // every lifetime that the region is live, as code that is `'static`, or as permanent code that was patched: that is borrowed for
        // 'a and may be read as `At<'a>`, links included, see `CodeRef::get`.
        Ok(unsafe { copy.cast::<T::At<'a>>().as_ref() })
    }
}

impl<T: Permanent> CodeRc<T> {
    /// Makes the code permanent, as a module called `name` of the home's arena, and returns an owner of it. The handle
    /// stays what it is.
    ///
    /// It is a deep copy, as [`CodeRef::promote`] makes one. The arena keeps what the code keeps: see [`Loader::at`]. Call
    /// [`CodeArena::seal`](crate::CodeArena::seal) when you want its pages read-only.
    ///
    /// Costs a [load](Owned::load) and the copy.
    ///
    /// # Errors
    ///
    /// Those of [`CodeRef::promote`], those of [`CodeArena::load`](crate::CodeArena::load), and [`Error::Younger`] if the code keeps an arena
    /// that was made after its own. An empty module is left then.
    ///
    /// ```
    /// use permacode::handles::{CodeRc, Home};
    /// use permacode::{CodeArena, Error, HeapArena, Owned};
    /// use std::sync::Arc;
    ///
    /// let home = Home::new(Arc::new(CodeArena::new()?), HeapArena::new()?)?;
    /// let eval = CodeRc::<(&[u8], &[u8])>::new(&home, |loader| {
    ///     let ops = loader.alloc_slice_copy(&[1, 2, 3])?;
    ///     loader.alloc((ops, &ops[1..]))
    /// })?;
    /// let owned: Owned<(&[u8], &[u8])> = eval.promote("eval")?;
    /// drop((eval, home));
    /// let code = owned.get();
    /// assert!(std::ptr::eq(&code.0[1], &code.1[0])); // still one slice
    /// # Ok::<(), Error>(())
    /// ```
    pub fn promote(&self, name: &str) -> Result<Owned<T>, Error> {
        let region = self.region();
        Owned::load(self.home().arena(), name, |loader| {
            // First of all: see `CodeRef::promote`.
            region.hand_over(loader)?;
            let block = Block::new(slice::from_ref(self.get()));
            let survey = Kept::of(region)?;
            // SAFETY: 1. This handle keeps the region and its root live, and all that the root leads to. 2. It is.
            let copy = unsafe { deep_copy(region, &survey, block, loader) }?;
            // SAFETY: as in `CodeRef::promote`, at the lifetime of the loader. Its arena is that of the home, so of each region that this one
            // keeps, and it keeps what those keep.
            Ok(unsafe { copy.cast().as_ref() })
        })
    }
}
