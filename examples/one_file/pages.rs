//! The pages that a process has of its image, by the kernel's word.

use std::io;

/// Kilobytes of shared mappings of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    pub resident: usize,
    /// Its part of them: a page that so many mappings have counts as one of so many parts.
    pub part: usize,
    /// In pages that other processes have too.
    pub shared: usize,
    /// In pages that no other process has.
    pub private: usize,
    /// In pages that were copied, and are no file's any more.
    pub anonymous: usize,
}

impl Pages {
    /// Reads those of a process, of a file by its name. A program's own parts are mapped privately, so they do not count.
    pub fn of(process: u32, file: &str) -> io::Result<Self> {
        let mut pages = Self::default();
        let mut counts = false;
        for line in std::fs::read_to_string(format!("/proc/{process}/smaps"))?.lines() {
            let mut words = line.split_whitespace();
            let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            if first.contains('-') {
                counts = second == "r--s" && line.ends_with(file);
                continue;
            }
            let kilobytes = second.parse().unwrap_or(0);
            match first {
                _ if !counts => {}
                "Rss:" => pages.resident += kilobytes,
                "Pss:" => pages.part += kilobytes,
                "Shared_Clean:" | "Shared_Dirty:" => pages.shared += kilobytes,
                "Private_Clean:" | "Private_Dirty:" => pages.private += kilobytes,
                "Anonymous:" => pages.anonymous += kilobytes,
                _ => {}
            }
        }
        Ok(pages)
    }
}
