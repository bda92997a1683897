//! [`Image`]: a file, and who has said what of it.

use super::backing::Backing;
use super::bytes::FileBytes;
use super::check::{self, Below};
use super::check_names::check_names;
use super::check_options::CheckOptions;
use super::cycles;
use super::known::KnownTypes;
use super::verify::{self, Verify};
use crate::base::align;
use crate::code::CodeArena;
use crate::image::format::{Contents, Digest, Header, ImageError, Index, TablePlaces, Tables};
use crate::image::shape::{Mappable, Shape};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::fs::File;

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
/// Three words to clone, with a count. The file is mapped once for the header and the tables.
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
    /// The index, of which only the front was read.
    pub(super) index: Index,
    /// The places of the rest of it.
    pub(super) places: TablePlaces,
    pub(super) bytes: FileBytes,
}

impl Source {
    /// The tables of the index that are read where they lie.
    pub(super) fn tables(&self) -> Tables<'_> {
        self.places.of(self.bytes.part(self.header.index_range()))
    }
}

/// The one who says that bytes are values.
#[derive(Clone)]
pub(super) enum Values {
    /// The check, of these types. At first there are none.
    Checked(Arc<[&'static Shape]>),
    /// The user.
    Trusted,
}

impl Values {
    /// Returns `true` if values of a type may be read.
    pub(super) fn cover(&self, shape: &Shape) -> bool {
        match self {
            Self::Checked(shapes) => shapes.iter().any(|known| known.id() == shape.id()),
            Self::Trusted => true,
        }
    }
}

impl Image {
    /// Checks that all values of type `T`, and of the types that it leads to, are values. Values of types that `T` does not lead to are passed
    /// over; nothing that was checked refers to them.
    ///
    /// Call it once for each type of root, or once for a tuple that leads to all: `check::<(&Code, &Table)>()`. If a root leads into the middle
    /// of a value of another type, check that type first.
    ///
    /// It proves what the compiler relies on. A `bool` is 0 or 1, text is UTF-8, a reference leads to a value of its type. It does not prove that
    /// references make no cycle, which a program without [`Link`](crate::Link) could not have made. Nor does it prove what only your
    /// interpreter knows, such as jumps that stay within their code. For that a type names
    /// [a check of your own](crate::Mappable#a-check-of-your-own), which is called here.
    ///
    /// # Errors
    ///
    /// [`ImageError::BadValue`] says where the first bad value lies, and what is wrong. [`ImageError::Index`] if the tables are damaged.
    /// [`ImageError::Refused`] has the words of your own check. [`ImageError::System`] if there is no address space to map the image for it.
    ///
    /// # Panics
    ///
    /// If your own check does.
    ///
    /// # Cost
    ///
    /// Time in proportion to the file, whoever wrote it, and memory for the tables alone. If a type has a check of your own, the image is mapped
    /// once more, as by [`open`](Self::open), and unmapped.
    ///
    /// ```
    /// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let text: &&str = loader.alloc(loader.alloc_str("text")?)?;
    /// loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("text", text)?.seal()?)?;
    /// assert_eq!(image.open()?.root::<&str>("text").unwrap_err(), ImageError::NotChecked { of: "&str" });
    /// assert_eq!(image.check::<&str>()?.open()?.root::<&str>("text"), Ok(&"text"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check<T: Mappable>(self) -> Result<Self, ImageError> {
        self.check_with::<T>(CheckOptions::new())
    }

    /// Does the same as [`check`](Self::check), on several threads, or with a proof that references make no cycle.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check). [`ImageError::Cycle`] if cycles are looked for, and there is one.
    ///
    /// # Panics
    ///
    /// If your own check does.
    ///
    /// See [`CheckOptions`] for an example, and for what it costs.
    pub fn check_with<T: Mappable>(self, options: CheckOptions) -> Result<Self, ImageError> {
        self.check_shape(T::SHAPE, options)
    }

    fn check_shape(self, shape: &'static Shape, options: CheckOptions) -> Result<Self, ImageError> {
        self.stands()?;
        // Those below first: what this one leads to there is proved then.
        let parent = match self.parent.clone() {
            // A proof that there is no cycle is one of each image.
            Some(parent) if !options.acyclic && parent.is_known(shape)? => Some(parent),
            Some(parent) => Some(Arc::new(Self::clone(&parent).check_shape(shape, options)?)),
            None => None,
        };
        let this = Self { parent, ..self };
        let types = this.known_types(Some(shape))?;
        this.check_types(&types, options)?;
        let values = match this.values {
            Values::Trusted => Values::Trusted,
            Values::Checked(_) => Values::Checked(types.shapes.iter().map(|known| known.1).collect()),
        };
        Ok(Self { values, ..this })
    }

    /// The types that were checked, and those that one more leads to.
    fn known_types(&self, shape: Option<&'static Shape>) -> Result<KnownTypes, ImageError> {
        let index = &self.source.index;
        let mut types = KnownTypes::new(index);
        if let Values::Checked(shapes) = &self.values {
            shapes.iter().try_for_each(|shape| types.learn(shape, index))?;
        }
        shape.map_or(Ok(()), |shape| types.learn(shape, index))?;
        Ok(types)
    }

    /// Returns `true` if there is nothing to be checked for a type: somebody has vouched for it, or all that it leads to was checked.
    fn is_known(&self, shape: &'static Shape) -> Result<bool, ImageError> {
        let (before, after) = (self.known_types(None)?.shapes.len(), self.known_types(Some(shape))?.shapes.len());
        let here = matches!(self.values, Values::Trusted) || before == after && before != 0;
        Ok(here && self.parent.as_ref().map_or(Ok(true), |parent| parent.is_known(shape))?)
    }

    /// Checks the values of types, but for those that were checked.
    fn check_types(&self, types: &KnownTypes, options: CheckOptions) -> Result<(), ImageError> {
        let Source { header, bytes, .. } = &*self.source;
        let index = Index::read(bytes.part(header.index_range()), header)?;
        let (code, marks) = (bytes.part(header.code_range()), bytes.part(header.marks_range()));
        let before = self.known_types(None)?;
        let below = self.below(types)?;
        check::check(types, &before, &below, header, &index, code, marks, options.threads)?;
        check_names(self.source.tables(), &index, code)?;
        if options.acyclic {
            cycles::refuse(types, header, &index, code)?;
        }
        if types.shapes.len() > before.shapes.len() && verify::is_needed(types) {
            let arena = CodeArena::builder().image(self).reservation(1).build()?;
            // SAFETY: they were checked right above, or before. The arena begins with this image.
            unsafe { Verify::new(types, &index, code, &arena) }.all(options.threads)?;
        }
        Ok(())
    }

    /// The images below, with the types that are proved there or vouched for, of those that this program asks for.
    fn below(&self, types: &KnownTypes) -> Result<Vec<Below>, ImageError> {
        let images = core::iter::successors(self.parent.as_deref(), |image| image.parent.as_deref());
        let below = images.map(|image| {
            let mut known = image.known_types(None)?;
            if let Values::Trusted = image.values {
                types.asked.iter().try_for_each(|shape| known.learn(shape, &image.source.index))?;
            }
            Ok(Below::new(image.source.clone(), known))
        });
        below.collect()
    }

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
        Ok(Self { parent: Some(Arc::new(parent.clone())), values: Values::Checked(Arc::from([])), ..self })
    }

    /// Checks that the image has what it stands on.
    pub(super) fn stands(&self) -> Result<(), ImageError> {
        match self.source.header.parent {
            Some(digest) if self.parent.is_none() => Err(ImageError::NoParent(digest)),
            _ => Ok(()),
        }
    }

    /// Takes your word that all bytes are values.
    ///
    /// # Safety
    ///
    /// 1. The image is as [`ImageWriter`](crate::image::ImageWriter) wrote it. A digest that you know proves it: see [`pin`](Self::pin).
    /// 2. If it stands [on others](Self::on), they are those that it was written on, and they are so too.
    ///
    /// ```
    /// # use permacode::{CodeArena, image::{Image, ImageWriter}};
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?;
    /// // SAFETY: written right here.
    /// let image = unsafe { image.trust() };
    /// assert_eq!(image.open()?.root::<u32>("number"), Ok(&7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub unsafe fn trust(self) -> Self {
        Self { values: Values::Trusted, ..self }
    }

    /// Checks that the contents are those of the digest in the header: that no bit has changed since the image was written.
    ///
    /// Whoever changed it on purpose changed the digest too. [`pin`](Self::pin) compares with one that you know.
    ///
    /// # Errors
    ///
    /// [`ImageError::Digest`], with both.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let image = permacode::image::Image::open_sealed(permacode::image::ImageWriter::new(&arena).seal()?)?;
    /// assert_eq!(image.verify(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<(), ImageError> {
        self.compare(self.digest())
    }

    /// Checks that the contents have this digest. Then they are those that were written with it, whoever wrote the file.
    ///
    /// # Errors
    ///
    /// [`ImageError::Digest`], with both.
    ///
    /// ```
    /// use permacode::image::{Digest, Image, ImageError, ImageWriter};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).seal()?)?;
    /// let known = image.digest();
    /// assert!(image.clone().pin(known).is_ok());
    /// assert!(matches!(image.pin(Digest::from_bytes([0; 32])), Err(ImageError::Digest { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pin(self, digest: Digest) -> Result<Self, ImageError> {
        self.compare(digest)?;
        Ok(self)
    }

    fn compare(&self, expected: Digest) -> Result<(), ImageError> {
        let Source { header, bytes, .. } = &*self.source;
        let [index, linked, leaf, marks] =
            [header.index_range(), header.linked_range(), header.leaf_range(), header.marks_range()]
                .map(|range| bytes.part(range));
        let (below, sites) = ((header.parent, header.below), (header.sites, header.tag));
        let found = Contents { index, linked, leaf, marks, base: header.base(), below, sites }.digest(|_| ());
        if found == expected { Ok(()) } else { Err(ImageError::Digest { expected, found }) }
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
    pub(in crate::image) fn parts(&self) -> (&Header, [&[u8]; 3]) {
        let Source { header, bytes, .. } = &*self.source;
        (header, [header.index_range(), header.code_range(), header.marks_range()].map(|range| bytes.part(range)))
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
        &self.source.index.version
    }

    /// Returns the names of the roots, sorted.
    ///
    /// ```
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let (one, two) = (loader.alloc(1u32)?, loader.alloc(2u8)?);
    /// loader.seal()?;
    /// let file = permacode::image::ImageWriter::new(&arena).root("two", two)?.root("one", one)?.seal()?;
    /// assert!(permacode::image::Image::open_sealed(file)?.roots().eq(["one", "two"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.source.index.roots.iter().map(|root| root.name.as_str())
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
