//! [`Image`]: a file, and who has said what of it.

use super::alike::Alike;
use super::backing::Backing;
use super::bytes::FileBytes;
use super::values::Values;
use crate::base::align;
use crate::code::CodeArena;
use crate::image::format::{Digest, Header, ImageError, TablePlaces, Tables, TypeEntry, TypePlace};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use std::fs::File;
use std::io;

/// An image of loaded code: a file, or sealed memory, that is not mapped at its window yet.
///
/// [`ImageWriter`](crate::image::ImageWriter) writes one, [`open`](Self::open) maps it. Before that two questions are answered, each by proof
/// or by your word:
///
/// | | proved | your word |
/// | --- | --- | --- |
/// | the bytes cannot change | [`load`](Self::load) copies them to sealed memory; [`open_sealed`](Self::open_sealed) asks the kernel | `unsafe` [`map`](Self::map), [`map_file`](Self::map_file) |
/// | they are values of the types | [`check`](Self::check) | `unsafe` [`trust`](Self::trust) |
///
/// ```
/// use permacode::{CodeArena, Mappable, Permanent, image::{Image, ImageWriter}};
///
/// #[derive(Permanent, Mappable)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("permacode-image-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("mylang-3.2.image");
/// // Once, when the program is installed or first run:
/// let arena = CodeArena::new()?;
/// let loader = arena.load("main")?;
/// let main = loader.alloc(Code { name: loader.intern("main")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })?;
/// loader.seal()?;
/// ImageWriter::new(&arena).version("mylang 3.2").root("main", main)?.write(&path)?;
///
/// // At every start:
/// let image = Image::load(&path)?.check::<Code<'_>>()?;
/// let code = image.open()?;
/// let main: &Code<'_> = code.root("main")?;
/// assert_eq!((main.name, main.ops), ("main", &[1, 2, 3][..]));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # Cost
///
/// Three words to clone, with a count. Making one reads the beginning of the file, by one call. The file is mapped when something asks for more: a
/// check, [`verify`](Self::verify), [`roots`](Self::roots). An arena maps it for itself.
#[derive(Clone)]
pub struct Image {
    pub(super) source: Arc<Source>,
    pub(super) values: Values,
    /// The image that this one stands on.
    pub(super) parent: Option<Arc<Image>>,
}

/// An image of a chain.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) source: Arc<Source>,
    pub(super) values: Values,
}

/// A file with an image, whose bytes do not change.
pub(super) struct Source {
    pub(super) backing: Backing,
    /// The place in the file where the image begins.
    pub(super) offset: u64,
    pub(super) header: Header,
    pub(super) version: String,
    /// The places of the tables in the index, of which no entry was read.
    pub(super) places: TablePlaces,
    /// All bytes from the header on, for who asks.
    pub(super) bytes: FileBytes,
    /// Which descriptions of this program were found to be those of its types.
    pub(super) alike: Alike,
}

impl Source {
    /// All bytes of the image, mapped.
    pub(super) fn mapped(&self) -> io::Result<&[u8]> {
        // SAFETY: always the source's own file, of which the promise of `Image::new` says the rest.
        unsafe { self.bytes.get(&self.backing.file) }
    }

    /// The same, for who asks of an image.
    pub(super) fn contents(&self) -> Result<&[u8], ImageError> {
        self.mapped().map_err(|error| ImageError::system("mapping the image", &error))
    }

    /// Some of its parts; of a range outside of the image, nothing.
    pub(super) fn parts<const N: usize>(&self, ranges: [Range<usize>; N]) -> Result<[&[u8]; N], ImageError> {
        let bytes = self.contents()?;
        Ok(ranges.map(|range| bytes.get(range).unwrap_or_default()))
    }

    /// The tables of the index.
    pub(super) fn tables(&self) -> Result<Tables<'_>, ImageError> {
        let [index] = self.parts([self.header.index_range()])?;
        Ok(self.places.of(index))
    }

    /// The types of the values.
    pub(super) fn type_places(&self) -> Result<Vec<TypePlace>, ImageError> {
        self.tables()?.type_places(&self.header)
    }

    /// The same, with their words.
    pub(super) fn types(&self) -> Result<Vec<TypeEntry>, ImageError> {
        self.tables()?.types(&self.header)
    }
}

impl Image {
    /// Puts the image onto the one that it stands on, which may stand on another.
    ///
    /// An image that was written as a [layer](crate::image::ImageWriter::layer) has what its arena loaded behind its own image, and names that one
    /// by its digest. It is checked and opened with it, and [`check`](Self::check) checks both. An arena that begins with it begins with all
    /// images of the chain, one behind the other.
    ///
    /// Call it before `check` or [`trust`](Self::trust): what was said of the image before is forgotten. The digest is what the parent's header
    /// says. If that counts, [`verify`](Self::verify) the parent first.
    ///
    /// # Errors
    ///
    /// [`ImageError::Parent`] if it stands on another image, or on none.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("library")?;
    /// let print: &&str = loader.alloc(loader.intern("print")?)?;
    /// loader.seal()?;
    /// let library = Image::open_sealed(ImageWriter::new(&arena).root("print", print)?.seal()?)?.check::<&str>()?;
    ///
    /// // A program on the library, written without it.
    /// let arena = CodeArena::builder().image(&library).build()?;
    /// let loader = arena.load("program")?;
    /// let main: &(&&str, u32) = loader.alloc((arena.root::<&str>("print")?, 7))?;
    /// loader.seal()?;
    /// let program = Image::open_sealed(ImageWriter::new(&arena).layer()?.root("main", main)?.seal()?)?;
    /// assert!(matches!(program.clone().check::<(&&str, u32)>(), Err(ImageError::NoParent(_))));
    ///
    /// let arena = program.on(&library)?.check::<(&&str, u32)>()?.open()?;
    /// let main: &(&&str, u32) = arena.root("main")?;
    /// assert!(std::ptr::eq(main.0, arena.root("print")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on(self, parent: &Self) -> Result<Self, ImageError> {
        parent.stands()?;
        let (own, below) = (&self.source.header, &parent.source.header);
        let expected = own.parent;
        if expected != Some(below.digest) {
            return Err(ImageError::Parent { expected, found: below.digest });
        }
        if align::align_up(below.end(), own.page) != Some(own.below) || own.sites < below.sites || own.tag != below.tag
        {
            return Err(ImageError::Header("it does not fit the image that it stands on"));
        }
        // What was said of the image was said of it on another one, or on none.
        Ok(Self { parent: Some(Arc::new(parent.clone())), values: Values::Checked(None), ..self })
    }

    /// Checks that the image has what it stands on.
    pub(super) fn stands(&self) -> Result<(), ImageError> {
        match self.source.header.parent {
            Some(digest) if self.parent.is_none() => Err(ImageError::NoParent(digest)),
            _ => Ok(()),
        }
    }

    /// Makes an arena that begins with the image, with all else as [`CodeArena::new`] has it: a short form of
    /// [`CodeArenaBuilder::image`](crate::code::CodeArenaBuilder::image).
    ///
    /// # Errors
    ///
    /// [`ImageError::Arena`] when the system grants no address space or no memory. [`ImageError::NoParent`] if it stands on an image that it was
    /// not put [on](Self::on).
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter}};
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?;
    /// let arena = image.open()?;
    /// assert_eq!(arena.root::<u32>("number"), Ok(&7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self) -> Result<CodeArena, ImageError> {
        self.stands()?;
        Ok(CodeArena::builder().image(self).build()?)
    }

    /// The images of the chain, the oldest first.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let chain = core::iter::successors(Some(self), |image| image.parent.as_deref());
        let mut layers: Vec<_> =
            chain.map(|image| Layer { source: image.source.clone(), values: image.values.clone() }).collect();
        layers.reverse();
        layers
    }

    /// Returns the address that the image was written for, of its first byte of code. If it stands on others, it is that of the lowest.
    ///
    /// See [`Rebase`](crate::image::Rebase) for an example.
    pub fn window(&self) -> usize {
        self.source.header.base()
    }

    /// The header, and the index, the code and the marks.
    pub(in crate::image) fn parts(&self) -> Result<(&Header, [&[u8]; 3]), ImageError> {
        let header = &self.source.header;
        let parts = self.source.parts([header.index_range(), header.code_range(), header.marks_range()])?;
        Ok((header, parts))
    }

    /// Returns the digest that the header has: the identity of the contents, if they are [verified](Self::verify).
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let mut file = Vec::new();
    /// let report = permacode::image::ImageWriter::new(&arena).write_to(&mut file)?;
    /// let image = permacode::image::Image::open_sealed(permacode::image::ImageWriter::new(&arena).seal()?)?;
    /// assert_eq!(image.digest(), report.digest);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> Digest {
        self.source.header.digest
    }

    /// Returns the text that [`ImageWriter::version`](crate::image::ImageWriter::version) was given.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let file = permacode::image::ImageWriter::new(&arena).version("mylang 3.2").seal()?;
    /// assert_eq!(permacode::image::Image::open_sealed(file)?.version(), "mylang 3.2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn version(&self) -> &str {
        &self.source.version
    }

    /// Returns the names of the roots, sorted.
    ///
    /// # Errors
    ///
    /// [`ImageError::System`] if the file has to be mapped for it, and the system refuses.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let (one, two) = (loader.alloc(1u32)?, loader.alloc(2u8)?);
    /// loader.seal()?;
    /// let file = permacode::image::ImageWriter::new(&arena).root("two", two)?.root("one", one)?.seal()?;
    /// assert!(permacode::image::Image::open_sealed(file)?.roots()?.eq(["one", "two"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn roots(&self) -> Result<impl Iterator<Item = &str>, ImageError> {
        let tables = self.source.tables()?;
        Ok((0..tables.roots()).filter_map(move |number| core::str::from_utf8(tables.root(number)?.0).ok()))
    }

    /// Returns the file, to give its descriptor to another process.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let image = permacode::image::Image::open_sealed(permacode::image::ImageWriter::new(&arena).seal()?)?;
    /// let again = permacode::image::Image::open_sealed(image.file().try_clone()?)?;
    /// assert_eq!(image.digest(), again.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn file(&self) -> &File {
        &self.source.backing.file
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("version", &self.version())
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}
