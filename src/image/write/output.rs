//! The place that an image goes to: a file that is there as a whole or not at all, or sealed memory.
//!
//! ```text
//!   unnamed file in the folder ─ write ─ fsync ─ link as .name.5f3a.tmp ─ rename to name ─ fsync of the folder
//!   └ or, where the file system has none, or none can be named: create .name.5f3a.tmp
//! ```
//!
//! Until the rename the old file is what the path leads to. A process that is killed leaves nothing, or a file that begins with a dot.

use crate::base::path::ShortPath;
use crate::image::format::ImageError;
use crate::pages;
use alloc::ffi::CString;
use core::hash::BuildHasher;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::RandomState;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its owner may write, others may read.
const MODE: u32 = 0o644;

/// Puts so many bytes, which `write` writes, into the place of the file at `path`. It is called again if what it wrote to cannot be given a name.
pub(in crate::image) fn replace(
    path: &Path,
    bytes: usize,
    mut write: impl FnMut(&mut File) -> io::Result<()>,
) -> Result<(), ImageError> {
    let failed = |call: &'static str| move |error: io::Error| ImageError::system(call, &error);
    if !pages::may_write(bytes) {
        return Err(failed("writing the image")(io::Error::from_raw_os_error(libc::EFBIG)));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name =
        path.file_name().ok_or_else(|| failed("naming the image")(io::Error::from(io::ErrorKind::InvalidInput)))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    // Another process with this number may run in another container, on the same folder.
    hidden.push(format!(".{:016x}.tmp", RandomState::new().hash_one(std::process::id())));
    let temporary = Temporary(folder.join(hidden));

    let unnamed = OpenOptions::new().write(true).mode(MODE).custom_flags(libc::O_TMPFILE).open(folder);
    let is_named = match unnamed {
        Ok(mut file) => {
            fill(&mut file, &mut write)?;
            link(&file, &temporary.0).is_ok()
        }
        Err(_) => false,
    };
    if !is_named {
        // The file system has no unnamed files, or there is no `/proc` to name one by.
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&temporary.0);
        fill(&mut file.map_err(failed("creating the image"))?, &mut write)?;
    }
    fs::rename(&temporary.0, path).map_err(failed("renaming the image"))?;
    let folder = File::open(folder).map_err(failed("opening the folder of the image"))?;
    folder.sync_all().map_err(failed("synchronising the folder of the image"))
}

/// Refuses a path to a device, a pipe or a socket. A file would take its place, and `/dev/null` would be gone for all.
pub(in crate::image) fn refuse_devices(path: &Path) -> Result<(), ImageError> {
    let is_one = |metadata: fs::Metadata| !(metadata.is_file() || metadata.is_dir() || metadata.is_symlink());
    match fs::symlink_metadata(path).is_ok_and(is_one) {
        true => Err(ImageError::system(
            "replacing a device, a pipe or a socket by a file",
            &io::Error::from(io::ErrorKind::InvalidInput),
        )),
        false => Ok(()),
    }
}

/// Fills a file, and waits until its bytes are on the disk.
fn fill(file: &mut File, write: &mut impl FnMut(&mut File) -> io::Result<()>) -> Result<(), ImageError> {
    write(file).map_err(|error| ImageError::system("writing the image", &error))?;
    file.sync_all().map_err(|error| ImageError::system("synchronising the image", &error))
}

/// A name that is gone in the end, unless the file has another by then.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Gives an unnamed file a name.
fn link(file: &File, path: &Path) -> io::Result<()> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let from = ShortPath::new(format_args!("/proc/self/fd/{}", file.as_raw_fd())).ok_or_else(invalid)?;
    let c_string = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(|_| invalid());
    let (from, to) = (c_string(from.as_ref())?, c_string(path)?);
    // SAFETY: two strings that end with a zero.
    let linked =
        unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::AT_SYMLINK_FOLLOW) };
    if linked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A memory file with so many bytes, which `write` writes, that nobody can change.
pub(super) fn sealed(bytes: usize, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<File, ImageError> {
    pages::sealed_file(bytes, write).map_err(|error| ImageError::system("sealing the image in memory", &error))
}
