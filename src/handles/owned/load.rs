//! Into an owner, and out of it again: a load that ends in one, and a loader that refers to its code.
//!
//! ```text
//!   lower(loader) ──▶ blocks of a module ──▶ root, and a share in the arena
//!   loader.at(owner) ──▶ the code, for blocks of this loader; its arena, or region, keeps the share from then on
//! ```

use super::held::Held;
use super::owned::Owned;
use crate::code::{CodeArena, Loader, NativeModule, Share};
use crate::error::Error;
use alloc::sync::Arc;
use core::ptr::NonNull;

impl<T: Held + ?Sized> Owned<T> {
    /// Loads a module called `name`, and owns the block that `lower` returns. The module is then finished: the next
    /// [`CodeArena::seal`] makes its pages read-only.
    ///
    /// `lower` is an ordinary lowering function. It must accept any lifetime, so everything that the block leads to comes from the loader or is
    /// `'static`. [`Loader::at`] returns code of another owner for it. Else the compiler says that a captured owner *does not live long
    /// enough*.
    ///
    /// Pass a lowering function of your own as a closure, `|loader| lower(loader)`. Its name alone compiles only with the type on the right:
    /// `Owned::<Code<'_>>::load(&arena, "m", lower)`.
    ///
    /// `?` in the closure yields the error type of the call. If it is not [`Error`], name it: end the closure with
    /// `Ok::<_, MyError>(loader.alloc(..)?)`.
    ///
    /// Parts of the module have owners of their own by [`map`](Self::map), all counted in one place.
    ///
    /// # Errors
    ///
    /// Those of `lower`, and those of [`CodeArena::load`]. After an error or a panic of `lower` the module is finished.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let ops: Owned<[u8]> = Owned::load(&arena, "m", |loader| loader.alloc_slice_copy(&[1, 2, 3]))?;
    /// assert_eq!(&ops[..], [1, 2, 3]);
    /// let refused = Owned::<u64>::load(&arena, "n", |_| Err("a syntax error").map_err(|_| Error::Foreign));
    /// assert_eq!((refused.err(), arena.modules().count()), (Some(Error::Foreign), 2));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`CodeArena::load`] and of [`OpenModule::finish`](crate::OpenModule::finish), and a count.
    pub fn load<E: From<Error>>(
        arena: &Arc<CodeArena>,
        name: &str,
        lower: impl for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, E>,
    ) -> Result<Self, E> {
        let module = arena.load(name)?;
        let root = T::to_label(NonNull::from(lower(&module)?));
        module.finish();
        // SAFETY: `lower` made a `&'x T::At<'x>` for every 'x, also for the time that ends with the arena's last share.
        Ok(unsafe { Self::from_parts(root, Share::new(arena)) })
    }

    /// As [`load`](Self::load), and makes the module's pages read-only now.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), and [`Error::Pages`] when the system refuses to protect the pages. The module is finished then, and
    /// [`CodeArena::seal`] tries again.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let code: Owned<u64> = Owned::load_sealed(&arena, "m", |loader| loader.alloc(7))?;
    /// assert_eq!((*code, arena.stats().unsealed), (7, 0));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`CodeArena::load`] and of [`OpenModule::seal`](crate::OpenModule::seal), and a count.
    pub fn load_sealed<E: From<Error>>(
        arena: &Arc<CodeArena>,
        name: &str,
        lower: impl for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, E>,
    ) -> Result<Self, E> {
        let module = arena.load(name)?;
        let root = T::to_label(NonNull::from(lower(&module)?));
        module.seal()?;
        // SAFETY: as in `load`.
        Ok(unsafe { Self::from_parts(root, Share::new(arena)) })
    }
}

impl Owned<[u8]> {
    /// Loads a module of machine code, makes it executable, and owns the bytes that `assemble` returns.
    ///
    /// A block refers to them by [`Loader::at`], and a part is had by [`map`](Self::map). The last share in the arena unmaps them, so call a
    /// function only while an owner is held.
    ///
    /// # Errors
    ///
    /// Those of `assemble`, of [`CodeArena::load_native`] and of [`NativeModule::seal`].
    ///
    /// ```
    /// # #[cfg(all(target_arch = "x86_64", target_os = "linux", not(permacode_ordinary_pages)))]
    /// # fn main() -> Result<(), permacode::Error> {
    /// use permacode::{CodeArena, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::new()?);
    /// let ret = &[0xb8, 42, 0, 0, 0, 0xc3]; // mov eax, 42; ret
    /// let code = Owned::load_native(&arena, "jit", |module| module.alloc(ret, 16))?;
    /// drop(arena);
    /// // SAFETY: the bytes are a function of this type, executable since the load, and owned meanwhile.
    /// let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(code.as_ptr()) };
    /// assert_eq!(function(), 42);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(permacode_ordinary_pages))))]
    /// # fn main() {}
    /// ```
    ///
    /// # Cost
    ///
    /// That of [`CodeArena::load_native`] and of [`NativeModule::seal`], and a count.
    pub fn load_native<E: From<Error>>(
        arena: &Arc<CodeArena>,
        name: &str,
        assemble: impl for<'x> FnOnce(&NativeModule<'x>) -> Result<&'x [u8], E>,
    ) -> Result<Self, E> {
        let module = arena.load_native(name)?;
        let root = NonNull::from(assemble(&module)?);
        module.seal()?;
        // SAFETY: as in `load`, for `assemble`.
        Ok(unsafe { Self::from_parts(root, Share::new(arena)) })
    }
}

impl<'a> Loader<'a> {
    /// Returns the code of an owner, for blocks of this loader to refer to.
    ///
    /// Code of the loader's own arena is there for free. Of another arena's, the loader's arena keeps that arena from now on, for as long as
    /// it lives itself. A loader of transient code keeps it in the region, for as long as the region lives. When the code is promoted, the
    /// arena that it goes to keeps it too.
    ///
    /// A region whose last handle was forgotten keeps on, until a [sweep](crate::Transients::sweep) ends it.
    ///
    /// Keeping is by the arena: code that refers to one function of another arena keeps all of that arena. An error later on does not undo it.
    ///
    /// The code's own links stay as they are: its module is finished, so [`link`](Self::link) refuses them.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let core = Arc::new(CodeArena::new()?);
    /// let print: Owned<str> = Owned::load(&core, "core", |loader| loader.alloc_str("print"))?;
    /// let user = Arc::new(CodeArena::new()?);
    /// let program: Owned<[&str]> = Owned::load(&user, "user", |loader| {
    ///     let words = [loader.at(&print)?, loader.alloc_str("hello")?];
    ///     loader.alloc_slice_copy(&words)
    /// })?;
    /// drop((core, print, user));
    /// assert_eq!(program.get(), ["print", "hello"]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Younger`] if the other arena was made after the loader's: arenas keep only older ones, so that no two keep each other. A
    /// region may keep any. [`Error::OtherArena`] for [transient](Owned::transient) code if the loader fills a module: [promote](Owned::promote)
    /// it first. [`Error::Bookkeeping`] or [`Error::Pages`] when there is no room for a record, in a region
    /// those of [`HeapArena::alloc`](crate::HeapArena::alloc).
    ///
    /// # Cost
    ///
    /// For the loader's own arena a comparison. For another one a comparison with each that is kept already, and the first time a record of
    /// two words and a count.
    pub fn at<T: Held + ?Sized>(&self, owned: &Owned<T>) -> Result<&'a T::At<'a>, Error> {
        self.keep(owned.share())?;
        // SAFETY: a `T::At<'x>` of the time that ends with the last share in its memory. That memory is the loader's own arena, which is borrowed
        // for 'a, or it is kept from now on as long as what the loader fills, which is good for 'a. So 'a lies within that time. Its links are not
        // this loader's to set: `link` asks `filled`, which is part of this proof too. ARCHITECTURE.md, "Owners of code".
        Ok(unsafe { T::of_label(owned.place()).as_ref() })
    }
}
