//! [`CheckOptions`]: how an image is checked.

/// The choices of [`Image::check_with`](crate::image::Image::check_with).
///
/// ```
/// use permacode::{CodeArena, image::{CheckOptions, Image, ImageWriter}};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let text: &&str = loader.alloc(loader.alloc_str("text")?)?;
/// loader.seal()?;
/// let image = Image::open_sealed(ImageWriter::new(&arena).root("text", text)?.seal()?)?;
/// let options = CheckOptions::new().threads(4).acyclic();
/// assert_eq!(image.check_with::<&str>(options)?.open()?.root::<&str>("text"), Ok(&"text"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    pub(super) threads: usize,
    pub(super) acyclic: bool,
}

impl CheckOptions {
    /// Returns the choices of [`Image::check`](crate::image::Image::check): one thread, and cycles are not looked for.
    ///
    /// ```
    /// assert_eq!(permacode::image::CheckOptions::new(), permacode::image::CheckOptions::default());
    /// ```
    pub const fn new() -> Self {
        Self { threads: 1, acyclic: false }
    }

    /// Checks on so many threads: the calling one, and others that end with the check. 0 means 1. The answer is the same, the first error too.
    ///
    /// If the system refuses a thread, fewer do the work.
    ///
    /// ```
    /// let all = std::thread::available_parallelism().map_or(1, |count| count.get());
    /// assert_ne!(permacode::image::CheckOptions::new().threads(all + 1), permacode::image::CheckOptions::new());
    /// ```
    #[must_use]
    pub const fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Proves too that references make no cycle, so that a program which follows them comes to an end. References are `&T`, `&[T]`, `&str` and
    /// `Name`; a [`Link`](crate::Link) is none. A program without links cannot make such a cycle, but a file can have one.
    ///
    /// A value that refers to a part of itself counts as a cycle. An element of a slice is a value of its own.
    ///
    /// # Cost
    ///
    /// One more pass, on one thread. At most 24 bytes for each reference, and 3 bits for each value that has references.
    ///
    /// ```
    /// assert_ne!(permacode::image::CheckOptions::new().acyclic(), permacode::image::CheckOptions::new());
    /// ```
    #[must_use]
    pub const fn acyclic(self) -> Self {
        Self { acyclic: true, ..self }
    }
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self::new()
    }
}
