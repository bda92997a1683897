//! A finished load: a name, the extents it fills, and how well they are protected. Nothing can be added to it.

use super::arena::CodeArena;
use super::seal::SealReport;
use crate::code::store::{ModuleRecord, Protection, Record};
use crate::error::Error;
use core::fmt;

impl CodeArena {
    /// Finds the finished module that holds an address, and the place in it. `None` for open modules, for gaps behind
    /// the last, and for addresses elsewhere.
    ///
    /// Costs a look at each module that has bytes on the same page, newest first. It takes no lock and makes no system
    /// call, so a signal handler or a profiler may call it.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let ops: &[u8] = loader.alloc_slice_copy(&[10, 20, 30])?;
    /// assert!(arena.locate(ops).is_none()); // still open
    /// let module = loader.finish();
    /// let at = arena.locate(&ops[2]).expect("a finished module holds it");
    /// assert_eq!((at.module, at.offset), (module, 2));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn locate<T: ?Sized>(&self, ptr: *const T) -> Option<Location<'_>> {
        let address = ptr.cast::<u8>().addr();
        if let Some((prefix, offset)) = self.store().in_prefix(address) {
            let (number, offset) = prefix.locate(offset)?;
            return Some(Location { module: Module::of_prefix(self, number), offset });
        }
        let offset = self.store().pages().offset(address)?;
        let extents = core::iter::successors(self.store().pages().owner(offset), |extent| extent.get().below());
        for extent in extents {
            if let Some(position) = extent.position(offset) {
                return Some(Location { module: Module::new(self, extent.get().module()), offset: position });
            }
            // Those below end no higher.
            if extent.end() <= offset {
                break;
            }
        }
        None
    }

    /// Returns the finished modules, in the order in which they were finished. Those of an image that the arena began with come first.
    ///
    /// Costs a load for each step; no lock, no system call, no allocation.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let slow = arena.load("slow")?;
    /// arena.load("quick")?.finish();
    /// assert_eq!(arena.modules().count(), 1); // `slow` is open
    /// slow.finish();
    /// assert!(arena.modules().map(|module| module.name()).eq(["quick", "slow"]));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn modules(&self) -> Modules<'_> {
        let prefix = self.store().counted_prefix().map_or(0, |prefix| prefix.modules());
        Modules { arena: self, prefix: 0..prefix, next: self.store().modules().first() }
    }
}

/// A finished module: three words, `Copy`, for as long as its arena is borrowed.
///
/// Nothing can be added to it. Its blocks stay where they are until the arena is dropped.
///
/// ```
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("greeting")?;
/// loader.alloc_str("hello")?;
/// let module = loader.seal()?;
/// assert_eq!((module.name(), module.bytes()), ("greeting", 5));
/// assert_eq!(module.protection(), permacode::code::Protection::ReadOnly);
/// # Ok(())
/// # }
/// ```
///
/// # Variance
///
/// Covariant in `'a`.
#[derive(Clone, Copy)]
pub struct Module<'a> {
    arena: &'a CodeArena,
    known: Known<'a>,
}

/// The place where a module is known.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// It was loaded: its record.
    Loaded(Record<'a, ModuleRecord>),
    /// It was there before: its number in the arena's prefix.
    Prefixed(u32),
}

impl<'a> Module<'a> {
    pub(in crate::code) fn new(arena: &'a CodeArena, record: Record<'a, ModuleRecord>) -> Self {
        Self { arena, known: Known::Loaded(record) }
    }

    fn of_prefix(arena: &'a CodeArena, number: u32) -> Self {
        Self { arena, known: Known::Prefixed(number) }
    }

    /// The name and the bytes of a module of the prefix.
    fn prefixed(&self, number: u32) -> (&'a str, usize) {
        self.arena.store().prefix().map_or(("", 0), |prefix| prefix.module(number))
    }

    /// Returns the name given to [`CodeArena::load`]. Costs nothing; of an image's module a look into its tables.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let name: &str = arena.load("json")?.finish().name();
    /// assert_eq!(name, "json");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn name(&self) -> &'a str {
        match self.known {
            Known::Loaded(record) => record.get().name().get(),
            Known::Prefixed(number) => self.prefixed(number).0,
        }
    }

    /// Returns a number that no other module of this arena has, in the order in which loads began. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let (first, second) = (arena.load("m")?, arena.load("m")?);
    /// assert_eq!(second.finish().id(), 1);
    /// assert_eq!(first.finish().id(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn id(&self) -> u32 {
        match self.known {
            Known::Loaded(record) => record.id(),
            Known::Prefixed(number) => number,
        }
    }

    /// Returns the bytes that the module fills: its blocks and the gaps between them. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// loader.alloc(2u32)?; // behind a gap of three bytes
    /// assert_eq!(loader.finish().bytes(), 1 + 3 + 4);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn bytes(&self) -> usize {
        match self.known {
            Known::Loaded(record) => record.bytes(),
            Known::Prefixed(number) => self.prefixed(number).1,
        }
    }

    /// Returns the level of protection that holds for every page of the module now. Costs a load per 64 pages, no
    /// system call.
    ///
    /// A module that was only [finished](crate::OpenModule::finish) is [`Protection::TypeOnly`] until [`CodeArena::seal`]; so is one whose
    /// seal failed.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::code::Protection;
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// let module = loader.finish();
    /// assert_eq!(module.protection(), Protection::TypeOnly);
    /// arena.seal()?;
    /// assert_eq!(module.protection(), Protection::ReadOnly);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn protection(&self) -> Protection {
        match self.known {
            Known::Loaded(record) => self.arena.store().protection_of(record.get().extents()),
            Known::Prefixed(_) => self.arena.store().protection_of_prefix(),
        }
    }

    /// Makes the pages of this module read-only, and no other's that they are not shared with.
    ///
    /// Use it for a module that was only [finished](crate::OpenModule::finish), where [`CodeArena::seal`] would seal
    /// all of them. The rest of its last page is padded with zeros if nobody fills it. If an open loader does, that
    /// page stays as it is: [`SealReport::held`] counts it, and it can be sealed once that loader is closed. Sealed
    /// pages stay sealed; calling again is a no-op.
    ///
    /// Pages that the module shares with finished neighbours are sealed with it. Machine code that its own loader did not
    /// [seal](crate::code::NativeModule::seal) becomes read-only here, never executable.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] when the system refuses, as for [`CodeArena::seal`]. Nothing is lost, nobody writes to these pages again, and the call can be
    /// repeated.
    ///
    /// # Cost
    ///
    /// One system call for each stretch of its pages that is not sealed, commonly one, and what
    /// [`protection`](crate::code::CodeArenaBuilder::protection) costs. Up to a page of padding.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::code::Protection;
    ///
    /// let arena = CodeArena::new()?;
    /// let module = |name| -> Result<_, permacode::Error> {
    ///     let loader = arena.load(name)?;
    ///     loader.alloc_slice_copy(&[1u8; 20_000])?;
    ///     Ok(loader.finish())
    /// };
    /// let (first, second) = (module("first")?, module("second")?);
    /// assert_eq!(second.seal()?.held, 0);
    /// assert_eq!(second.protection(), Protection::ReadOnly);
    /// assert_eq!(first.protection(), Protection::TypeOnly); // all its pages but the one that they share
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// [`Error::Pages`]: crate::Error::Pages
    pub fn seal(&self) -> Result<SealReport, Error> {
        let pages = self.arena.store().pages();
        let (mut sealed, mut refused) = (SealReport { pages: 0, held: 0 }, None);
        let Known::Loaded(record) = self.known else { return Ok(sealed) };
        for extent in record.get().extents() {
            sealed.held += usize::from(!pages.settle(&extent));
            match pages.seal_extent(&extent) {
                Ok(count) => sealed.pages += count,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(sealed), |error| Err(Error::Pages(error)))
    }

    /// Returns the arena that the module lies in. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let module = arena.load("m")?.finish();
    /// assert!(std::ptr::eq(module.arena(), &arena));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn arena(&self) -> &'a CodeArena {
        self.arena
    }
}

impl PartialEq for Module<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.known, other.known) {
            (Known::Loaded(one), Known::Loaded(other)) => one.same(other),
            (Known::Prefixed(one), Known::Prefixed(another)) => {
                one == another && core::ptr::eq(self.arena, other.arena)
            }
            _ => false,
        }
    }
}

impl Eq for Module<'_> {}

impl fmt::Debug for Module<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .field("id", &self.id())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// The finished modules of an arena, in the order in which they were finished.
///
/// Made by [`CodeArena::modules`]. One that is finished while the iterator runs may or may not come. Three words; a step is one
/// load, so a signal handler may take it.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// arena.load("a")?.alloc_str("one")?;
/// arena.load("b")?.alloc_str("three")?;
/// let modules = arena.modules();
/// assert_eq!(modules.clone().map(|module| module.bytes()).sum::<usize>(), 3 + 5);
/// assert_eq!(modules.last().map(|module| module.name()), Some("b"));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'a`.
#[derive(Clone)]
pub struct Modules<'a> {
    arena: &'a CodeArena,
    /// Those of the prefix that are still to come.
    prefix: core::ops::Range<u32>,
    next: Option<Record<'a, ModuleRecord>>,
}

impl<'a> Iterator for Modules<'a> {
    type Item = Module<'a>;

    fn next(&mut self) -> Option<Module<'a>> {
        if let Some(number) = self.prefix.next() {
            return Some(Module::of_prefix(self.arena, number));
        }
        let record = self.next?;
        self.next = record.get().next();
        Some(Module::new(self.arena, record))
    }
}

impl fmt::Debug for Modules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A place in a module: the module, and an offset in it.
///
/// The offset counts the module's bytes in the order in which they were filled, whatever run they lie in. So it is the
/// same in every process that loads the same code in the same way. In an image it counts them as they lie in the file.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let (head, tail) = (loader.alloc_str("head")?, loader.alloc_str("tail")?);
/// loader.finish();
/// let offset = |text: &str| arena.locate(text).map(|at| at.offset);
/// assert_eq!((offset(head), offset(tail)), (Some(0), Some(4)));
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `'a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location<'a> {
    /// The finished module that holds the byte.
    pub module: Module<'a>,
    /// Bytes from the module's beginning.
    pub offset: usize,
}
