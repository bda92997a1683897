//! Bytes of a file, mapped where the kernel likes: for headers, tables and checks.

use crate::image::format::ImageError;
use core::ops::{Deref, Range};
use core::ptr::NonNull;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Mapped bytes of a file.
pub(super) struct FileBytes {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: the bytes are only read, and the mapping is this value's own.
unsafe impl Send for FileBytes {}
// SAFETY: as above.
unsafe impl Sync for FileBytes {}

impl FileBytes {
    /// Maps `len` bytes of a file from an offset on, a multiple of a page.
    ///
    /// # Safety
    ///
    /// The bytes do not change, and the file does not become shorter, while this value lives.
    pub(super) unsafe fn new(file: &File, offset: u64, len: usize) -> Result<Self, ImageError> {
        let failed = |error: &io::Error| ImageError::system("mapping the image", error);
        let offset = libc::off_t::try_from(offset).map_err(|_| ImageError::TooLarge)?;
        // SAFETY: a new mapping at a place of the kernel's choice.
        let at = unsafe {
            libc::mmap(core::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), offset)
        };
        match NonNull::new(at.cast::<u8>()) {
            Some(mapped) if at != libc::MAP_FAILED => Ok(Self { at: mapped, len }),
            _ => Err(failed(&io::Error::last_os_error())),
        }
    }

    /// A part of the bytes; of a range outside of them, none.
    pub(super) fn part(&self, range: Range<usize>) -> &[u8] {
        self.get(range).unwrap_or_default()
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped, readable, and by the promise of `new` unchanged while this value lives.
        unsafe { core::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping, which nobody refers to any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.len) };
    }
}
