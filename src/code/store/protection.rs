//! Levels of protection of sealed code.

/// A level of protection: how hard it is to change the bytes of a module. The levels are ordered.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::code::Protection;
///
/// let arena = CodeArena::new()?;
/// for name in ["sealed", "finished"] {
///     let loader = arena.load(name)?;
///     loader.alloc_str(name)?;
///     if name == "sealed" { loader.seal()? } else { loader.finish() };
/// }
/// assert!(arena.modules().map(|module| module.protection()).eq([Protection::ReadOnly, Protection::TypeOnly]));
/// assert!(Protection::TypeOnly < Protection::ReadOnly);
/// # Ok::<(), permacode::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Immutable by type only: the module is finished, and no safe code can write to it. A stray store still can: some
    /// of its pages are writable, or their source cannot protect them.
    TypeOnly,
    /// Every page is mapped read-only: a store raises a signal. Does not stop `mprotect`, `munmap`, `MADV_DONTNEED` or
    /// `/proc/self/mem`.
    ReadOnly,
    /// Every page maps a memory file that is sealed against writing, shrinking, growing and other seals. This stops
    /// `mprotect` and `/proc/self/mem`, too; `MADV_DONTNEED` does nothing to it. Does not stop `munmap` and other calls that take the mapping away. A
    /// fork copies no page tables for it. Linux.
    SealedFile,
    /// The mapping cannot be changed either, for the life of the process; a forked child inherits that. Linux 6.10 and later, 64 bits.
    Fixed,
}
