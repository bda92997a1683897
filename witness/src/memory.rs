//! A process's memory as the kernel tells of it, in the words of a test.

use permacode::residency::{PageState, Residency, ResidencyError};
use std::io;
use std::ops::Range;

/// One mapping of `/proc/<pid>/smaps`; sizes in bytes.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Where it lies; it may reach beyond the range that was asked for.
    pub range: Range<usize>,
    /// As in `/proc/<pid>/maps`, for example `r--p`.
    pub permissions: String,
    /// Physical memory mapped here.
    pub resident: u64,
    /// Written to, and mapped by this process alone.
    pub private_dirty: u64,
    /// Mapped by other processes too, clean or dirty.
    pub shared: u64,
}

/// The mappings of a process that share a byte with a range.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// In the order of their addresses.
    pub mappings: Vec<Mapping>,
}

impl Memory {
    /// The mappings that can be read, written or executed.
    pub fn accessible(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter(|mapping| !mapping.permissions.starts_with("---"))
    }

    /// Bytes that the process alone has and has written to.
    pub fn private_dirty(&self) -> u64 {
        self.mappings.iter().map(|mapping| mapping.private_dirty).sum()
    }

    /// Bytes that are in physical memory.
    pub fn resident(&self) -> u64 {
        self.mappings.iter().map(|mapping| mapping.resident).sum()
    }

    /// Bytes that are in physical memory and mapped by other processes too.
    pub fn shared(&self) -> u64 {
        self.mappings.iter().map(|mapping| mapping.shared).sum()
    }
}

/// The mappings of process `pid` (0: this one) that share a byte with `range`, from `/proc/<pid>/smaps`, whole.
///
/// # Errors
///
/// The process is gone, or its memory may not be read.
pub fn memory(pid: i32, range: Range<usize>) -> io::Result<Memory> {
    let mappings =
        permacode::residency::Mapping::all(number(pid), range).map_err(error)?.into_iter().map(|mapping| Mapping {
            permissions: mapping.permissions.to_string(),
            resident: mapping.resident as u64,
            private_dirty: mapping.private_dirty as u64,
            shared: (mapping.shared_clean + mapping.shared_dirty) as u64,
            range: mapping.range,
        });
    Ok(Memory { mappings: mappings.collect() })
}

/// How many of the pages that hold a byte of `ranges` are in process `pid`'s memory and in no other's: after a fork, while its relatives
/// live, those that it copied. From `/proc/<pid>/pagemap`, each page counted once.
///
/// # Errors
///
/// As for [`memory`].
pub fn copied(pid: i32, ranges: impl IntoIterator<Item = Range<usize>>) -> io::Result<usize> {
    // SAFETY: asks for a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(io::Error::other)?;
    let mut pages: Vec<usize> = ranges
        .into_iter()
        .filter(|range| !range.is_empty())
        .flat_map(|range| range.start / page..(range.end - 1) / page + 1)
        .collect();
    pages.sort_unstable();
    pages.dedup();
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return Ok(0) };
    let residency = Residency::of_process(number(pid), first * page..(last + 1) * page).map_err(error)?;
    let alone = residency
        .stretches()
        .iter()
        .filter(|stretch| matches!(stretch.state, PageState::PrivateCopy | PageState::MappedHereOnly));
    let count = |range: &Range<usize>| {
        let first = pages.partition_point(|&index| index < range.start / page);
        pages.partition_point(|&index| index < range.end / page) - first
    };
    Ok(alone.map(|stretch| count(&stretch.range)).sum())
}

/// Bytes of the pages of `range` that are in process `pid`'s memory, page by page: unlike a mapping's, they are of nothing else that lies
/// beside them. From `/proc/<pid>/pagemap`.
///
/// # Errors
///
/// As for [`memory`].
pub fn resident(pid: i32, range: Range<usize>) -> io::Result<usize> {
    Ok(Residency::of_process(number(pid), range).map_err(error)?.resident())
}

/// Returns the permissions of the mapping that holds `address`, or nothing where nothing is mapped.
///
/// # Panics
///
/// The kernel does not say.
pub fn permissions(address: usize) -> String {
    // From `maps`: for `smaps` the kernel counts the pages of every mapping.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let permissions = maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let holds =
            usize::from_str_radix(start, 16).ok()? <= address && address < usize::from_str_radix(end, 16).ok()?;
        holds.then(|| rest.chars().take(4).collect())
    });
    permissions.unwrap_or_default()
}

fn number(pid: i32) -> u32 {
    u32::try_from(pid).ok().filter(|&pid| pid != 0).unwrap_or_else(std::process::id)
}

fn error(error: ResidencyError) -> io::Error {
    io::Error::other(error)
}
