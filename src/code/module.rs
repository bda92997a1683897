//! A finished load: a name, the extents it fills, and how well they are protected. Nothing can be added to it.

use super::arena::CodeArena;
use super::extent::Extent;
use super::published::{Published, Record};
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering::*};

/// What the ledger keeps of a module. Written by its loader while open, published in the arena's list when finished.
pub(super) struct ModuleRecord {
    id: u32,
    name: *const str,
    /// Bytes of all extents, gaps between blocks included.
    bytes: AtomicUsize,
    first: Published<Extent>,
    /// The module finished next after this one.
    next: Published<ModuleRecord>,
}

// SAFETY: the name points to text in the ledger, which is immutable and lives as long as the record.
unsafe impl Send for ModuleRecord {}
// SAFETY: as above; the other fields are atomic or never change.
unsafe impl Sync for ModuleRecord {}

impl ModuleRecord {
    /// A module without extents. `name` must lie in the ledger that the record goes to.
    pub(super) fn new(id: u32, name: &str) -> Self {
        Self { id, name, bytes: AtomicUsize::new(0), first: Published::empty(), next: Published::empty() }
    }

    /// The module's extents in the order in which they were filled.
    pub(super) fn extents(&self) -> impl Iterator<Item = Record<'_, Extent>> {
        core::iter::successors(self.first.get(), |extent| extent.get().next())
    }

    pub(super) fn set_first(&self, extent: Record<'_, Extent>) {
        self.first.set(extent);
    }

    pub(super) fn set_bytes(&self, bytes: usize) {
        self.bytes.store(bytes, Release);
    }
}

/// The list of finished modules: appended to by compare-exchange, never shortened.
pub(super) struct Directory {
    first: Published<ModuleRecord>,
    /// A module near the end of the list, to begin the search for the end at. A hint: any module will do.
    recent: Published<ModuleRecord>,
}

impl Directory {
    pub(super) const fn new() -> Self {
        Self { first: Published::empty(), recent: Published::empty() }
    }

    /// Appends a module whose record is complete.
    pub(super) fn append<'l>(&'l self, module: Record<'l, ModuleRecord>) {
        let mut end = match self.recent.get() {
            Some(recent) => recent,
            None => match self.first.set_if_empty(module) {
                Ok(()) => return self.recent.set(module),
                Err(first) => first,
            },
        };
        while let Err(next) = end.get().next.set_if_empty(module) {
            end = next;
        }
        self.recent.set(module);
    }

    fn first(&self) -> Option<Record<'_, ModuleRecord>> {
        self.first.get()
    }
}

/// How hard it is to change the bytes of a module; the levels are ordered.
///
/// ```
/// use permacode::{CodeArena, Hardening};
///
/// let arena = CodeArena::new()?;
/// for name in ["sealed", "finished"] {
///     let loader = arena.load(name)?;
///     loader.alloc_str(name)?;
///     if name == "sealed" { loader.seal()? } else { loader.finish() };
/// }
/// assert!(arena.modules().map(|module| module.hardening()).eq([Hardening::Protect, Hardening::ByType]));
/// assert!(Hardening::ByType < Hardening::Protect);
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Hardening {
    /// Immutable by type only: the module is finished and nothing in safe code can write to it, but some of its pages are still
    /// writable for a stray store, or its pages come from a source that cannot protect them.
    ByType,
    /// Every page is mapped read-only: a store dies of a signal. Does not stop `mprotect`, `munmap`, `MADV_DONTNEED` or
    /// `/proc/self/mem`.
    Protect,
    /// Every page is a memory file's that is sealed against writing, shrinking, growing and other seals. Stops `mprotect` and
    /// `/proc/self/mem` besides; does not stop `munmap` and whatever else takes the mapping away. A fork copies no page tables for it.
    /// Linux.
    MemFile,
    /// The mapping cannot be changed either, by anybody, for as long as the process and its children live. Linux 6.10 and later, 64 bits.
    Forever,
}

/// A finished module: two words, `Copy`, for as long as its arena is borrowed.
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
/// assert_eq!(module.hardening(), permacode::Hardening::Protect);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Module<'a> {
    arena: &'a CodeArena,
    record: Record<'a, ModuleRecord>,
}

impl<'a> Module<'a> {
    pub(super) fn new(arena: &'a CodeArena, record: Record<'a, ModuleRecord>) -> Self {
        Self { arena, record }
    }

    /// The name given to [`CodeArena::load`]. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let name: &str = arena.load("json")?.finish().name();
    /// assert_eq!(name, "json");
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn name(&self) -> &'a str {
        // SAFETY: the name was copied into the ledger before the record was made, and lives as long as the arena, borrowed for 'a.
        unsafe { &*self.record.get().name }
    }

    /// A number that no other module of this arena has, in the order in which loads began. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let (first, second) = (arena.load("m")?, arena.load("m")?);
    /// assert_eq!(second.finish().id(), 1);
    /// assert_eq!(first.finish().id(), 0);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn id(&self) -> u32 {
        self.record.id
    }

    /// The bytes that the module fills: its blocks and the gaps between them. Costs nothing.
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
        self.record.bytes.load(Acquire)
    }

    /// What holds for every page of the module now. Costs a load per 64 pages, no system call.
    ///
    /// A module that was only [finished](crate::Loader::finish) is [`Hardening::ByType`] until [`CodeArena::seal`]; so is one whose
    /// seal failed.
    ///
    /// ```
    /// use permacode::{CodeArena, Hardening};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc(1u8)?;
    /// let module = loader.finish();
    /// assert_eq!(module.hardening(), Hardening::ByType);
    /// arena.seal()?;
    /// assert_eq!(module.hardening(), Hardening::Protect);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn hardening(&self) -> Hardening {
        self.arena.hardening_of(self.record.get().extents())
    }

    /// The arena that the module lies in. Costs nothing.
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
        self.record.same(other.record)
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
/// Made by [`CodeArena::modules`]. One that is finished while the iterator runs may or may not come. Two words; a step is one
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
#[derive(Clone)]
pub struct Modules<'a> {
    arena: &'a CodeArena,
    next: Option<Record<'a, ModuleRecord>>,
}

impl<'a> Modules<'a> {
    pub(super) fn new(arena: &'a CodeArena, directory: &'a Directory) -> Self {
        Self { arena, next: directory.first() }
    }
}

impl<'a> Iterator for Modules<'a> {
    type Item = Module<'a>;

    fn next(&mut self) -> Option<Module<'a>> {
        let record = self.next?;
        self.next = record.get().next.get();
        Some(Module::new(self.arena, record))
    }
}

impl fmt::Debug for Modules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Where a pointer points to: so far into that module.
///
/// The offset counts the module's bytes in the order in which they were filled, whatever run they lie in, so it is the same in every
/// process that loads the same code in the same way.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location<'a> {
    /// The finished module that holds the byte.
    pub module: Module<'a>,
    /// Bytes from the module's beginning.
    pub offset: usize,
}
