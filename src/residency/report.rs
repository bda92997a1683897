//! What can be said of a range of addresses.

use super::error::ResidencyError;
use super::kernel::Kernel;
use super::mapping::Mapping;
use super::stretch::{PageState, Stretch};
use core::fmt;
use core::ops::Range;

/// What the kernel says of a range of addresses: how much of it is in memory, shared, copied, huge, swapped, in which mappings, and why it
/// is not shared where it is not.
///
/// Made by [`CodeArena::residency`](crate::CodeArena::residency) and its like, or for any range, in this process or in another one. Sizes
/// are bytes of whole pages. What is counted by page is exact; what is counted by [`Mapping`] is of the whole mapping, which may reach
/// beyond the range. It is a look at two files, one after the other: what changes meanwhile may show in one of them.
///
/// Costs the reading of `/proc/<pid>/smaps`, of the whole process, and eight bytes of `/proc/<pid>/pagemap` for each page of the accessible
/// mappings in the range. It allocates. Nothing is written to the memory that is looked at.
///
/// ```
/// use permacode::{CodeArena, PageState};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// loader.alloc_slice_copy(&[1u8; 10_000])?;
/// loader.seal()?;
/// let residency = arena.residency()?;
/// println!("{residency}");
/// assert!(residency.resident() >= 10_000);
/// // Nobody was forked, so nobody shares it.
/// assert_eq!(residency.stretches().first().map(|stretch| stretch.state), Some(PageState::PrivateCopy));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Residency {
    pid: u32,
    range: Range<usize>,
    mappings: Vec<Mapping>,
    stretches: Vec<Stretch>,
    sealed: Vec<Range<usize>>,
}

impl Residency {
    /// Of a range of addresses in this process.
    ///
    /// # Errors
    ///
    /// [`ResidencyError::Unreadable`] where there is no `/proc`.
    pub fn of(range: Range<usize>) -> Result<Self, ResidencyError> {
        Self::of_process(std::process::id(), range)
    }

    /// Of a range of addresses in another process: in a forked child an arena lies where it lies in its parent.
    ///
    /// # Errors
    ///
    /// [`ResidencyError::Permission`] without the right to trace the process, [`ResidencyError::Gone`] when it has ended.
    ///
    /// ```
    /// use permacode::{CodeArena, Residency};
    ///
    /// let arena = CodeArena::new()?;
    /// arena.load("m")?.alloc_str("here")?;
    /// let here = Residency::of_process(std::process::id(), arena.address_range())?;
    /// assert_ne!(here.resident(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_process(pid: u32, range: Range<usize>) -> Result<Self, ResidencyError> {
        let kernel = Kernel::of(pid)?;
        let mappings = kernel.mappings(&range)?;
        let stretches = kernel.stretches(&range, &mappings)?;
        Ok(Self { pid, range, mappings, stretches, sealed: Vec::new() })
    }

    /// The same, told which of it is sealed code.
    pub(super) fn with_sealed(mut self, sealed: Vec<Range<usize>>) -> Self {
        self.sealed = sealed;
        self
    }

    /// The process that was looked at.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The range that was asked for.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The mappings that share a byte with it, by address; those without access too.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// Its pages that have memory, by address, those in a row that are alike put together: which are shared, and why the others are not.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Which of it is sealed code; empty unless it is a code arena's.
    pub fn sealed(&self) -> &[Range<usize>] {
        &self.sealed
    }

    /// Bytes in physical memory.
    pub fn resident(&self) -> usize {
        self.resident_pages().map(|stretch| stretch.range.len()).sum()
    }

    /// Bytes in physical memory that other processes map too.
    pub fn shared(&self) -> usize {
        self.bytes(PageState::Shared)
    }

    /// Bytes that are this process's own copy: what it costs beyond what it shares.
    pub fn private_dirty(&self) -> usize {
        self.bytes(PageState::PrivateCopy)
    }

    /// Bytes that are swapped out.
    pub fn swapped(&self) -> usize {
        self.bytes(PageState::Swapped)
    }

    /// Bytes on huge pages, by mapping.
    pub fn huge(&self) -> usize {
        self.mappings.iter().map(|mapping| mapping.huge).sum()
    }

    /// Bytes in this state.
    pub fn bytes(&self, state: PageState) -> usize {
        self.stretches.iter().filter(|stretch| stretch.state == state).map(|stretch| stretch.range.len()).sum()
    }

    /// What is in memory and not shared, or swapped out, by address. Each [`PageState`] says why.
    pub fn not_shared(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|stretch| stretch.state != PageState::Shared)
    }

    fn resident_pages(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|stretch| stretch.state != PageState::Swapped)
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accessible = self.mappings.iter().filter(|mapping| mapping.accessible());
        writeln!(
            f,
            "process {}, {:#x}-{:#x}: {} KiB resident, {} shared, {} private dirty, {} huge, {} swapped; {} mappings",
            self.pid,
            self.range.start,
            self.range.end,
            self.resident() >> 10,
            self.shared() >> 10,
            self.private_dirty() >> 10,
            self.huge() >> 10,
            self.swapped() >> 10,
            accessible.clone().count(),
        )?;
        for mapping in accessible {
            let Mapping { range, permissions, backing, .. } = mapping;
            writeln!(
                f,
                "  {:#x}-{:#x} {permissions} {backing}: {} KiB resident ({} shared clean, {} shared dirty, {} private clean, \
                 {} private dirty), {} huge, {} swapped",
                range.start,
                range.end,
                mapping.resident >> 10,
                mapping.shared_clean >> 10,
                mapping.shared_dirty >> 10,
                mapping.private_clean >> 10,
                mapping.private_dirty >> 10,
                mapping.huge >> 10,
                mapping.swapped >> 10,
            )?;
        }
        for Stretch { range, state } in self.not_shared() {
            writeln!(f, "  {:#x}-{:#x}, {} KiB: {state}", range.start, range.end, range.len() >> 10)?;
        }
        Ok(())
    }
}
