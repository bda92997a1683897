//! [`Inspection`]: the header and the tables of an image, read and checked, and the file to read the rest from.

use super::part_file::PartFile;
use super::parts::{ModuleInfo, RootInfo, RunInfo, Section, SectionKind, TypeInfo};
use crate::image::embed::note_of;
use crate::image::format::{Digest, HEADER, Header, ImageError, Index, TablePlaces};
use crate::image::open::Image;
use crate::pages;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use std::fs::File;
use std::path::Path;

/// All that an image's file says of itself, without the types of the program that wrote it.
///
/// It is for tools and logs: sizes, types with their fields, modules, roots. [`Image`] is what a program opens.
///
/// ```
/// use permacode::{CodeArena, Mappable, Permanent, image::{ImageWriter, inspect::Inspection}};
///
/// #[derive(Permanent, Mappable)]
/// struct Code<'a> {
///     name: &'a str,
///     ops: &'a [u8],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("permacode-inspect-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("mylang.image");
/// let arena = CodeArena::new()?;
/// let loader = arena.load("library")?;
/// let main = loader.alloc(Code { name: loader.intern("main")?, ops: loader.alloc_slice_copy(&[1, 2, 3])? })?;
/// loader.seal()?;
/// let report = ImageWriter::new(&arena).version("mylang 3.2").root("main", main)?.write(&path)?;
///
/// let image = Inspection::open(&path)?;
/// assert_eq!((image.version(), image.digest()), ("mylang 3.2", report.digest));
/// for section in image.sections() {
///     println!("{:<8} {:>8} bytes", section.kind, section.range.end - section.range.start);
/// }
/// let types: Vec<_> = image.types().map(|of| (of.name, of.size)).collect();
/// assert_eq!(types, [("Code", 32), ("str", 1), ("u8", 1)]);
/// let roots: Vec<_> = image.roots().map(|root| (root.name, types[root.of].0)).collect();
/// assert_eq!(roots, [("main", "Code")]);
/// let modules: Vec<_> = image.modules().map(|module| (module.name, module.bytes)).collect();
/// assert_eq!(modules, [("library", 32 + 4 + 3)]);
/// assert_eq!(image.names()?, ["main"]);
/// image.verify(|_, _| ())?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # What is believed
///
/// Sizes, tables and their entries were checked: runs ascend, and lie in the code; types and modules have the numbers that are told. Names and texts may
/// be anything, so escape them before you print them to a terminal. [`verify`](Self::verify) looks at all else that needs no types.
///
/// # Cost
///
/// The header and the index are read. The code is not, however large it is.
pub struct Inspection {
    pub(super) file: PartFile,
    pub(super) header: Header,
    pub(super) index: Index,
    /// The index as it is in the file.
    pub(super) tables: Vec<u8>,
    pub(super) places: TablePlaces,
}

impl Inspection {
    /// Reads what the image in a file says of itself. The file begins with the image, or is a program that
    /// [carries](Image::embed) one.
    ///
    /// Whose file it is is not asked.
    ///
    /// # Errors
    ///
    /// [`ImageError::NoImage`] if there is none in it. [`ImageError::Untrusted`] if it is no regular file. Other errors say why it is not an
    /// image of this machine, or which call the system refused.
    ///
    /// ```
    /// use permacode::image::{ImageError, inspect::Inspection};
    ///
    /// assert_eq!(Inspection::open("/bin/sh").unwrap_err(), ImageError::NoImage);
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        PartFile::open(path.as_ref()).and_then(Self::find)
    }

    /// Does the same with a file that is open, such as [sealed memory](crate::image::ImageWriter::seal).
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    ///
    /// ```
    /// use permacode::image::{Image, ImageWriter, inspect::Inspection};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let image = Image::open_sealed(ImageWriter::new(&arena).version("1").seal()?)?;
    /// assert_eq!(Inspection::of(image.file().try_clone()?)?.version(), "1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(file: File) -> Result<Self, ImageError> {
        PartFile::of(file).and_then(Self::find)
    }

    /// Finds the image at the beginning, or by the note at the end.
    fn find(mut file: PartFile) -> Result<Self, ImageError> {
        let mut start = [0; 8];
        let is_image = file.len >= start.len() as u64 && {
            file.fill(&mut start, 0)?;
            Header::is_begun(&start)
        };
        if !is_image {
            let note = note_of(&file.file)?.ok_or(ImageError::NoImage)?;
            (file.offset, file.len) = (note.offset, note.len);
        }
        Self::read(file)
    }

    fn read(file: PartFile) -> Result<Self, ImageError> {
        let mut front = [0; HEADER];
        if file.len < front.len() as u64 {
            return Err(ImageError::Length { expected: HEADER as u64, found: file.len });
        }
        file.fill(&mut front, 0)?;
        let header = Header::read(&front, file.len)?;
        let mut tables = file.bytes(header.tables_range())?;
        let (index, places) = Index::read(&tables, &header)?;
        tables.truncate(header.index);
        Ok(Self { file, header, index, tables, places })
    }

    /// Copies the image to sealed memory, to open it, [rebase](Image::rebase) it or [embed](Image::embed) it. It may be one that a program carries.
    ///
    /// Whose file it is is not asked: [`Image::load`] is for a program that runs what is in it.
    ///
    /// # Errors
    ///
    /// [`ImageError::System`] when the system refuses. Others if the file has changed meanwhile.
    ///
    /// ```
    /// use permacode::image::{ImageWriter, inspect::Inspection};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).version("1").seal()?)?;
    /// assert_eq!(image.load()?.version(), "1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self) -> Result<Image, ImageError> {
        let file = pages::sealed_file(self.header.len(), |memory| self.file.copy_to(memory));
        Image::open_sealed(file.map_err(|error| ImageError::system("copying the image to sealed memory", &error))?)
    }

    /// Returns the place in the file where the image begins: 0, unless a program carries it.
    ///
    /// ```
    /// # use permacode::image::{ImageWriter, inspect::Inspection};
    /// # let arena = permacode::CodeArena::new()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).seal()?)?;
    /// assert_eq!(image.offset(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn offset(&self) -> u64 {
        self.file.offset
    }

    /// Returns the text that [`ImageWriter::version`](crate::image::ImageWriter::version) was given. The [type](Self)'s example uses it.
    pub fn version(&self) -> &str {
        &self.index.version
    }

    /// Returns the digest that the header has. [`verify`](Self::verify) compares it with the contents. The [type](Self)'s example uses it.
    pub fn digest(&self) -> Digest {
        self.header.digest
    }

    /// Returns the addresses that the image's own code was written for.
    ///
    /// ```
    /// # use permacode::image::{ImageWriter, inspect::Inspection};
    /// # let arena = permacode::CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let number = loader.alloc(7u32)?;
    /// # loader.seal()?;
    /// let writer = ImageWriter::new(&arena).root("number", number)?.at_window(0x4000_0010_0000);
    /// # #[cfg(target_arch = "x86_64")] {
    /// let image = Inspection::of(writer.seal()?)?;
    /// assert_eq!(image.window().start, 0x4000_0010_0000);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window(&self) -> Range<usize> {
        self.header.window..self.header.window + self.header.code()
    }

    /// Returns the digest of the image that this one [stands on](Image::on), and the bytes of code below it.
    ///
    /// ```
    /// # use permacode::image::{ImageWriter, inspect::Inspection};
    /// # let arena = permacode::CodeArena::new()?;
    /// assert_eq!(Inspection::of(ImageWriter::new(&arena).seal()?)?.parent(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parent(&self) -> Option<(Digest, usize)> {
        Some((self.header.parent?, self.header.below))
    }

    /// Returns the number of [sites](crate::Sites), those of the images below too.
    ///
    /// ```
    /// # use permacode::image::{ImageWriter, inspect::Inspection};
    /// # let arena = permacode::CodeArena::new()?;
    /// assert_eq!(Inspection::of(ImageWriter::new(&arena).seal()?)?.sites(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sites(&self) -> u64 {
        self.header.sites
    }

    /// Returns the size of pages, in bytes, of the system that wrote the image.
    ///
    /// ```
    /// # use permacode::image::{ImageWriter, inspect::Inspection};
    /// # let arena = permacode::CodeArena::new()?;
    /// assert!(Inspection::of(ImageWriter::new(&arena).seal()?)?.page() >= 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn page(&self) -> usize {
        self.header.page
    }

    /// Returns the sections of the file, one behind the other, without those that have no bytes. The [type](Self)'s example uses it.
    pub fn sections(&self) -> impl Iterator<Item = Section> {
        let Header { index, .. } = self.header;
        let (linked, leaf, marks) = (self.header.linked_range(), self.header.leaf_range(), self.header.marks_range());
        let sections = [
            (SectionKind::Header, 0..HEADER),
            (SectionKind::Index, HEADER..HEADER + index),
            (SectionKind::Padding, HEADER + index..linked.start),
            (SectionKind::Linked, linked),
            (SectionKind::Leaf, leaf),
            (SectionKind::Marks, marks),
        ];
        let section = |(kind, range): (_, Range<usize>)| Section { kind, range: range.start as u64..range.end as u64 };
        sections.into_iter().filter(|(_, range)| !range.is_empty()).map(section)
    }

    /// Returns the types that the image has values of, by their numbers. The [type](Self)'s example uses it.
    pub fn types(&self) -> impl ExactSizeIterator<Item = TypeInfo<'_>> {
        self.index.types.iter().map(TypeInfo::of)
    }

    /// Returns the modules that its values were loaded with, by their numbers. The [type](Self)'s example uses it.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = ModuleInfo<'_>> {
        // The sizes in the tables were compared with the runs.
        let tables = self.places.of(&self.tables);
        let bytes = move |number: usize| tables.module(number as u32).map_or(0, |(_, bytes)| bytes);
        self.index
            .modules
            .iter()
            .enumerate()
            .map(move |(number, of)| ModuleInfo { name: &of.name, bytes: bytes(number) })
    }

    /// Returns the roots, sorted by name. The [type](Self)'s example uses it.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = RootInfo<'_>> {
        self.index.roots.iter().map(|root| RootInfo { name: &root.name, of: root.of as usize, place: root.at })
    }

    /// Returns the runs: arrays of values of one type, by their place. Those with references come first. Between runs there are zeros.
    ///
    /// ```
    /// use permacode::image::{ImageWriter, inspect::Inspection};
    ///
    /// let arena = permacode::CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let numbers: &&[u32] = loader.alloc(loader.alloc_slice_copy(&[1u32, 2, 3])?)?;
    /// loader.seal()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).root("numbers", numbers)?.seal()?)?;
    /// let types: Vec<_> = image.types().map(|of| of.name).collect();
    /// let runs: Vec<_> = image.runs().map(|run| (types[run.of], run.values, run.bytes)).collect();
    /// assert_eq!(runs, [("&[]", 1, 16), ("u32", 3, 12)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn runs(&self) -> impl ExactSizeIterator<Item = RunInfo> {
        self.index.runs.iter().map(|run| RunInfo {
            of: run.of as usize,
            module: run.module as usize,
            start: run.start,
            values: run.len,
            bytes: run.bytes(&self.index.types).len(),
        })
    }
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection")
            .field("version", &self.version())
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}
