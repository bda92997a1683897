//! From transient code that threads share to permanent code.

use super::region::SharedRegion;
use crate::code::{Block, Permanent};
use crate::error::Error;
use crate::handles::copy::deep_copy;
use crate::handles::owned::Owned;
use crate::handles::region::Survey;
use core::slice;

impl<T: Permanent> Owned<T> {
    /// Returns an owner of the code as permanent code. That is the code itself if it is permanent. Else it is a deep copy in a new module called
    /// `name`, in the arena of the code's [home](crate::owned::SharedHome). This owner stays what it is.
    ///
    /// The copy is made as [`CodeRef::promote`](crate::CodeRef::promote) makes it: sharing and cycles are kept, names become the arena's, site
    /// numbers become new ones. The module is finished: the next [`CodeArena::seal`](crate::CodeArena::seal) makes its pages read-only. Arenas
    /// whose code it refers to are kept by the arena from then on.
    ///
    /// # Errors
    ///
    /// For transient code:
    ///
    /// - [`Error::OtherArena`] if it refers to another evaluation's code by [`Loader::at`](crate::Loader::at). Promote that first, and make
    ///   this code with the owner that you get.
    /// - [`Error::Younger`] if it refers to code of an arena that was made after the home's
    /// - [`Error::RefersBack`] if the lowering function leaked memory that refers to the code
    /// - [`Error::Memory`], and those of [`CodeArena::load`](crate::CodeArena::load) and of the loader
    ///
    /// The module is finished then, without blocks of the copy.
    ///
    /// ```
    /// use permacode::owned::SharedHome;
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// let eval: Owned<(&[u8], &[u8])> = Owned::transient(&home, |loader| {
    ///     let ops = loader.alloc_slice_copy(&[1, 2, 3])?;
    ///     loader.alloc((ops, &ops[1..]))
    /// })?;
    /// let code = eval.promote("eval")?;
    /// drop(eval);
    /// home.arena().seal()?;
    /// assert_eq!((home.regions(), code.get().1), (0, &[2, 3][..]));
    /// assert!(home.arena().contains(code.get()));
    /// assert!(code.promote("again")?.ptr_eq(&code)); // it is permanent
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// For permanent code a count. Else that of [`CodeRef::promote`](crate::CodeRef::promote), and of a module.
    pub fn promote(&self, name: &str) -> Result<Self, Error> {
        let Some(region) = SharedRegion::of(self.share()) else { return Ok(self.clone()) };
        Owned::load(region.home().arena(), name, |loader| {
            // First of all, also where nothing is to be copied: the root itself may lie in an arena that the region keeps.
            region.hand_over(loader)?;
            let (survey, block) = (Survey::new(region)?, Block::new(slice::from_ref(self.get())));
            // SAFETY: 1. This owner keeps the region, and all that its root leads to. 2. It is.
            let copy = unsafe { deep_copy(region, &survey, block, loader) }?;
            // SAFETY: a complete copy of a `T::At`, at the lifetime of the loader. It leads to the copy, to the arena, to what that keeps now, or to
            // `'static` data. Or it is the root itself, if that lies elsewhere, and then so does all that it leads to.
            Ok(unsafe { copy.cast().as_ref() })
        })
    }
}
