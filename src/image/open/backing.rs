//! [`Backing`]: the descriptor that an image is read and mapped by.
//!
//! A descriptor that can write is no good for that. Pages that map its file could be made writable later, and kernels before 6.7 refuse to map a
//! sealed memory file by it. So a descriptor of the user's is asked, and its file is opened anew if need be. What this library opened is not asked.

use crate::image::format::ImageError;
use crate::pages;
use std::fs::File;
use std::os::fd::AsRawFd;

/// The file of an image, and what is known of it.
pub(in crate::image) struct Backing {
    pub(in crate::image) file: File,
    /// `true` for a memory file that nobody can change.
    pub(super) is_sealed: bool,
    /// `true` if the descriptor cannot write.
    pub(super) is_mappable: bool,
}

impl Backing {
    /// A file that this library opened, to read it.
    pub(in crate::image) fn opened(file: File) -> Self {
        Self { file, is_sealed: false, is_mappable: true }
    }

    /// A file of the user's.
    pub(in crate::image) fn given(file: File) -> Self {
        match pages::is_read_only(&file) {
            true => Self::opened(file),
            false => match pages::read_only(&file) {
                Some(file) => Self::opened(file),
                None => Self { file, is_sealed: false, is_mappable: false },
            },
        }
    }

    /// A memory file of the user's that nobody can change.
    pub(super) fn sealed(file: File) -> Result<Self, ImageError> {
        const SEALS: libc::c_int = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK;
        // SAFETY: an open file; the command takes nothing and returns flags.
        let seals = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) };
        if seals < 0 || seals & SEALS != SEALS {
            return Err(ImageError::NotSealed);
        }
        Ok(Self { is_sealed: true, ..Self::given(file) })
    }
}
