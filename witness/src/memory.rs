//! A process's memory as the kernel tells of it.

use procfs::ProcError;
use procfs::process::{MMPermissions, MemoryPageFlags, PageInfo, Process};
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

/// The mappings of process `pid` (0: this one) that share a byte with `range`, from `/proc/<pid>/smaps`.
///
/// # Errors
///
/// The process is gone, or its memory may not be read.
pub fn memory(pid: i32, range: Range<usize>) -> io::Result<Memory> {
    let maps = process(pid)?.smaps().map_err(error)?;
    let mappings = maps
        .iter()
        .filter(|map| (map.address.0 as usize) < range.end && range.start < map.address.1 as usize)
        .map(|map| {
            let size = |name: &str| map.extension.map.get(name).copied().unwrap_or(0);
            Mapping {
                range: map.address.0 as usize..map.address.1 as usize,
                permissions: permissions(map.perms),
                resident: size("Rss"),
                private_dirty: size("Private_Dirty"),
                shared: size("Shared_Clean") + size("Shared_Dirty"),
            }
        })
        .collect();
    Ok(Memory { mappings })
}

/// How many of the pages that hold a byte of `ranges` are in process `pid`'s memory and in no other's: after a fork, while its relatives
/// live, those that it copied. From `/proc/<pid>/pagemap`, each page counted once.
///
/// # Errors
///
/// As for [`memory`].
pub fn copied(pid: i32, ranges: impl IntoIterator<Item = Range<usize>>) -> io::Result<usize> {
    let page = procfs::page_size() as usize;
    let mut pages: Vec<usize> = ranges
        .into_iter()
        .filter(|range| !range.is_empty())
        .flat_map(|range| range.start / page..(range.end - 1) / page + 1)
        .collect();
    pages.sort_unstable();
    pages.dedup();
    let mut pagemap = process(pid)?.pagemap().map_err(error)?;
    let mut copied = 0;
    for page in pages {
        if let PageInfo::MemoryPage(flags) = pagemap.get_info(page).map_err(error)? {
            copied += usize::from(flags.contains(MemoryPageFlags::PRESENT | MemoryPageFlags::MMAP_EXCLUSIVE));
        }
    }
    Ok(copied)
}

/// Bytes of the pages of `range` that are in process `pid`'s memory, page by page: unlike a mapping's, they are of nothing else that lies
/// beside them. From `/proc/<pid>/pagemap`.
///
/// # Errors
///
/// As for [`memory`].
pub fn resident(pid: i32, range: Range<usize>) -> io::Result<usize> {
    let page = procfs::page_size() as usize;
    let mut pagemap = process(pid)?.pagemap().map_err(error)?;
    let infos = pagemap.get_range_info(range.start / page..range.end.div_ceil(page)).map_err(error)?;
    let present =
        |info: &&PageInfo| matches!(info, PageInfo::MemoryPage(flags) if flags.contains(MemoryPageFlags::PRESENT));
    Ok(infos.iter().filter(present).count() * page)
}

fn process(pid: i32) -> io::Result<Process> {
    if pid == 0 { Process::myself() } else { Process::new(pid) }.map_err(error)
}

fn error(error: ProcError) -> io::Error {
    io::Error::other(error)
}

fn permissions(flags: MMPermissions) -> String {
    [
        (MMPermissions::READ, 'r', '-'),
        (MMPermissions::WRITE, 'w', '-'),
        (MMPermissions::EXECUTE, 'x', '-'),
        (MMPermissions::SHARED, 's', 'p'),
    ]
    .map(|(flag, yes, no)| if flags.contains(flag) { yes } else { no })
    .iter()
    .collect()
}
