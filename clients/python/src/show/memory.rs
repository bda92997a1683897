//! The kernel's word on a process: its memory, its page faults, and its mappings of a file.

use permacode_witness::Rollup;
use std::io;
use std::ops::Range;
use std::path::Path;

/// A process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Kilobytes of its own.
    pub own: f64,
    /// Its share of all that it maps, in kilobytes.
    pub share: f64,
    /// Page faults so far.
    pub faults: f64,
    pub mappings: f64,
}

impl Memory {
    /// Of a process by its number, or of `self`.
    pub fn of(process: &str) -> io::Result<Self> {
        let sums = Rollup::of(process)?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // Behind the name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |at: usize| fields.get(at).and_then(|number| number.parse::<f64>().ok()).ok_or(no_field("faults"));
        Ok(Self {
            own: sums.kilobytes("Anonymous")? as f64,
            share: sums.kilobytes("Pss")? as f64,
            faults: field(7)? + field(9)?,
            mappings: std::fs::read_to_string(format!("/proc/{process}/maps"))?.lines().count() as f64,
        })
    }
}

fn no_field(name: &str) -> io::Error {
    io::Error::other(format!("the kernel does not say {name}"))
}

/// The shared mappings that a process has of a file, in kilobytes.
#[derive(Clone, Debug, Default)]
pub struct Mapped {
    pub resident: usize,
    /// Each page divided by the number of processes that map it.
    pub share: usize,
    /// Mapped by no other process.
    pub alone: usize,
    /// Copied: no file's any more.
    pub copied: usize,
    /// Their addresses.
    pub ranges: Vec<Range<usize>>,
}

impl Mapped {
    /// Reads those of a process, of a file whose line ends like this.
    pub fn of(process: u32, file: &Path) -> io::Result<Self> {
        let mut mapped = Self::default();
        let mut counts = false;
        let name = file.display().to_string();
        for line in std::fs::read_to_string(format!("/proc/{process}/smaps"))?.lines() {
            let mut words = line.split_whitespace();
            let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            if let Some((start, end)) = first.split_once('-') {
                counts = second == "r--s" && line.trim_end_matches(" (deleted)").ends_with(&name);
                if counts {
                    let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap_or(0));
                    mapped.ranges.push(start..end);
                }
                continue;
            }
            let kilobytes: usize = second.parse().unwrap_or(0);
            match first {
                _ if !counts => {}
                "Rss:" => mapped.resident += kilobytes,
                "Pss:" => mapped.share += kilobytes,
                "Private_Clean:" | "Private_Dirty:" => mapped.alone += kilobytes,
                "Anonymous:" => mapped.copied += kilobytes,
                _ => {}
            }
        }
        Ok(mapped)
    }
}
