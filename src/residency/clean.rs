//! Assertions about sealed code.

use super::mapping::Permissions;
use super::report::Residency;
use super::stretch::{PageState, Stretch};
use core::fmt;
use core::ops::Range;

/// The fault of a range of sealed code: the first one found, by address.
///
/// Ranges are addresses, of whole pages. Making one allocates nothing.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::pages::OrdinaryPages;
/// use permacode::residency::Unclean;
///
/// let arena = CodeArena::builder().pages(std::sync::Arc::new(OrdinaryPages)).build()?; // cannot protect
/// arena.load("m")?.alloc(1u8)?;
/// arena.seal()?;
/// let unclean = arena.residency()?.check_clean().unwrap_err();
/// assert!(matches!(unclean, Unclean::Writable { .. }));
/// assert!(unclean.to_string().ends_with("is writable (rw-p)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unclean {
    /// It can be written to: somebody called `mprotect`, or its pages come from a source that cannot protect.
    Writable {
        /// Sealed code.
        range: Range<usize>,
        /// Its permissions.
        permissions: Permissions,
    },
    /// It cannot be read, or it is mapped no more.
    Unreadable {
        /// Sealed code.
        range: Range<usize>,
    },
    /// Its pages are a copy that this process alone has.
    Copied {
        /// Sealed code.
        range: Range<usize>,
    },
}

impl Residency {
    /// Checks that all [sealed](Self::sealed) code can be read and none of it can be written to.
    ///
    /// Holds at any time in any process, forked or not. True of nothing sealed, so of any range that is no code arena's. Costs a look at
    /// each mapping for each stretch of sealed code; no system call, no allocation.
    ///
    /// # Errors
    ///
    /// The first range that is writable or unreadable.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// loader.alloc_str("not sealed yet")?;
    /// assert!(arena.residency()?.sealed().is_empty()); // so there is nothing to check
    /// loader.seal()?;
    /// let residency = arena.residency()?;
    /// assert_eq!((residency.sealed().len(), residency.check_clean()), (1, Ok(())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_clean(&self) -> Result<(), Unclean> {
        for sealed in self.sealed() {
            let mut end = sealed.start;
            for mapping in self.mappings() {
                let range = clip(&mapping.range, sealed);
                if range.is_empty() {
                    continue;
                }
                if range.start > end {
                    return Err(Unclean::Unreadable { range: end..range.start });
                }
                if mapping.permissions.write {
                    return Err(Unclean::Writable { range, permissions: mapping.permissions });
                }
                if !mapping.permissions.read {
                    return Err(Unclean::Unreadable { range });
                }
                end = range.end;
            }
            if end < sealed.end {
                return Err(Unclean::Unreadable { range: end..sealed.end });
            }
        }
        Ok(())
    }

    /// Checks that no page of [sealed](Self::sealed) code is a copy of this process's own. Ask it of a forked child
    /// while a process that shares the code lives: a page that one process has alone was written to.
    ///
    /// Without such a process the answer means nothing: a page that nobody shares counts as a copy. So does code that a
    /// child loaded and sealed by itself. Pages of a memory file
    /// ([`Protection::SealedFile`](crate::code::Protection::SealedFile)) are nobody's copy, shared or not. Pages that
    /// are swapped out are not looked at. Costs a look at each sealed range for each private stretch; no system call,
    /// no allocation.
    ///
    /// # Errors
    ///
    /// The first range that was copied.
    ///
    /// ```
    /// # use permacode_witness::in_child;
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc(1u8)?;
    /// arena.seal()?;
    /// assert!(arena.residency()?.check_not_copied().is_err()); // nobody was forked, so nobody shares it
    /// # in_child(|| {
    /// // In a forked child:
    /// assert_eq!(arena.residency().unwrap().check_not_copied(), Ok(()));
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_not_copied(&self) -> Result<(), Unclean> {
        self.copies().next().map_or(Ok(()), |range| Err(Unclean::Copied { range }))
    }

    /// Returns `(copied, sealed)`, in bytes of whole pages: how much of the [sealed](Self::sealed) code this process alone
    /// has, and how much there is.
    ///
    /// Ask it where [`check_not_copied`](Self::check_not_copied) may be asked. Code that the process sealed itself counts
    /// as copied.
    ///
    /// ```
    /// # use permacode_witness::in_child;
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc_slice_copy(&[1u8; 10_000])?;
    /// arena.seal()?;
    /// # in_child(|| {
    /// // In a forked child:
    /// let (copied, sealed) = arena.residency().unwrap().copied();
    /// assert!(copied == 0 && sealed >= 10_000);
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copied(&self) -> (usize, usize) {
        let sealed = self.sealed().iter().map(|range| range.len()).sum();
        (self.copies().map(|range| range.len()).sum(), sealed)
    }

    /// The parts of sealed code that are this process's own copies.
    fn copies(&self) -> impl Iterator<Item = Range<usize>> {
        let copies = self.stretches().iter().filter(|stretch| stretch.state == PageState::PrivateCopy);
        let parts =
            copies.flat_map(|Stretch { range, .. }| self.sealed().iter().map(move |sealed| clip(range, sealed)));
        parts.filter(|range| !range.is_empty())
    }
}

fn clip(range: &Range<usize>, to: &Range<usize>) -> Range<usize> {
    range.start.max(to.start)..range.end.min(to.end)
}

/// As [`Display`](fmt::Display), with addresses as tools show them.
impl fmt::Debug for Unclean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Unclean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Writable { range, .. } | Self::Unreadable { range } | Self::Copied { range }) = self;
        write!(f, "sealed code at {:#x}-{:#x} ", range.start, range.end)?;
        match self {
            Self::Writable { permissions, .. } => write!(f, "is writable ({permissions})"),
            Self::Unreadable { .. } => f.write_str("cannot be read"),
            Self::Copied { .. } => f.write_str("is this process's alone: it was copied, or sealed here"),
        }
    }
}

impl std::error::Error for Unclean {}
