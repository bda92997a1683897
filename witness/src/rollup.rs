//! Sums over all memory of a process.

use std::fmt::Display;
use std::io;

/// What the kernel sums up over all mappings of a process, at one moment: `/proc/<pid>/smaps_rollup`.
pub struct Rollup(String);

impl Rollup {
    /// Reads the sums of a process: by its number, or of `self`.
    ///
    /// # Errors
    ///
    /// There is no such process, or it may not be looked at.
    pub fn of(process: impl Display) -> io::Result<Self> {
        std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).map(Self)
    }

    /// Returns a sum in kilobytes, by the kernel's name for it, such as `Pss`.
    ///
    /// # Errors
    ///
    /// The kernel states none of that name.
    pub fn kilobytes(&self, name: &str) -> io::Result<u64> {
        let fields = self.0.lines().filter_map(|line| line.split_once(':'));
        let found = fields.filter(|(field, _)| *field == name).find_map(|(_, sum)| sum.split_whitespace().next());
        let no_sum = || io::Error::other(format!("the kernel states no `{name}` in smaps_rollup"));
        found.and_then(|sum| sum.parse().ok()).ok_or_else(no_sum)
    }
}
