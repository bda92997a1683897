//! The open, writable phase of a module.

use super::loader::Loader;
use super::module_room::ModuleRoom;
use crate::code::arena::{CodeArena, Module};
use crate::code::store::{End, ModuleRecord, Record};
use crate::error::{Error, ErrorAt, PageError};
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;

/// A module while it is built: blocks are allocated through it, until it is finished or sealed.
///
/// It is a [`Loader`] by `Deref`. It belongs to one thread at a time (`Send`, not `Sync`); any number may be open at once.
///
/// Dropping it finishes the module.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// let module = arena.load("m")?;
/// let text = module.alloc_str("a block")?;
/// let module = module.seal()?;
/// assert_eq!((text, module.name()), ("a block", "m"));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Invariant in `'a`, as [`Loader`] is.
pub struct OpenModule<'a> {
    /// Fills the module; nobody else has it but by reference.
    loader: Loader<'a>,
    record: Record<'a, ModuleRecord>,
    /// The end that room is claimed from. From the back it is for machine code.
    end: End,
}

// SAFETY: its loader fills a module: it holds a cursor into pages that only it writes to, references to an arena and its records, which are
// `Sync`, and cells, which move with it and keep it from being `Sync`.
unsafe impl Send for OpenModule<'_> {}

impl CodeArena {
    /// Opens a module called `name`. Names need not be unique; the arena keeps a copy.
    ///
    /// Costs a record and the copy, and one system call in some five hundred loads, for 64 KiB more of records. It costs no code
    /// page: those come with the first block.
    ///
    /// # Errors
    ///
    /// [`Error::Bookkeeping`] or [`Error::Pages`] when there is no room for the record.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let (one, other) = (arena.load("json")?, arena.load("json")?); // both open at once
    /// assert_eq!(arena.stats().claimed, 0);
    /// assert_ne!(one.finish(), other.finish());
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn load(&self, name: &str) -> Result<OpenModule<'_>, Error> {
        OpenModule::open(self, name, End::Front)
    }
}

impl CodeArena {
    /// Loads a module in one call: opens it, calls `lower`, and finishes it. An error has the module's name.
    ///
    /// [`Module::seal`] seals it then, or [`CodeArena::seal`] all that is finished. It is finished also if `lower` fails, and its blocks stay in the
    /// arena. So parse before.
    ///
    /// Costs what [`load`](Self::load) and [`OpenModule::finish`] cost.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load) and of `lower`.
    ///
    /// ```
    /// use permacode::{CodeArena, Error, Loader};
    ///
    /// fn lower<'a>(loader: &Loader<'a>, source: &[u8]) -> Result<&'a [u8], Error> {
    ///     loader.alloc_slice_copy(source)
    /// }
    ///
    /// let arena = CodeArena::builder().reservation(1 << 20).build()?;
    /// let (module, code) = arena.load_with("small", |loader| lower(loader, b"+-"))?;
    /// module.seal()?;
    /// assert_eq!((module.name(), code), ("small", &b"+-"[..]));
    /// let refused = arena.load_with("large", |loader| lower(loader, &[0; 2 << 20])).expect_err("there is no room");
    /// assert!(refused.to_string().starts_with("module large: the reservation is exhausted"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn load_with<'a, T, E: From<Error>>(
        &'a self,
        name: &str,
        lower: impl FnOnce(&Loader<'a>) -> Result<T, E>,
    ) -> Result<(Module<'a>, T), ErrorAt<E>> {
        let at = |error| ErrorAt::in_module(name, error);
        let module = self.load(name).map_err(|error| at(error.into()))?;
        let lowered = lower(&module).map_err(at)?;
        Ok((module.finish(), lowered))
    }
}

impl<'a> OpenModule<'a> {
    /// Opens a module of what is claimed from `end`. Its record is new, so no other loader fills it.
    pub(super) fn open(arena: &'a CodeArena, name: &str, end: End) -> Result<Self, Error> {
        let record = arena.store().module_record(name)?;
        Ok(Self { loader: Loader::for_module(ModuleRoom::new(arena, record, end)), record, end })
    }

    fn module(&self) -> Module<'a> {
        Module::new(self.loader.arena(), self.record)
    }

    /// Closes the module. It cannot fail and writes to no code page.
    ///
    /// The rest of its room, from the middle of its last page on, waits for later loaders, which use it before they claim pages. The pages become
    /// read-only with the next [`CodeArena::seal`]: the way to load many small modules.
    ///
    /// Costs no system call, save one for more records where very many tails wait.
    ///
    /// ```
    /// # fn main() -> Result<(), permacode::Error> {
    /// let arena = permacode::CodeArena::new()?;
    /// for name in ["a", "b", "c"] {
    ///     let loader = arena.load(name)?;
    ///     loader.alloc_str(name)?;
    ///     loader.finish();
    /// }
    /// assert_eq!(arena.seal()?.pages, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn finish(self) -> Module<'a> {
        let closed = ManuallyDrop::new(self);
        closed.loader.close(false);
        closed.module()
    }

    /// Closes the module and makes all its pages read-only now, the rest of the last one with them.
    ///
    /// Costs a system call for each run, commonly one; up to a page of padding.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refuses to protect them. The module is finished all the same and its references are good; nobody
    /// writes to its pages again, and [`CodeArena::seal`] tries again to protect them.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text = loader.alloc_str("good for reading")?;
    /// let module = loader.seal()?;
    /// assert_eq!(module.protection(), permacode::code::Protection::ReadOnly);
    /// assert_eq!((text, arena.stats().unsealed), ("good for reading", 0));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn seal(self) -> Result<Module<'a>, Error> {
        let closed = ManuallyDrop::new(self);
        closed.loader.close(true);
        closed.seal_pages().map_err(Error::Pages)?;
        Ok(closed.module())
    }

    /// Seals the pages of the closed module, as many as the system lets it.
    fn seal_pages(&self) -> Result<(), PageError> {
        let pages = self.loader.arena().store().pages();
        let mut refused = None;
        for extent in self.record.get().extents() {
            let sealed = match self.end {
                End::Back => pages.seal_executable_extent(&extent),
                End::Front => pages.seal_extent(&extent).map(drop),
            };
            refused = refused.or(sealed.err());
        }
        refused.map_or(Ok(()), Err)
    }
}

impl<'a> Deref for OpenModule<'a> {
    type Target = Loader<'a>;

    #[inline(always)]
    fn deref(&self) -> &Loader<'a> {
        &self.loader
    }
}

impl Drop for OpenModule<'_> {
    fn drop(&mut self) {
        self.loader.close(false);
    }
}

impl fmt::Debug for OpenModule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenModule").field("module", &self.module()).finish_non_exhaustive()
    }
}
