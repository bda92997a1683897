//! A mapping of the kernel's, as `/proc/<pid>/smaps` describes it.

use core::fmt;
use core::ops::Range;

/// One mapping; sizes in bytes, of the whole mapping, which may reach beyond the range that was asked for.
///
/// The sizes are those of `/proc/<pid>/smaps` (proc_pid_smaps(5)), which counts in KiB.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::residency::Mapping;
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// loader.alloc_slice_copy(&[1u8; 10_000])?; // not sealed yet
/// let mappings = Mapping::all(std::process::id(), arena.address_range())?;
/// let (open, rest) = (&mappings[0], &mappings[mappings.len() - 1]);
/// assert!(open.private_dirty >= 10_000 && open.resident >= open.private_dirty);
/// assert!(open.range.start < arena.address_range().start); // the arena's records are part of it
/// assert!(open.accessible() && !rest.accessible()); // address space for more code
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// Its address range.
    pub range: Range<usize>,
    /// Its permissions.
    pub permissions: Permissions,
    /// The memory or file behind it.
    pub backing: Backing,
    /// In physical memory (`Rss`).
    pub resident: usize,
    /// Mapped by other processes too, and not written since it was read or created.
    pub shared_clean: usize,
    /// Mapped by other processes too, and written at some time. Sealed code is: by its loader.
    pub shared_dirty: usize,
    /// Mapped by this process alone, and not written.
    pub private_clean: usize,
    /// Mapped by this process alone, and written at some time. The kernel counts a memory file's pages here too while only one process maps
    /// them, although they are nobody's copy; [`Residency::private_dirty`](super::Residency::private_dirty) does not.
    pub private_dirty: usize,
    /// On huge pages.
    pub huge: usize,
    /// Swapped out.
    pub swapped: usize,
}

impl Mapping {
    /// Returns `true` if it can be read, written or executed, and is not mere address space. Costs nothing. The type's
    /// example uses it.
    pub fn accessible(&self) -> bool {
        let Permissions { read, write, execute, .. } = self.permissions;
        read || write || execute
    }
}

/// The permissions of a mapping; prints as in `/proc/<pid>/maps`, for example `r--p`. Four bytes, `Copy`.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::residency::Permissions;
///
/// let arena = CodeArena::new()?;
/// arena.load("m")?.alloc(1u8)?;
/// arena.seal()?;
/// let sealed = Permissions { read: true, write: false, execute: false, shared: false };
/// assert_eq!(arena.residency()?.mappings()[0].permissions, sealed);
/// assert_eq!(sealed.to_string(), "r--p");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// Reading.
    pub read: bool,
    /// Writing.
    pub write: bool,
    /// Executing.
    pub execute: bool,
    /// `true` if writes go to the file or memory behind (`s`), and not to a private copy (`p`).
    pub shared: bool,
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |set: bool, letter: &'static str| if set { letter } else { "-" };
        let (read, write, execute) = (letter(self.read, "r"), letter(self.write, "w"), letter(self.execute, "x"));
        write!(f, "{read}{write}{execute}{}", if self.shared { "s" } else { "p" })
    }
}

/// The memory or file behind a mapping. One byte, `Copy`.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::residency::Backing;
///
/// let arena = CodeArena::new()?;
/// arena.load("m")?.alloc(1u8)?;
/// arena.seal()?;
/// assert_eq!(arena.residency()?.mappings()[0].backing, Backing::Anonymous);
/// if arena.harden().is_ok() {
///     assert_eq!(arena.residency()?.mappings()[0].backing, Backing::MemoryFile);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backing {
    /// Nothing: pages begin as zeros. After a fork they are shared until somebody writes.
    Anonymous,
    /// A file of the kernel's own, in memory: at [`Protection::SealedFile`](crate::code::Protection::SealedFile), the sealed copy. Memory that processes share
    /// without a file (`MAP_SHARED`, System V's segments) is one too, and so are files of huge pages.
    ///
    /// The kernel tells by the file's device, whatever its name is. A process that may make no memory file cannot ask which device that is; it
    /// finds [`File`](Self::File).
    MemoryFile,
    /// A file elsewhere.
    File,
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::MemoryFile => "memory file",
            Self::File => "file",
        })
    }
}
