//! From transient code that threads share to permanent code.

use super::region::SharedRegion;
use crate::code::{Block, Loader, Permanent};
use crate::error::Error;
use crate::handles::copy::deep_copy;
use crate::handles::owned::{Held, Owned};
use crate::handles::region::Survey;
use core::ptr::{self, NonNull};
use core::{slice, str};

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
        promoted(self, name, |region, loader| {
            let copy = copied(region, Block::new(slice::from_ref(self.get())), loader)?;
            // SAFETY: as `copied` says, of a `T::At`.
            Ok(unsafe { copy.cast().as_ref() })
        })
    }
}

impl<T: Permanent> Owned<[T]> {
    /// Returns an owner of the slice as permanent code. A value's [`promote`](Owned::promote) says more, and has the errors: a slice is copied
    /// as a value is, with all that its elements lead to. Of a slice that is a part of another one only the part is copied.
    ///
    /// ```
    /// use permacode::owned::SharedHome;
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// let eval: Owned<[&str]> = Owned::transient(&home, |loader| {
    ///     let words = [loader.intern("print")?, loader.alloc_str("hello")?];
    ///     loader.alloc_slice_copy(&words)
    /// })?;
    /// let words = eval.promote("eval")?;
    /// drop(eval);
    /// assert_eq!((home.regions(), words.get()), (0, &["print", "hello"][..]));
    /// assert!(home.arena().contains(words.get()) && home.arena().interned("print").is_some());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of a value's.
    ///
    /// # Cost
    ///
    /// That of a value's.
    pub fn promote(&self, name: &str) -> Result<Self, Error> {
        promoted(self, name, |region, loader| {
            let (slice, copy) = (self.get(), copied(region, Block::new(self.get()), loader)?);
            // SAFETY: as `copied` says, of so many `T::At`.
            Ok(unsafe { NonNull::slice_from_raw_parts(copy.cast(), slice.len()).as_ref() })
        })
    }
}

impl Owned<str> {
    /// Returns an owner of the text as permanent code. A value's [`promote`](Owned::promote) says more, and has the errors. Text that is the whole
    /// of a name becomes the arena's name.
    ///
    /// ```
    /// use permacode::owned::SharedHome;
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let home = Arc::new(SharedHome::new(Arc::new(CodeArena::new()?)));
    /// let text: Owned<str> = Owned::transient(&home, |loader| loader.intern("print"))?;
    /// let name = text.promote("names")?;
    /// drop(text);
    /// assert_eq!((home.regions(), &*name), (0, "print"));
    /// assert_eq!(home.arena().interned("print").map(|name| name.as_str()), Some(&*name));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of a value's, but for [`Error::RefersBack`]: text refers to nothing.
    ///
    /// # Cost
    ///
    /// That of a value's, and a look at each name of the code.
    pub fn promote(&self, name: &str) -> Result<Self, Error> {
        promoted(self, name, |region, loader| {
            let text = self.get();
            if region.is_name(text) {
                return loader.intern(text);
            }
            let copy = copied(region, Block::new(text.as_bytes()), loader)?;
            // SAFETY: as `copied` says, of the text's bytes, or the text itself.
            Ok(unsafe { str::from_utf8_unchecked(NonNull::slice_from_raw_parts(copy, text.len()).as_ref()) })
        })
    }
}

/// An owner of the code if it is permanent, or else of what `copy` puts into a new module.
fn promoted<T: Held + ?Sized>(
    code: &Owned<T>,
    name: &str,
    copy: impl for<'x> FnOnce(&SharedRegion, &Loader<'x>) -> Result<&'x T::At<'x>, Error>,
) -> Result<Owned<T>, Error> {
    let Some(region) = SharedRegion::of(code.share()) else { return Ok(code.clone()) };
    Owned::load(region.home().arena(), name, |loader| {
        // First of all, also where nothing is to be copied: the root itself may lie in an arena that the region keeps.
        region.hand_over(loader)?;
        copy(region, loader)
    })
}

/// The place of a complete copy of a block, good for the loader's lifetime. It leads to the copy, to the arena, to what that keeps now, or to
/// `'static` data. Or it is the block itself, if that lies elsewhere, and then so does all that it leads to.
///
/// The block is one that the region's code shows at the lifetime of a borrow, and the region handed over what it keeps.
fn copied(region: &SharedRegion, block: Block, loader: &Loader<'_>) -> Result<NonNull<u8>, Error> {
    if block.bytes == 0 {
        // It has no place, and may have had one in the region.
        return Ok(NonNull::new(ptr::without_provenance_mut(block.align)).unwrap_or(NonNull::dangling()));
    }
    let survey = Survey::new(region)?;
    // SAFETY: 1. The region is borrowed, so it lives, with all that its blocks lead to. 2. It is.
    unsafe { deep_copy(region, &survey, block, loader) }
}
