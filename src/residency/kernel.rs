//! Reads what `/proc/<pid>` says of a range of addresses. It reads in pieces, trusts no text that others chose, and
//! makes no allocation that cannot fail.
//!
//! A process of one's own is found by `/proc/self`: its number may be another one's where `/proc` is of another namespace of numbers. When
//! its first thread has ended, nothing is said there any more, and `/proc/thread-self` is asked.

use super::error::ResidencyError;
use super::lines::Lines;
use super::mapping::Mapping;
use super::memory_device::MemoryDevice;
use super::pagemap::{self, ENTRY};
use super::smaps::{self, Line};
use super::stretch::Stretch;
use super::unfinished::Unfinished;
use crate::base::page::PageSize;
use crate::base::page_range::PageRange;
use crate::base::path::ShortPath;
use core::fmt;
use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Looks at mappings that change meanwhile, before what overlaps is cut off.
const LOOKS: usize = 8;
/// Pages asked about at a time.
const BATCH: usize = 1024;

/// A process whose memory is looked at.
pub(super) struct Kernel {
    pid: u32,
    folder: Folder,
    page: PageSize,
}

/// The folder of a process in `/proc`.
#[derive(Clone, Copy)]
enum Folder {
    Own,
    OwnThread,
    Other(u32),
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("/proc/self"),
            Self::OwnThread => f.write_str("/proc/thread-self"),
            Self::Other(pid) => write!(f, "/proc/{pid}"),
        }
    }
}

impl Kernel {
    pub(super) fn of(pid: u32) -> Result<Self, ResidencyError> {
        let folder = if pid == std::process::id() { Folder::Own } else { Folder::Other(pid) };
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok().and_then(PageSize::new);
        let page = page.ok_or(ResidencyError::Unreadable { pid, reason: "pages of an odd size" })?;
        Ok(Self { pid, folder, page })
    }

    /// The mappings that share a byte with `range`.
    pub(super) fn mappings(&mut self, range: &Range<usize>) -> Result<Vec<Mapping>, ResidencyError> {
        match (self.read_mappings(range), self.folder) {
            (Err(ResidencyError::Gone { .. }), Folder::Own) => {
                self.folder = Folder::OwnThread;
                self.read_mappings(range)
            }
            (mappings, _) => mappings,
        }
    }

    /// The kernel tells of mappings in several reads. One that grows or is joined to another in between is told of again. Then all are read
    /// anew.
    fn read_mappings(&self, range: &Range<usize>) -> Result<Vec<Mapping>, ResidencyError> {
        for _ in 1..LOOKS {
            if let Some(mappings) = self.read_once(range, false)? {
                return Ok(mappings);
            }
        }
        self.read_once(range, true).map(Option::unwrap_or_default)
    }

    /// `None` where two mappings overlap, unless the second is to be cut.
    fn read_once(&self, range: &Range<usize>, cut: bool) -> Result<Option<Vec<Mapping>>, ResidencyError> {
        // An empty range shares no byte with anything.
        let end = if range.is_empty() { 0 } else { range.end };
        let file = self.open("smaps")?;
        let mut lines = Lines::of(&file);
        let mut mappings = Vec::new();
        let mut device = MemoryDevice::default();
        let (mut last, mut told): (Option<Unfinished>, u64) = (None, 0);
        while let Some(line) = lines.next().map_err(|error| self.refused(&error))? {
            let unreadable = ResidencyError::Unreadable { pid: self.pid, reason: "a line of smaps is unheard of" };
            match smaps::parse(line).ok_or(unreadable)? {
                Line::Head(mut head) => {
                    if head.range.start < told {
                        if !cut {
                            return Ok(None);
                        }
                        head.range.start = told.min(head.range.end);
                    }
                    told = head.range.end;
                    if let Some(last) = last.take() {
                        push(&mut mappings, last.finish(self.page, &mut device))?;
                    }
                    // They ascend: those behind are nobody's question, and the kernel need not look at their pages.
                    if usize::try_from(head.range.start).map_or(true, |start| start >= end) {
                        return Ok(Some(mappings));
                    }
                    last = Unfinished::of(head).filter(|last| range.start < last.range().end);
                }
                Line::Size(size, bytes) => last.iter_mut().for_each(|last| last.add(size, bytes)),
                Line::Other => {}
            }
        }
        if let Some(last) = last {
            push(&mut mappings, last.finish(self.page, &mut device))?;
        }
        // Of a process that has ended nothing is told, and of one that ends meanwhile not everything: then there is no beginning any more.
        match file.read_at(&mut [0], 0).map_err(|error| self.refused(&error))? {
            0 => Err(ResidencyError::Gone { pid: self.pid }),
            _ => Ok(Some(mappings)),
        }
    }

    /// The pages of `range` that have memory, in these mappings of it.
    pub(super) fn stretches(&self, range: &Range<usize>, mappings: &[Mapping]) -> Result<Vec<Stretch>, ResidencyError> {
        let pagemap = self.open("pagemap")?;
        let mut stretches = Vec::new();
        let mut whole = true;
        // Address space without memory may be vast.
        let told = |mapping: &&Mapping| mapping.accessible() || mapping.resident > 0 || mapping.swapped > 0;
        for mapping in mappings.iter().filter(told) {
            let part = mapping.range.start.max(range.start)..mapping.range.end.min(range.end);
            let pages = self.page.touched(part);
            // The last page of all addresses has no end that a word holds; no kernel maps it.
            let end = pages.end().min(self.page.index(usize::MAX));
            for from in (pages.start()..end).step_by(BATCH) {
                whole &= self.batch(&pagemap, from..end.min(from + BATCH), &mut stretches)?;
            }
        }
        // Nothing is told of the kernel's own pages in an address space (`[vsyscall]`). Of a process that ends, nothing at all.
        if !whole && pagemap.read_at(&mut [0; ENTRY], 0).map_err(|error| self.refused(&error))? == 0 {
            return Err(ResidencyError::Gone { pid: self.pid });
        }
        Ok(stretches)
    }

    /// `false` if nothing is told of these pages.
    fn batch(&self, pagemap: &File, pages: Range<usize>, stretches: &mut Vec<Stretch>) -> Result<bool, ResidencyError> {
        let mut entries = [0; BATCH * ENTRY];
        let entries = &mut entries[..pages.len() * ENTRY];
        match pagemap.read_exact_at(entries, pages.start as u64 * ENTRY as u64) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read.map_err(|error| self.refused(&error))?,
        }
        let entries = entries.chunks_exact(ENTRY).filter_map(|entry| entry.first_chunk());
        for (page, entry) in pages.zip(entries) {
            let Some(state) = pagemap::state(u64::from_ne_bytes(*entry)) else { continue };
            let range = self.page.span(PageRange::numbered(page..page + 1));
            match stretches.last_mut() {
                Some(last) if last.state == state && last.range.end == range.start => last.range.end = range.end,
                _ => push(stretches, Stretch { range, state })?,
            }
        }
        Ok(true)
    }

    fn open(&self, file: &str) -> Result<File, ResidencyError> {
        let path = ShortPath::new(format_args!("{}/{file}", self.folder));
        let path = path.ok_or(ResidencyError::Unreadable { pid: self.pid, reason: "a long path" })?;
        File::open(path).map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &io::Error) -> ResidencyError {
        ResidencyError::of(self.pid, error)
    }
}

impl Mapping {
    /// Returns the mappings of a process that share a byte with a range, by address; those without access too.
    ///
    /// # Errors
    ///
    /// Those of [`Residency::of_process`](super::Residency::of_process).
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// arena.load("m")?.alloc(1u8)?;
    /// arena.seal()?;
    /// let mappings = permacode::residency::Mapping::all(std::process::id(), arena.address_range())?;
    /// assert_eq!(mappings[0].permissions.to_string(), "r--p");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Reads `/proc/<pid>/smaps` up to the end of the range. For that the kernel looks at every page of the process that lies below.
    /// A [`Residency`](super::Residency) looks at single pages besides. Allocates the list.
    pub fn all(pid: u32, range: Range<usize>) -> Result<Vec<Self>, ResidencyError> {
        Kernel::of(pid)?.mappings(&range)
    }
}

/// Adds an item, if there is memory for it.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), ResidencyError> {
    list.try_reserve(1).map_err(|_| ResidencyError::Memory { bytes: size_of::<T>() })?;
    list.push(item);
    Ok(())
}
