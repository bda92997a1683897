//! What `/proc/<pid>` says, through `procfs`.

use super::error::ResidencyError;
use super::mapping::{Backing, Mapping, Permissions};
use super::stretch::{PageState, Stretch};
use core::ops::Range;
use procfs::process::{MMPermissions, MMapPath, MemoryMap, MemoryPageFlags, PageInfo, PageMap, Process};

/// Pages asked about at a time.
const BATCH: usize = 4096;

/// A process whose memory is looked at.
pub(super) struct Kernel {
    pid: u32,
    process: Process,
    page: usize,
}

impl Kernel {
    pub(super) fn of(pid: u32) -> Result<Self, ResidencyError> {
        // Numbers of processes are positive.
        let number = i32::try_from(pid).ok().filter(|&pid| pid > 0).ok_or(ResidencyError::Gone { pid })?;
        let process = Process::new(number).map_err(|error| ResidencyError::new(pid, error))?;
        Ok(Self { pid, process, page: usize::try_from(procfs::page_size()).unwrap_or(4096) })
    }

    /// The mappings that share a byte with `range`.
    pub(super) fn mappings(&self, range: &Range<usize>) -> Result<Vec<Mapping>, ResidencyError> {
        let maps = self.process.smaps().map_err(|error| self.error(error))?;
        if maps.len() == 0 {
            // It has ended, and nobody has waited for it yet.
            return Err(ResidencyError::Gone { pid: self.pid });
        }
        let shares = |mapping: &Mapping| mapping.range.start < range.end && range.start < mapping.range.end;
        Ok(maps.iter().map(mapping).filter(shares).collect())
    }

    /// The pages of `range` that have memory, in these mappings of it.
    pub(super) fn stretches(&self, range: &Range<usize>, mappings: &[Mapping]) -> Result<Vec<Stretch>, ResidencyError> {
        let mut pagemap = self.process.pagemap().map_err(|error| self.error(error))?;
        let mut stretches = Vec::new();
        // Address space without memory may be vast, and of the kernel's own pages in it (`[vsyscall]`) nothing is told.
        let told = |mapping: &&Mapping| {
            let kernels = usize::BITS == 64 && mapping.range.start > isize::MAX as usize;
            !kernels && (mapping.accessible() || mapping.resident + mapping.swapped > 0)
        };
        for mapping in mappings.iter().filter(told) {
            let part = mapping.range.start.max(range.start)..mapping.range.end.min(range.end);
            let pages = part.start / self.page..part.end.div_ceil(self.page);
            for from in pages.clone().step_by(BATCH) {
                self.batch(&mut pagemap, from..pages.end.min(from + BATCH), &mut stretches)?;
            }
        }
        Ok(stretches)
    }

    fn batch(
        &self,
        pagemap: &mut PageMap,
        pages: Range<usize>,
        stretches: &mut Vec<Stretch>,
    ) -> Result<(), ResidencyError> {
        let infos = pagemap.get_range_info(pages.clone()).map_err(|error| self.error(error))?;
        for (page, info) in pages.zip(infos) {
            let Some(state) = state(info) else { continue };
            let range = page * self.page..(page + 1) * self.page;
            match stretches.last_mut() {
                Some(last) if last.state == state && last.range.end == range.start => last.range.end = range.end,
                _ => stretches.push(Stretch { range, state }),
            }
        }
        Ok(())
    }

    fn error(&self, error: procfs::ProcError) -> ResidencyError {
        ResidencyError::new(self.pid, error)
    }
}

impl Mapping {
    /// The mappings of a process that share a byte with a range, by address; those without access too.
    ///
    /// Costs the reading of `/proc/<pid>/smaps`, where the kernel looks at every page of the process, and no look at single pages, which a
    /// [`Residency`](super::Residency) takes besides. It allocates.
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of_process`](super::Residency::of_process).
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc(1u8)?;
    /// arena.seal()?;
    /// let mappings = permacode::Mapping::all(std::process::id(), arena.address_range())?;
    /// assert_eq!(mappings[0].permissions.to_string(), "r--p");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn all(pid: u32, range: Range<usize>) -> Result<Vec<Self>, ResidencyError> {
        Kernel::of(pid)?.mappings(&range)
    }
}

fn state(info: PageInfo) -> Option<PageState> {
    let flags = match info {
        PageInfo::SwapPage(_) => return Some(PageState::Swapped),
        PageInfo::MemoryPage(flags) => flags,
    };
    if !flags.contains(MemoryPageFlags::PRESENT) {
        return None;
    }
    Some(match (flags.contains(MemoryPageFlags::MMAP_EXCLUSIVE), flags.contains(MemoryPageFlags::FILE)) {
        (false, _) => PageState::Shared,
        (true, false) => PageState::PrivateCopy,
        (true, true) => PageState::MappedHereOnly,
    })
}

fn mapping(map: &MemoryMap) -> Mapping {
    let size = |name: &str| map.extension.map.get(name).map_or(0, |&bytes| bytes as usize);
    let may = |flag| map.perms.contains(flag);
    Mapping {
        range: map.address.0 as usize..map.address.1 as usize,
        permissions: Permissions {
            read: may(MMPermissions::READ),
            write: may(MMPermissions::WRITE),
            execute: may(MMPermissions::EXECUTE),
            shared: may(MMPermissions::SHARED),
        },
        backing: match &map.pathname {
            MMapPath::Path(path) if path.to_string_lossy().starts_with("/memfd:") => Backing::MemoryFile,
            MMapPath::Path(_) => Backing::File,
            _ => Backing::Anonymous,
        },
        resident: size("Rss"),
        shared_clean: size("Shared_Clean"),
        shared_dirty: size("Shared_Dirty"),
        private_clean: size("Private_Clean"),
        private_dirty: size("Private_Dirty"),
        huge: size("AnonHugePages") + size("ShmemPmdMapped") + size("FilePmdMapped"),
        swapped: size("Swap"),
    }
}
