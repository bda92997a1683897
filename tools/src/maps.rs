//! The mappings of a process, by `/proc/PID/maps`, and the files behind them.
//!
//! ```text
//!   40000000-40003000 r--s 00001000 fe:00 8417   /tmp/mylang.image
//!   range             perm offset   device inode  name: anybody's choice, up to the end of the line
//! ```

use crate::failure::Failure;
use crate::screen::escaped;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The names of memory files that this library makes.
const MEMORY_FILES: [&[u8]; 3] = [
    b"/memfd:permacode-code (deleted)",
    b"/memfd:permacode-native-code (deleted)",
    b"/memfd:permacode-image (deleted)",
];

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub range: Range<usize>,
    pub is_readable: bool,
    pub is_writable: bool,
    pub is_executable: bool,
    pub is_shared: bool,
    /// The place in the file that the range begins with.
    pub offset: u64,
    /// The device of the file, major and minor.
    pub device: (u32, u32),
    /// The number of the file. 0 for memory that is no file's.
    pub inode: u64,
    pub name: Vec<u8>,
}

impl Map {
    /// Reads a line. `None` for one of an unknown form.
    fn of(line: &[u8]) -> Option<Self> {
        let mut rest = line;
        let mut word = || {
            let start = rest.iter().position(|&byte| byte != b' ')?;
            let end = rest[start..].iter().position(|&byte| byte == b' ').map_or(rest.len(), |end| start + end);
            let word = std::str::from_utf8(&rest[start..end]).ok();
            rest = &rest[end..];
            word
        };
        let (start, end) = word()?.split_once('-')?;
        let permissions = word()?.as_bytes();
        let (offset, device, inode) = (word()?, word()?, word()?);
        let (major, minor) = device.split_once(':')?;
        let address = |digits| usize::from_str_radix(digits, 16).ok();
        let number = |digits| u32::from_str_radix(digits, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        Some(Self {
            range: (start < end).then_some(start..end)?,
            is_readable: permissions.first() == Some(&b'r'),
            is_writable: permissions.get(1) == Some(&b'w'),
            is_executable: permissions.get(2) == Some(&b'x'),
            is_shared: permissions.get(3) == Some(&b's'),
            offset: u64::from_str_radix(offset, 16).ok()?,
            device: (number(major)?, number(minor)?),
            inode: inode.parse().ok()?,
            name: rest.trim_ascii_start().to_vec(),
        })
    }

    /// All mappings of a process, by address.
    pub fn all(pid: u32) -> io::Result<Vec<Self>> {
        std::fs::read(format!("/proc/{pid}/maps")).map(|text| Self::of_lines(&text))
    }

    /// Reads lines.
    pub fn of_lines(text: &[u8]) -> Vec<Self> {
        text.split(|&byte| byte == b'\n').filter_map(Self::of).collect()
    }

    /// Returns `true` for memory that is no file's, and that has no name of the kernel's such as `[heap]`. A program may have named it.
    pub fn is_anonymous(&self) -> bool {
        self.inode == 0 && (self.name.is_empty() || self.name.starts_with(b"[anon:"))
    }

    /// Returns `true` for memory that the program has named. `NamedPages` does that for arenas; other libraries name memory in the same way.
    pub fn is_named(&self) -> bool {
        self.is_anonymous() && !self.is_shared && self.name.starts_with(b"[anon:") && self.name.ends_with(b"]")
    }

    /// Returns `true` for a memory file of this library.
    pub fn is_memory_file(&self) -> bool {
        MEMORY_FILES.contains(&&*self.name)
    }

    /// Returns `true` for what an image may be mapped as: a file's pages that are shared, and that are read only.
    pub fn may_be_image(&self) -> bool {
        self.inode != 0 && self.is_shared && !self.is_writable
    }

    /// The file's number and device.
    pub fn file(&self) -> ((u32, u32), u64) {
        (self.device, self.inode)
    }

    /// The name for people.
    pub fn shown(&self) -> String {
        if self.name.is_empty() { "anonymous memory".to_owned() } else { escaped(&String::from_utf8_lossy(&self.name)) }
    }

    /// Opens the file that a process has mapped there. By the mapping itself, which is for root; by a descriptor of the process; by its path.
    pub fn open(&self, pid: u32) -> io::Result<File> {
        let Range { start, end } = self.range;
        let by_map = open(Path::new(&format!("/proc/{pid}/map_files/{start:x}-{end:x}")));
        by_map.or_else(|_| self.open_by_descriptor(pid)).or_else(|_| self.open_by_path(pid))
    }

    fn open_by_descriptor(&self, pid: u32) -> io::Result<File> {
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
            let path = entry?.path();
            // The kernel calls a file by one name here and there.
            if std::fs::read_link(&path).is_ok_and(|name| name.as_os_str().as_bytes() == self.name) {
                let file = open(&path)?;
                if self.is(&file) {
                    return Ok(file);
                }
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn open_by_path(&self, pid: u32) -> io::Result<File> {
        let name = self.name.strip_prefix(b"/").filter(|_| !self.name.ends_with(b" (deleted)"));
        let name = name.ok_or(io::ErrorKind::NotFound)?;
        // The root of the process may be another one than ours.
        let mut path = PathBuf::from(format!("/proc/{pid}/root"));
        path.push(std::ffi::OsStr::from_bytes(name));
        let file = open(&path)?;
        if self.is(&file) { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Returns `true` if this maps the file, which has this path. Some file systems have another device here than there. Then the name decides.
    pub fn is_of(&self, file: &Metadata, path: &Path) -> bool {
        let device = libc::makedev(self.device.0, self.device.1);
        let has_its_name = || path.file_name().is_some_and(|name| self.name.ends_with(name.as_bytes()));
        self.inode == file.ino() && (device == file.dev() || has_its_name())
    }

    /// Returns `true` for the file that is mapped here, of those that have its name.
    fn is(&self, file: &File) -> bool {
        file.metadata().is_ok_and(|metadata| metadata.ino() == self.inode)
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe would wait for a writer, were it not for this flag.
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// The name of a process, for people.
pub fn command_of(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    escaped(String::from_utf8_lossy(&name).trim_end_matches('\n'))
}

/// The numbers of all processes, ascending.
pub fn all_processes() -> Result<Vec<u32>, Failure> {
    let folder = std::fs::read_dir("/proc").map_err(|error| Failure {
        code: crate::failure::REFUSED,
        text: format!("/proc could not be read: {error}. Processes are looked at there; mount it"),
    })?;
    let mut all: Vec<u32> = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_up_to_its_name_whatever_that_is() {
        let map =
            Map::of(b"40000000-40003000 r--s 00001000 fe:0a 8417                     /tmp/a b  (deleted)").unwrap();
        assert_eq!(
            (map.range.clone(), map.offset, map.device, map.inode),
            (0x4000_0000..0x4000_3000, 4096, (254, 10), 8417)
        );
        assert_eq!(map.name, b"/tmp/a b  (deleted)");
        assert!(map.is_readable && map.is_shared && !map.is_writable && map.may_be_image() && !map.is_anonymous());
        let map = Map::of(b"7f00-7f10 rw-p 00000000 00:00 0 ").unwrap();
        assert!(map.is_anonymous() && map.is_writable && !map.is_shared && !map.may_be_image());
        assert!(!map.is_named());
        let code = Map::of(b"7f00-7f10 r--s 00000000 00:01 5 /memfd:permacode-code (deleted)").unwrap();
        assert!(code.is_memory_file() && !code.is_anonymous());
        assert_eq!(Map::of(b"7f00-7f10 r--s 00000000 00:01 5 \xff\xfe/memfd:permacode").unwrap().name[0], 0xff);
    }

    #[test]
    fn memory_that_a_program_has_named_is_known_by_its_brackets() {
        let map = |line: &str| Map::of(line.as_bytes()).unwrap();
        let code = map("7f12a0000000-7f12a0008000 r-xp 00000000 00:00 0                          [anon:mylang code]");
        assert!(code.is_named() && code.is_anonymous() && code.is_executable);
        assert_eq!(code.shown(), "[anon:mylang code]");
        assert!(map("7f00-7f10 ---p 00000000 00:00 0 [anon:]").is_named(), "a name may be empty");
        assert!(map("7f00-7f10 rw-p 00000000 00:00 0 [anon: it's :a name (deleted) ]").is_named());
        for line in [
            "7f00-7f10 rw-p 00000000 00:00 0 ",
            "7f00-7f10 rw-p 00000000 00:00 0 [heap]",
            "7f00-7f10 rw-p 00000000 00:00 0 [anon:cut off",
            "7f00-7f10 rw-s 00000000 00:01 9 [anon_shmem:mylang]",
            "7f00-7f10 rw-s 00000000 00:00 0 [anon:mylang]",
            "7f00-7f10 r--p 00000000 fe:00 9 [anon:mylang]",
            "7f00-7f10 r--p 00000000 fe:00 9 /tmp/[anon:mylang]",
        ] {
            assert!(!map(line).is_named(), "{line}");
        }
    }

    #[test]
    fn lines_of_another_form_are_left_out() {
        for line in [
            "",
            "x",
            "10-10 r--p 0 0:0 0",
            "20-10 r--p 0 0:0 0",
            "10-20",
            "10-20 r--p",
            "10-20 r--p 0 00 0",
            "10-20 r--p 0 0:0 x",
        ] {
            assert_eq!(Map::of(line.as_bytes()), None, "{line}");
        }
        assert!(Map::of("ffffffffffff0000-ffffffffffffffff  0 0:0 0".as_bytes()).is_none());
    }

    #[test]
    fn this_process_has_mappings_and_a_name() {
        let maps = Map::all(std::process::id()).unwrap();
        assert!(maps.iter().any(|map| map.name == b"[stack]" && map.is_writable && !map.is_anonymous()));
        assert!(!command_of(std::process::id()).is_empty());
        assert!(all_processes().unwrap().contains(&std::process::id()));
    }
}
