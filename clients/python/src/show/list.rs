//! [`Entry`]: a module in the files that a run prepared, and the lists of them that workers are given.
//!
//! A list has a line for each module: its name, its place and its length in the file of all modules, and its source.

use std::io;
use std::path::{Path, PathBuf};

/// A module, by the places where its code lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// The place in the one file.
    pub offset: u64,
    pub length: usize,
    /// Its `.py`.
    pub source: PathBuf,
}

pub fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let line = |entry: &Entry| {
        let Entry { name, offset, length, source } = entry;
        format!("{name}\t{offset}\t{length}\t{}\n", source.display())
    };
    std::fs::write(path, entries.iter().map(line).collect::<String>())
}

pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let line = |line: &str| {
        let mut parts = line.splitn(4, '\t');
        let mut part = || parts.next().ok_or_else(|| io::Error::other(format!("no line of a list: {line:?}")));
        Ok(Entry {
            name: part()?.to_owned(),
            offset: part()?.parse().map_err(io::Error::other)?,
            length: part()?.parse().map_err(io::Error::other)?,
            source: part()?.into(),
        })
    };
    std::fs::read_to_string(path)?.lines().map(line).collect()
}
