//! Paths that are put together without the global allocator: those of `/proc`, which are short.

use core::fmt::{self, Write};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Room for `/proc/4294967295/pagemap` and `/proc/self/fd/2147483647`.
const ROOM: usize = 32;

/// A path of a few bytes, on the stack. The standard library hands one that is so short to the system without an allocation of its own.
pub(crate) struct ShortPath {
    bytes: [u8; ROOM],
    len: usize,
}

impl ShortPath {
    /// The path that is written so; `None` where it does not fit.
    pub(crate) fn new(path: fmt::Arguments<'_>) -> Option<Self> {
        let mut this = Self { bytes: [0; ROOM], len: 0 };
        this.write_fmt(path).ok()?;
        Some(this)
    }
}

impl AsRef<Path> for ShortPath {
    fn as_ref(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes[..self.len]))
    }
}

impl Write for ShortPath {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        rest.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_paths_fit_and_a_longer_one_is_refused() {
        for (path, text) in [
            (ShortPath::new(format_args!("/proc/{}/pagemap", u32::MAX)), "/proc/4294967295/pagemap"),
            (ShortPath::new(format_args!("/proc/self/fd/{}", i32::MAX)), "/proc/self/fd/2147483647"),
            (ShortPath::new(format_args!("/proc/thread-self/pagemap")), "/proc/thread-self/pagemap"),
        ] {
            assert_eq!(path.unwrap().as_ref(), Path::new(text));
        }
        assert!(ShortPath::new(format_args!("{:032}", 1)).is_some());
        assert!(ShortPath::new(format_args!("{:033}", 1)).is_none());
    }
}
