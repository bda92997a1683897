//! A report about a range of addresses.

use super::error::ResidencyError;
use super::kernel::{self, Kernel};
use super::mapping::Mapping;
use super::stretch::{PageState, Stretch};
use core::fmt;
use core::ops::Range;

/// The kernel's report about a range of addresses: how much of it is in memory, shared, copied, huge or swapped, and in
/// which mappings. For pages that are not shared it says why.
///
/// Made by [`CodeArena::residency`](crate::CodeArena::residency) and its like, or for any range, in this process or in
/// another one. Sizes are bytes of whole pages. Counts by page are exact. Counts by [`Mapping`] are of the whole
/// mapping, which may reach beyond the range. It is a look at two files, one after the other. A change meanwhile may
/// show in one of them. No other mapping of the process, and no name of one, changes what is said.
///
/// ```
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("m")?;
/// loader.alloc_slice_copy(&[1u8; 10_000])?;
/// loader.seal()?;
/// let residency = arena.residency()?;
/// println!("{residency}");
/// assert_eq!((residency.pid(), residency.range()), (std::process::id(), arena.address_range()));
/// assert!(residency.resident() >= 10_000);
/// // Nobody was forked, so nobody shares it.
/// assert_eq!((residency.shared(), residency.private_dirty()), (0, residency.resident()));
/// // What is sealed is the first mapping, and what has memory begins with it.
/// assert_eq!(residency.mappings()[0].range, residency.sealed()[0]);
/// assert_eq!(residency.stretches()[0].range.start, residency.sealed()[0].start);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// Reads `/proc/<pid>/smaps` up to the end of the range: a system call for each 4 KiB of text, which describes some six
/// mappings. Reads eight bytes of `/proc/<pid>/pagemap` for each page of the accessible mappings in the range: a system
/// call for each 1,024 pages. Some twenty calls in a small process. Allocates its lists and nothing else. Nothing is
/// written to the memory that is looked at. A question to it then costs a look at each stretch or mapping at most, and
/// no system call.
#[derive(Clone, Debug)]
pub struct Residency {
    pid: u32,
    range: Range<usize>,
    mappings: Vec<Mapping>,
    stretches: Vec<Stretch>,
    sealed: Vec<Range<usize>>,
}

impl Residency {
    /// Asks the kernel about a range of addresses in this process. The range need be no arena's; pages that it touches
    /// count whole.
    ///
    /// Costs what the [type](Self) says.
    ///
    /// # Errors
    ///
    /// * [`ResidencyError::NoProc`] where `/proc` is not mounted.
    /// * [`ResidencyError::Permission`] in a process without privileges that is not dumpable (`PR_SET_DUMPABLE`), because the kernel then
    ///   gives its files in `/proc` to root.
    /// * [`ResidencyError::Refused`] where the system opens no more files, or refuses otherwise.
    /// * [`ResidencyError::Memory`] where the global allocator has no room for the lists.
    /// * [`ResidencyError::Unreadable`] where `/proc` cannot be understood.
    ///
    /// ```
    /// use permacode::residency::Residency;
    ///
    /// let bytes = vec![1u8; 100_000];
    /// let start = bytes.as_ptr().addr();
    /// let residency = Residency::of(start..start + bytes.len())?;
    /// assert!(residency.resident() >= bytes.len());
    /// assert!(residency.sealed().is_empty()); // only a code arena seals
    /// # Ok::<(), permacode::residency::ResidencyError>(())
    /// ```
    pub fn of(range: Range<usize>) -> Result<Self, ResidencyError> {
        Self::of_process(std::process::id(), range)
    }

    /// Asks the kernel about a range of addresses in another process: in a forked child an arena lies where it lies in
    /// its parent.
    ///
    /// Costs what the [type](Self) says; the other process goes on meanwhile.
    ///
    /// # Errors
    ///
    /// * [`ResidencyError::Permission`] without the right to trace the process.
    /// * [`ResidencyError::Gone`] when it has ended, or ends meanwhile.
    /// * The others as for [`of`](Self::of).
    ///
    /// ```
    /// use permacode::HeapArena;
    /// use permacode::residency::Residency;
    /// # use permacode_witness::in_child;
    ///
    /// let heap = HeapArena::new()?;
    /// let list = allocator_api2::vec![in &heap; 7u8; 20_000];
    /// let parent = std::process::id();
    /// # in_child(|| {
    /// // In a forked child: the parent's list lies where the child's does.
    /// let residency = Residency::of_process(parent, heap.address_range()).unwrap();
    /// assert!(residency.pid() == parent && residency.shared() >= list.len());
    /// # });
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn of_process(pid: u32, range: Range<usize>) -> Result<Self, ResidencyError> {
        let mut kernel = Kernel::of(pid)?;
        let mappings = kernel.mappings(&range)?;
        let stretches = kernel.stretches(&range, &mappings)?;
        Ok(Self { pid, range, mappings, stretches, sealed: Vec::new() })
    }

    /// Asks the kernel about several ranges of addresses in a process, and returns a report for each, in their order.
    ///
    /// It is the same as to ask for each by itself, and reads the list of the process's mappings once. Use it for a process that has many.
    ///
    /// # Errors
    ///
    /// As for [`of_process`](Self::of_process).
    ///
    /// ```
    /// use permacode::residency::Residency;
    ///
    /// let (one, other) = (vec![1u8; 100_000], vec![2u8; 200_000]);
    /// let ranges = [&one, &other].map(|bytes| bytes.as_ptr().addr()..bytes.as_ptr().addr() + bytes.len());
    /// let reports = Residency::of_ranges(std::process::id(), &ranges)?;
    /// assert_eq!((reports.len(), reports[1].range()), (2, ranges[1].clone()));
    /// assert!(reports[0].resident() >= one.len() && reports[1].resident() >= other.len());
    /// # Ok::<(), permacode::residency::ResidencyError>(())
    /// ```
    pub fn of_ranges(pid: u32, ranges: &[Range<usize>]) -> Result<Vec<Self>, ResidencyError> {
        let filled = || ranges.iter().filter(|range| !range.is_empty());
        let start = filled().map(|range| range.start).min().unwrap_or(0);
        let hull = start..filled().map(|range| range.end).max().unwrap_or(0);
        let mut kernel = Kernel::of(pid)?;
        let all = kernel.mappings(&hull)?;
        let mut reports = Vec::new();
        for range in ranges {
            let mut mappings = Vec::new();
            // They ascend, and do not overlap.
            let first = all.partition_point(|mapping| mapping.range.end <= range.start);
            for mapping in all[first..].iter().take_while(|mapping| mapping.range.start < range.end) {
                kernel::push(&mut mappings, mapping.clone())?;
            }
            let stretches = kernel.stretches(range, &mappings)?;
            kernel::push(&mut reports, Self { pid, range: range.clone(), mappings, stretches, sealed: Vec::new() })?;
        }
        Ok(reports)
    }

    /// Returns the same report, told which of it is sealed code.
    pub(super) fn with_sealed(mut self, sealed: Vec<Range<usize>>) -> Self {
        self.sealed = sealed;
        self
    }

    /// Returns the process that was looked at. The [type](Self)'s example uses it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the range that was asked for, in addresses. The [type](Self)'s example uses it.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Returns the mappings that share a byte with it, by address; those without access too. The [type](Self)'s example
    /// uses it.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// Returns its pages that have memory, by address. Those in a row that are alike are put together. It says which
    /// are shared, and why the others are not.
    ///
    /// ```
    /// use permacode::CodeArena;
    /// use permacode::residency::PageState;
    ///
    /// let arena = CodeArena::new()?;
    /// arena.load("m")?.alloc_slice_copy(&[1u8; 100_000])?;
    /// let residency = arena.residency()?;
    /// let [all] = residency.stretches() else { panic!("{residency}") };
    /// assert!(all.range.len() >= 100_000 && all.state == PageState::PrivateCopy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Returns the ranges of it that are sealed code, whole pages, those in a row put together; empty unless it is a
    /// code arena's [`residency`](crate::CodeArena::residency). The [type](Self)'s example uses it.
    pub fn sealed(&self) -> &[Range<usize>] {
        &self.sealed
    }

    /// Counts the bytes in physical memory, shared or not. The kernel's page of zeros counts as often as it is mapped,
    /// which `smaps` does not do. The [type](Self)'s example uses it.
    pub fn resident(&self) -> usize {
        self.resident_pages().map(|stretch| stretch.range.len()).sum()
    }

    /// Counts the bytes in physical memory that other processes map too, and the kernel's page of zeros, which stands
    /// for what was only ever read.
    ///
    /// ```
    /// use permacode::{HeapArena, HeapRc};
    /// # use permacode_witness::in_child;
    ///
    /// let heap = HeapArena::new()?;
    /// let value = HeapRc::new(&heap, 7u64)?;
    /// assert_eq!(heap.residency()?.shared(), 0);
    /// # in_child(|| {
    /// // In a forked child: what it has not written to is shared.
    /// let residency = heap.residency().unwrap();
    /// assert!(residency.shared() > 0 && residency.shared() == residency.resident());
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shared(&self) -> usize {
        self.bytes(PageState::Shared)
    }

    /// Counts the bytes of private memory that this process alone has ([`PageState::PrivateCopy`]): what it costs
    /// beyond what it shares. Where nobody was forked that is everything that was written. The [type](Self)'s example
    /// uses it.
    pub fn private_dirty(&self) -> usize {
        self.bytes(PageState::PrivateCopy)
    }

    /// Counts the bytes that are swapped out: part of neither [`resident`](Self::resident) nor of what is shared or
    /// private. [`bytes`](Self::bytes)' example uses it.
    pub fn swapped(&self) -> usize {
        self.bytes(PageState::Swapped)
    }

    /// Counts the bytes on huge pages, of whole mappings ([`Mapping::huge`]), which may reach beyond the range.
    ///
    /// ```
    /// let arena = permacode::CodeArena::builder().huge_pages().build()?;
    /// arena.load("m")?.alloc_slice_copy(&[1u8; 5 << 20])?;
    /// arena.seal()?;
    /// let huge = arena.residency()?.huge();
    /// assert!(huge >= 2 << 20 || arena.refused().is_some()); // where the system has none to give, it says so
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn huge(&self) -> usize {
        self.mappings.iter().map(|mapping| mapping.huge).sum()
    }

    /// Counts the bytes in this state.
    ///
    /// ```
    /// use permacode::{CodeArena, residency::PageState::*};
    ///
    /// let arena = CodeArena::new()?;
    /// let code = arena.load("m")?.alloc_slice_copy(&[1u8; 10_000])?;
    /// arena.seal()?;
    /// if arena.harden().is_ok() {
    ///     assert!(code.iter().all(|&byte| byte == 1)); // a file's page is mapped when it is first read
    ///     let residency = arena.residency()?;
    ///     let own = residency.bytes(MappedHereOnly); // nobody else maps it, but it is no copy
    ///     assert!(own >= 10_000 && own == residency.resident());
    ///     assert_eq!(residency.private_dirty() + residency.shared() + residency.swapped(), 0);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bytes(&self, state: PageState) -> usize {
        self.stretches.iter().filter(|stretch| stretch.state == state).map(|stretch| stretch.range.len()).sum()
    }

    /// Returns the stretches that are in memory and not shared, or swapped out, by address. Each [`PageState`] says
    /// why.
    ///
    /// ```
    /// # use permacode_witness::in_child;
    /// let heap = permacode::HeapArena::new()?;
    /// let mut list = allocator_api2::vec![in &heap; 7u8; 100_000];
    /// # in_child(|| {
    /// // In a forked child, which writes to a byte of what it inherited:
    /// list[50_000] = 8;
    /// let residency = heap.residency().unwrap();
    /// let [copied] = residency.not_shared().collect::<Vec<_>>()[..] else { panic!("{residency}") };
    /// assert!(copied.range.contains(&(&raw const list[50_000]).addr()) && copied.range.len() < list.len());
    /// # });
    /// # Ok::<(), permacode::Error>(())
    /// ```
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
        let count = accessible.clone().count();
        writeln!(
            f,
            "process {}, {:#x}-{:#x}: {} KiB resident, {} shared, {} private dirty, {} huge, {} swapped; {} mapping{}",
            self.pid,
            self.range.start,
            self.range.end,
            self.resident() >> 10,
            self.shared() >> 10,
            self.private_dirty() >> 10,
            self.huge() >> 10,
            self.swapped() >> 10,
            count,
            if count == 1 { "" } else { "s" },
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
