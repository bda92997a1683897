//! [`ImageOptions`]: whose files are read as images.

use super::backing::Backing;
use super::image::Image;
use super::trust;
use crate::image::format::{HEADER, Header, ImageError};
use crate::pages;
use alloc::vec::Vec;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The choices of how a file becomes an [`Image`]: whose files are trusted. [`Image::options`] makes them.
///
/// By default files of the effective user and of root are. Others are named, one by one.
///
/// ```
/// use permacode::image::{Image, ImageError};
///
/// # fn open(path: &std::path::Path) -> Result<Image, ImageError> {
/// // An account of its own builds the images of all users.
/// const BUILDER: u32 = 990;
/// let image = Image::options().trust_owner(BUILDER).load(path)?;
/// # Ok(image)
/// # }
/// # let folder = std::env::temp_dir().join(format!("permacode-options-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("mylang.image");
/// # permacode::image::ImageWriter::new(&permacode::CodeArena::new()?).write(&path)?;
/// # assert!(open(&path).is_ok());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # The meaning of trust
///
/// Whoever owns the file can change it, and chooses the code that your interpreter runs, with the rights of this process. A check proves that the
/// values are values; it does not prove that the code is what you want. Trust an owner as you would trust the author of a program that
/// you start. To accept one file, and not all files of an owner, [pin](Image::pin) its digest.
#[derive(Clone, Debug, Default)]
pub struct ImageOptions {
    owners: Vec<u32>,
}

impl Image {
    /// Returns the choices by which [`load`](Self::load) and [`map`](Self::map) open a file, to change them.
    ///
    /// See [`ImageOptions`] for an example.
    pub fn options() -> ImageOptions {
        ImageOptions::default()
    }
}

impl ImageOptions {
    /// Trusts the files of one more user, by the user's number. See [above](Self#the-meaning-of-trust) for what that means.
    ///
    /// A file that its group or others may write to is refused all the same.
    ///
    /// See [`ImageOptions`] for an example.
    #[must_use]
    pub fn trust_owner(mut self, user: u32) -> Self {
        self.owners.push(user);
        self
    }

    /// Does what [`Image::load`] does, with these choices.
    ///
    /// # Errors
    ///
    /// Those of [`Image::load`].
    ///
    /// See [`ImageOptions`] for an example.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Image, ImageError> {
        let (file, len) = trust::open(path.as_ref(), &self.owners)?;
        let bytes = usize::try_from(len).map_err(|_| ImageError::TooLarge)?;
        // A file that is no image is not copied.
        let mut front = [0; HEADER];
        if bytes < front.len() {
            return Err(ImageError::NoImage);
        }
        file.read_exact_at(&mut front, 0).map_err(|error| ImageError::system("reading the image", &error))?;
        Header::read(&front, len)?;
        // The kernel copies, where it can: no byte comes to this process.
        let file = pages::sealed_file(bytes, |memory| io::copy(&mut (&file).take(len), memory).map(drop));
        Image::open_sealed(file.map_err(|error| ImageError::system("copying the image to sealed memory", &error))?)
    }

    /// Does what [`Image::map`] does, with these choices.
    ///
    /// # Safety
    ///
    /// As for [`Image::map`]: nobody writes to the file, or makes it shorter, while it is mapped. An owner who is trusted keeps to that too.
    ///
    /// # Errors
    ///
    /// Those of [`Image::map`].
    ///
    /// ```
    /// # use permacode::image::{Image, ImageError};
    /// // SAFETY: there is no such file.
    /// let refused = unsafe { Image::options().trust_owner(990).map("/nowhere/mylang.image") };
    /// assert!(matches!(refused, Err(ImageError::System { .. })));
    /// ```
    pub unsafe fn map(&self, path: impl AsRef<Path>) -> Result<Image, ImageError> {
        let (file, len) = trust::open(path.as_ref(), &self.owners)?;
        // SAFETY: the caller's promise.
        unsafe { Image::new(Backing::opened(file), 0, len) }
    }
}
