//! The names of functions that no file has, where `perf` looks for them: `/tmp/perf-PID.map`, a line for each.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub struct PerfMap {
    file: File,
    path: PathBuf,
}

impl PerfMap {
    /// Begins the map of this process. A file that an earlier process of the same number left is removed.
    pub fn create() -> io::Result<Self> {
        let path = PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()));
        if let Err(error) = fs::remove_file(&path) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
        }
        // Never through a link that somebody else put there.
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }

    /// Names a function: call it after `alloc`, before the function runs. `perf` looks when it has recorded, so code that is gone by then keeps its
    /// name until other code lies there.
    pub fn add(&mut self, code: &[u8], name: &str) -> io::Result<()> {
        let line = format!("{:x} {:x} {name}\n", code.as_ptr().addr(), code.len());
        self.file.write_all(line.as_bytes())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
