//! [`PartFile`]: bytes of a file from an offset on, read by copying.

use crate::image::format::{Distrust, ImageError, STEP, filled};
use alloc::vec::Vec;
use core::ops::Range;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A part of a file.
pub(super) struct PartFile {
    pub(super) file: File,
    /// The place in the file where the part begins.
    pub(super) offset: u64,
    /// Bytes of it.
    pub(super) len: u64,
}

impl PartFile {
    /// Opens all of a file. A pipe is not waited for.
    pub(super) fn open(path: &Path) -> Result<Self, ImageError> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        file.map_err(|error| ImageError::system("opening the image", &error)).and_then(Self::of)
    }

    /// All of a file that is open.
    pub(super) fn of(file: File) -> Result<Self, ImageError> {
        let metadata = file.metadata().map_err(|error| ImageError::system("looking at the image", &error))?;
        if !metadata.is_file() {
            return Err(ImageError::Untrusted(Distrust::NotAFile));
        }
        Ok(Self { file, offset: 0, len: metadata.len() })
    }

    /// Fills the buffer with the bytes from a place on.
    pub(super) fn fill(&self, buffer: &mut [u8], at: usize) -> Result<(), ImageError> {
        let at = self.offset.checked_add(at as u64).ok_or(ImageError::TooLarge)?;
        let read = self.file.read_exact_at(buffer, at);
        read.map_err(|error| match error.kind() {
            // It has become shorter since it was opened.
            io::ErrorKind::UnexpectedEof => {
                let found = self.file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(self.offset));
                ImageError::Length { expected: self.len, found }
            }
            _ => ImageError::system("reading the image", &error),
        })
    }

    /// The bytes of a range.
    pub(super) fn bytes(&self, range: Range<usize>) -> Result<Vec<u8>, ImageError> {
        let mut bytes = filled(0, range.len())?;
        self.fill(&mut bytes, range.start)?;
        Ok(bytes)
    }

    /// Copies all of the part. Where the descriptor reads next does not change, and is of no concern.
    pub(super) fn copy_to(&self, to: &mut File) -> io::Result<()> {
        let mut buffer = alloc::vec![0; STEP];
        let mut done = 0;
        while done < self.len {
            let buffer = &mut buffer[..(self.len - done).min(STEP as u64) as usize];
            self.file.read_exact_at(buffer, self.offset + done)?;
            to.write_all(buffer)?;
            done += buffer.len() as u64;
        }
        Ok(())
    }
}
