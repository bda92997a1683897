//! What a worker copied, as the kernel tells of it while the worker and its relatives live.

use core::ops::Range;
use permacode_witness::{copied, memory, resident};
use std::io;

pub fn page_size() -> usize {
    // SAFETY: no conditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// The distinct pages that hold a byte of some ranges, by address.
pub struct Pages {
    size: usize,
    starts: Vec<usize>,
}

impl Pages {
    pub fn of(ranges: impl IntoIterator<Item = Range<usize>>) -> Self {
        let size = page_size();
        let ranges = ranges.into_iter().filter(|range| !range.is_empty());
        let mut starts: Vec<usize> = ranges
            .flat_map(|range| (range.start / size..=(range.end - 1) / size).map(|number| number * size))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        Self { size, starts }
    }

    /// Without those that this process never touched: the far end of a large object takes no memory.
    pub fn touched(mut self) -> io::Result<Self> {
        let mut present = self.which_copied(0)?.into_iter();
        self.starts.retain(|_| present.next().unwrap_or(true));
        Ok(self)
    }

    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// In KiB, for that many pages.
    pub fn kilobytes(&self, pages: usize) -> usize {
        pages * self.size / 1024
    }

    fn each(&self) -> impl Iterator<Item = Range<usize>> {
        self.starts.iter().map(|start| *start..start + self.size)
    }

    /// Bytes of the pages' mappings that are private and dirty, from `smaps`: an upper bound if other things lie in those mappings.
    pub fn private_dirty(&self, pid: i32) -> io::Result<u64> {
        let (Some(first), Some(last)) = (self.each().next(), self.each().last()) else { return Ok(0) };
        let seen = memory(pid, first.start..last.end)?;
        // A process that has just died has no mappings and no dirty pages either: that must not pass for a good result.
        let mapped = |page: Range<usize>| {
            seen.accessible().any(|mapping| mapping.range.start <= page.start && page.end <= mapping.range.end)
        };
        if !self.each().all(mapped) {
            return Err(io::Error::other("the worker's memory could not be read; it is gone"));
        }
        let holds = |mapping: &Range<usize>| self.starts.iter().any(|start| mapping.contains(start));
        Ok(seen.mappings.iter().filter(|mapping| holds(&mapping.range)).map(|mapping| mapping.private_dirty).sum())
    }

    /// Which of the pages the worker has for itself, from `pagemap`: an answer for each page.
    pub fn which_copied(&self, pid: i32) -> io::Result<Vec<bool>> {
        self.each().map(|page| copied(pid, [page]).map(|count| count != 0)).collect()
    }

    /// How many bytes of the pages are in the process's memory, from `pagemap`.
    pub fn resident(&self, pid: i32) -> io::Result<usize> {
        self.each().map(|page| resident(pid, page)).sum()
    }

    /// How many of the pages the worker has for itself, from `pagemap`.
    pub fn copied(&self, pid: i32) -> io::Result<usize> {
        copied(pid, self.each())
    }
}
