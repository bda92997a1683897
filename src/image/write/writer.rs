//! [`ImageWriter`]: roots, a version, and where the image goes.

use super::built::Built;
use super::footing::Footing;
use super::output;
use super::progress::{Progress, WriteProgress};
use crate::base::page::PageSize;
use crate::code::CodeArena;
use crate::image::format::{Digest, ImageError};
use crate::image::shape::{Mappable, Shape};
use crate::pages;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes an image: a snapshot of what some roots lead to, in the form in which any process can map it.
///
/// The types are those of the arena, with `#[derive(Mappable)]` beside `#[derive(Permanent)]`. Cycles, sharing, parts of slices, and
/// references into structs and arrays are kept. Values outside of the arena, such as constants of the program, are copied in and counted.
/// Blocks of another arena that this one keeps are refused.
///
/// ```
/// use permacode::{CodeArena, Mappable, Permanent, image::ImageWriter};
///
/// #[derive(Permanent, Mappable)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("json")?;
/// let json: &Code<'_> = loader.alloc(Code { name: loader.intern("loads")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })?;
/// loader.seal()?;
///
/// let mut file = Vec::new();
/// let report = ImageWriter::new(&arena).version("mylang 3.2").root("json", json)?.write_to(&mut file)?;
/// assert_eq!((report.bytes, report.blocks, report.references), (file.len(), 3, 2));
/// # Ok(())
/// # }
/// ```
///
/// # Same graph, same bytes
///
/// The bytes depend on what the roots lead to, on the roots' names and on the version. They do not depend on the process, on addresses, on the
/// order of loading or on threads. Bytes that no type defines, such as padding, are zero.
///
/// # What is left behind
///
/// - Blocks that no root leads to.
/// - Numbers of [`Sites`](crate::Sites): those of the image are `0..n`, in the order in which they are met.
///
/// # Cost
///
/// Memory of the image's size. Beside it some 64 bytes for each block, 4 for each reference, and a quarter of the code that is looked at.
/// [`seal`](Self::seal) holds the image twice while it fills the memory file.
///
/// # Variance
///
/// Covariant in `'a`.
pub struct ImageWriter<'a> {
    arena: &'a CodeArena,
    version: String,
    /// Sorted by name.
    roots: BTreeMap<String, (*const u8, &'static Shape)>,
    /// The address that was chosen.
    window: Option<usize>,
    /// `true` if the arena's image is below, and not written again.
    is_layer: bool,
    progress: Progress<'a>,
}

/// The contents of an image that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteReport {
    /// Bytes of the file.
    pub bytes: usize,
    /// Values, slices and texts that were written, each once.
    pub blocks: usize,
    /// Those of them that lay outside of the arena.
    pub copied: usize,
    /// References, and links that are set.
    pub references: usize,
    /// Links that are not set. They stay so for ever.
    pub unset_links: usize,
    /// Site numbers.
    pub sites: u64,
    /// The digest of the contents.
    pub digest: Digest,
}

impl<'a> ImageWriter<'a> {
    /// Makes a writer without roots. Costs nothing.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let report = permacode::image::ImageWriter::new(&arena).write_to(&mut Vec::new())?;
    /// assert_eq!(report.blocks, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(arena: &'a CodeArena) -> Self {
        let (version, roots) = (String::new(), BTreeMap::new());
        Self { arena, version, roots, window: None, is_layer: false, progress: Progress::default() }
    }

    /// Sets a text that is kept with the image, such as the version of the interpreter. It counts in the digest. 64 KiB are the most.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let digest = |version| permacode::image::ImageWriter::new(&arena).version(version).write_to(&mut Vec::new()).map(|report| report.digest);
    /// assert_ne!(digest("3.1")?, digest("3.2")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Chooses the address that the image is written for, in place of one that its contents determine.
    ///
    /// An arena that begins with the image has its records in front of it, up to 1 MiB, and its further code behind. So images that one process has
    /// at once need windows that lie that far apart; 4 GiB are enough for arenas of the default size. What is chosen does not count in the digest.
    ///
    /// An address that cannot be one is refused when the image is written, by [`ImageError::Window`], which says what can.
    ///
    /// ```
    /// use permacode::image::{Image, ImageError, ImageWriter};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let refused = ImageWriter::new(&arena).at_window(100).seal().unwrap_err();
    /// let ImageError::Window { from, .. } = refused else { panic!("{refused}") };
    /// let one = Image::open_sealed(ImageWriter::new(&arena).at_window(from).seal()?)?;
    /// let other = Image::open_sealed(ImageWriter::new(&arena).at_window(from + (1 << 20)).seal()?)?;
    /// assert_eq!(one.digest(), other.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn at_window(mut self, address: usize) -> Self {
        self.window = Some(address);
        self
    }

    /// Writes no more than what the arena's own image does not have: a layer that stands on it.
    ///
    /// The arena began with [an image](crate::code::CodeArenaBuilder::image), and more was loaded. A layer names that image by its digest, and is
    /// opened [on](crate::image::Image::on) it. Its references lead into it, or into one below. A chain may be of any length, and any number
    /// of layers may stand on one image. Without this call all is written that the roots lead to, what came from an image too. So two layers
    /// become one image when the modules of both are loaded into one arena.
    ///
    /// A layer's [window](Self::at_window) is the place behind the image that it stands on, whatever is chosen.
    ///
    /// # Errors
    ///
    /// [`ImageError::NoImageBelow`] if the arena began with no image.
    ///
    /// ```
    /// use permacode::image::{ImageError, ImageWriter};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// assert_eq!(ImageWriter::new(&arena).layer().unwrap_err(), ImageError::NoImageBelow);
    /// # Ok::<(), permacode::Error>(())
    /// ```
    ///
    /// See [`Image::on`](crate::image::Image::on) for a program on a library.
    pub fn layer(mut self) -> Result<Self, ImageError> {
        self.arena.image_below().ok_or(ImageError::NoImageBelow)?;
        self.is_layer = true;
        Ok(self)
    }

    /// Tells a function now and then how far the writing has come, on the thread that writes.
    ///
    /// ```
    /// use permacode::image::{ImageWriter, WritePhase};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let mut bytes = 0;
    /// let writer = ImageWriter::new(&arena).progress(|progress| {
    ///     if progress.phase == WritePhase::Output {
    ///         bytes = progress.done;
    ///     }
    /// });
    /// let report = writer.write_to(&mut Vec::new())?;
    /// assert_eq!(bytes, report.bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(mut self, told: impl FnMut(WriteProgress) + 'a) -> Self {
        self.progress = Progress(Some(Box::new(told)));
        self
    }

    /// Adds a value by a name. It is written, with all that it leads to.
    ///
    /// # Errors
    ///
    /// [`ImageError::DuplicateRoot`] if there is one of this name.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let (one, two) = (loader.alloc(1u32)?, loader.alloc(2u32)?);
    /// loader.seal()?;
    /// let writer = ImageWriter::new(&arena).root("one", one)?;
    /// assert_eq!(writer.root("one", two).unwrap_err(), ImageError::DuplicateRoot("one".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root<T: Mappable>(mut self, name: &str, value: &'a T) -> Result<Self, ImageError> {
        if self.roots.insert(name.to_owned(), (core::ptr::from_ref(value).cast(), T::SHAPE)).is_some() {
            return Err(ImageError::DuplicateRoot(name.to_owned()));
        }
        Ok(self)
    }

    /// Writes the image to a file. Whoever opens the path finds the old file or the whole new one. That holds if the process is killed, and if
    /// the disk is full.
    ///
    /// It is written without a name, or under one that begins with a dot, in the same folder. It is synchronised, and then renamed. Only
    /// its owner may write to it.
    ///
    /// # Errors
    ///
    /// [`ImageError::StillOpen`], [`ImageError::ForeignSites`], [`ImageError::OtherArena`], [`ImageError::Executable`],
    /// [`ImageError::Interior`], [`ImageError::Alignment`], [`ImageError::Version`], [`ImageError::Window`], [`ImageError::TooLarge`] and
    /// [`ImageError::Memory`] for what cannot be written. [`ImageError::System`] when the system refuses, and for a path to a device, a pipe or
    /// a socket, which no file replaces. The old file stays then. There is one exception: if the folder cannot be synchronised, the new file is
    /// in its place, and may be gone after a power cut.
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("permacode-write-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let number = loader.alloc(7u32)?;
    /// loader.seal()?;
    /// let path = folder.join("mylang-3.2.image");
    /// let report = permacode::image::ImageWriter::new(&arena).root("number", number)?.write(&path)?;
    /// assert_eq!(std::fs::metadata(&path)?.len(), report.bytes as u64);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(mut self, path: impl AsRef<Path>) -> Result<WriteReport, ImageError> {
        output::refuse_devices(path.as_ref())?;
        let (built, report) = self.build()?;
        output::replace(path.as_ref(), built.bytes(), |file| built.write_to(file, &mut self.progress))?;
        Ok(report)
    }

    /// Writes the image to a sealed memory file, which has no path, and which nobody can change. Give its descriptor to other processes.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let number = loader.alloc(7u32)?;
    /// loader.seal()?;
    /// let file = permacode::image::ImageWriter::new(&arena).root("number", number)?.seal()?;
    /// assert!(std::io::Write::write(&mut &file, b"changed").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seal(mut self) -> Result<File, ImageError> {
        let (built, _) = self.build()?;
        output::sealed(built.bytes(), |file| built.write_to(file, &mut self.progress))
    }

    /// Writes the image to a stream: a socket, an archive, a buffer.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); [`ImageError::System`] for what the stream refuses.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let mut stream = Vec::new();
    /// permacode::image::ImageWriter::new(&arena).write_to(&mut stream)?;
    /// assert!(stream.starts_with(b"permacde"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_to(mut self, stream: &mut impl Write) -> Result<WriteReport, ImageError> {
        let (built, report) = self.build()?;
        built.write_to(stream, &mut self.progress).map_err(|error| ImageError::system("writing the image", &error))?;
        Ok(report)
    }

    fn build(&mut self) -> Result<(Built, WriteReport), ImageError> {
        let page = PageSize::new(pages::page_of_system()).ok_or(ImageError::TooLarge)?;
        let footing = if self.is_layer { Footing::of(self.arena, page)? } else { Footing::ground() };
        // SAFETY: roots are values of their types, which live as long as the writer's `'a`, and so does the arena.
        unsafe { Built::new(self.arena, (footing, page), &self.version, &self.roots, self.window, &mut self.progress) }
    }
}

impl fmt::Debug for ImageWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageWriter")
            .field("version", &self.version)
            .field("roots", &self.roots.keys())
            .finish_non_exhaustive()
    }
}
