//! Files that may be read as images: whose they are, asked of the open descriptor.
//!
//! This protects users from files that others prepared. Soundness does not rest on it. Hard links are not refused: a link gives nobody the right to
//! write, and package stores and layers of containers are made of them.

use crate::image::format::{Distrust, ImageError};
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens a file that is trusted, with its length: one of the effective user, of root, or of one of these users.
pub(super) fn open(path: &Path, owners: &[u32]) -> Result<(File, u64), ImageError> {
    // A pipe would wait for a writer, were it not for the last flag.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) if path.is_symlink() => ImageError::Untrusted(Distrust::SymbolicLink),
        Some(libc::ENXIO) => ImageError::Untrusted(Distrust::NotAFile),
        _ => ImageError::system("opening the image", &error),
    })?;
    let metadata = metadata(&file)?;
    let owner = metadata.uid();
    // SAFETY: takes nothing, and cannot fail. Asked last: it is a call.
    let is_own = || owner == unsafe { libc::geteuid() };
    let distrust = match () {
        () if !metadata.file_type().is_file() => Some(Distrust::NotAFile),
        () if owner != 0 && !owners.contains(&owner) && !is_own() => Some(Distrust::Owner { found: owner }),
        () if metadata.mode() & 0o022 != 0 => Some(Distrust::Writable { mode: metadata.mode() }),
        () => None,
    };
    match distrust {
        None => Ok((file, metadata.len())),
        Some(why) => Err(ImageError::Untrusted(why)),
    }
}

/// Bytes of a file that is open.
pub(super) fn len(file: &File) -> Result<u64, ImageError> {
    metadata(file).map(|metadata| metadata.len())
}

fn metadata(file: &File) -> Result<Metadata, ImageError> {
    file.metadata().map_err(|error| ImageError::system("looking at the image", &error))
}
