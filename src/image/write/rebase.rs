//! [`Rebase`]: an image for another window.
//!
//! ```text
//!   file    header │ index │ linked: each marked word moved by one distance │ leaf │ marks
//!           window, check                                                     all else as it was: the digest too
//! ```

use super::built::Built;
use super::output;
use super::progress::Progress;
use crate::image::format::{self, Header, ImageError, copied};
use crate::image::open::Image;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// An image, to be written for another window. Made by [`Image::rebase`].
///
/// ```
/// use permacode::{CodeArena, image::{Image, ImageWriter}};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let text: &&str = loader.alloc(loader.intern("text")?)?;
/// loader.seal()?;
/// let image = Image::open_sealed(ImageWriter::new(&arena).root("text", text)?.seal()?)?;
/// let moved = Image::open_sealed(image.rebase(image.window() + (8 << 30))?.seal()?)?;
/// assert_eq!((moved.window(), moved.digest()), (image.window() + (8 << 30), image.digest()));
/// assert_eq!(moved.verify(), Ok(()));
/// let arena = moved.check::<&str>()?.open()?;
/// assert_eq!((arena.why_not_shared(), arena.root::<&str>("text")), (None, Ok(&"text")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// Memory of the image's size, and a pass over its marks.
#[derive(Debug)]
pub struct Rebase(Built);

impl Image {
    /// Makes the same image for another window: for a program whose own window is taken where it runs.
    ///
    /// The address is that of the first byte of code, of the lowest image if it stands on others. All images of a chain are written for one
    /// address, each with this call. The digest is the same, so whoever pins it, and whoever stands on it, takes the new one too.
    ///
    /// # Errors
    ///
    /// [`ImageError::Window`] if it cannot lie there. [`ImageError::Memory`] if there is too little.
    ///
    /// See [`Rebase`] for an example.
    pub fn rebase(&self, window: usize) -> Result<Rebase, ImageError> {
        let (header, [index, code, marks]) = self.parts()?;
        let base = format::chosen(window, header.end())?;
        let distance = base.wrapping_sub(header.base());
        let header = Header { window: base + header.below, ..header.clone() };
        let (index, mut code, marks) = (copied(index)?, copied(code)?, copied(marks)?);
        format::move_marked(&mut code, &marks, distance);
        Ok(Rebase(Built { header, index, code, marks }))
    }
}

impl Rebase {
    /// Writes it to a file, as [`ImageWriter::write`](crate::image::ImageWriter::write) does. It may be the file that was opened.
    ///
    /// # Errors
    ///
    /// [`ImageError::System`] when the system refuses. The old file stays then.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ImageError> {
        output::refuse_devices(path.as_ref())?;
        output::replace(path.as_ref(), self.0.bytes(), |file| self.0.write_to(file, &mut Progress::default()))
    }

    /// Writes it to a sealed memory file, as [`ImageWriter::seal`](crate::image::ImageWriter::seal) does.
    ///
    /// # Errors
    ///
    /// [`ImageError::System`] when the system refuses.
    pub fn seal(&self) -> Result<File, ImageError> {
        output::sealed(self.0.bytes(), |file| self.0.write_to(file, &mut Progress::default()))
    }

    /// Writes it to a stream.
    ///
    /// # Errors
    ///
    /// [`ImageError::System`] for what the stream refuses.
    pub fn write_to(&self, stream: &mut impl Write) -> Result<(), ImageError> {
        let written = self.0.write_to(stream, &mut Progress::default());
        written.map_err(|error| ImageError::system("writing the image", &error))
    }
}
