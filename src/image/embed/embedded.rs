//! From a program to the image behind it.

use super::note::{NOTE, Note};
use crate::image::format::ImageError;
use crate::image::open::{Backing, Image};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

impl Image {
    /// Maps the image that the running program carries, as [`embed`](Self::embed) put it there. All processes of the program share its pages.
    ///
    /// It is the file that runs, whatever its path leads to by now, and if it has none any more.
    ///
    /// # Safety
    ///
    /// As for [`map`](Self::map), of the program's file. Linux refuses to write to a file that runs as a program; some kernels around 6.11 do not.
    /// Installers replace it.
    ///
    /// # Errors
    ///
    /// [`ImageError::NoImage`] if the program carries none. [`ImageError::System`] if there is no `/proc`. Other errors say why the image is not one of
    /// this machine.
    ///
    /// ```
    /// use permacode::image::{Image, ImageError};
    ///
    /// // SAFETY: nobody writes to a program that runs.
    /// match unsafe { Image::of_current_exe() } {
    ///     Ok(image) => assert!(image.verify().is_ok()),
    ///     Err(why) => assert_eq!(why, ImageError::NoImage), // so is this example's: load from sources
    /// }
    /// ```
    pub unsafe fn of_current_exe() -> Result<Self, ImageError> {
        let file = File::open("/proc/self/exe").map_err(|error| failed(&error))?;
        // SAFETY: the caller's promise.
        unsafe { Self::carried(Backing::opened(file)) }
    }

    /// Maps the image that a program carries. Whose file it is is not asked.
    ///
    /// # Safety
    ///
    /// As for [`map`](Self::map).
    ///
    /// # Errors
    ///
    /// As for [`of_current_exe`](Self::of_current_exe).
    ///
    /// ```
    /// use permacode::image::{Image, ImageError};
    ///
    /// let shell = std::fs::File::open("/bin/sh")?;
    /// // SAFETY: nobody writes to it.
    /// assert_eq!(unsafe { Image::of_program(shell) }.unwrap_err(), ImageError::NoImage);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub unsafe fn of_program(file: File) -> Result<Self, ImageError> {
        // SAFETY: the caller's promise.
        unsafe { Self::carried(Backing::given(file)) }
    }

    /// # Safety
    ///
    /// As for [`map`](Self::map).
    unsafe fn carried(program: Backing) -> Result<Self, ImageError> {
        let note = note_of(&program.file)?.ok_or(ImageError::NoImage)?;
        // SAFETY: the caller's promise.
        unsafe { Self::new(program, note.offset, note.len) }
    }
}

/// The note at the end of a file, if there is one.
pub(in crate::image) fn note_of(file: &File) -> Result<Option<Note>, ImageError> {
    let len = file.metadata().map_err(|error| failed(&error))?.len();
    let Some(at) = len.checked_sub(NOTE as u64) else { return Ok(None) };
    let mut bytes = [0; NOTE];
    file.read_exact_at(&mut bytes, at).map_err(|error| failed(&error))?;
    Ok(Note::read(&bytes, len))
}

fn failed(error: &io::Error) -> ImageError {
    ImageError::system("reading the program", error)
}
