//! [`ImageWriter`]: roots, a version, and where the image goes.

use super::copy::Copy;
use super::layout::Layout;
use super::output;
use super::overlay::Overlay;
use super::survey::Survey;
use crate::base::page::PageSize;
use crate::code::CodeArena;
use crate::code::value::Sites;
use crate::image::format::{self, Digest, Header, ImageError, Index, ModuleEntry, NameTable, Root, TypeEntry};
use crate::image::shape::{Fingerprint, Mappable, Shape};
use crate::pages;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes an image: a snapshot of what some roots lead to, in the form in which any process can map it.
///
/// The types are those of the arena, with `#[derive(Mappable)]` beside `#[derive(Permanent)]`. Cycles, sharing, parts of slices, and
/// references into structs and arrays are kept. Values outside of the arena, such as constants of the program, are copied in.
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
/// - The alignment and the zeros that [`alloc_padded`](crate::Loader::alloc_padded) adds to bytes: an image aligns values as their type asks.
/// - Blocks that no root leads to.
/// - Numbers of [`Sites`]: those of the image are `0..n`, in the order in which they are met.
///
/// # Cost
///
/// Memory of twice the image's size, and some 64 bytes for each block.
///
/// # Variance
///
/// Covariant in `'a`.
pub struct ImageWriter<'a> {
    arena: &'a CodeArena,
    version: String,
    /// Sorted by name.
    roots: BTreeMap<String, (*const u8, &'static Shape)>,
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
        Self { arena, version: String::new(), roots: BTreeMap::new() }
    }

    /// Sets a text that is kept with the image, such as the version of the interpreter. It counts in the digest.
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
    /// [`ImageError::StillOpen`], [`ImageError::ForeignSites`], [`ImageError::Interior`], [`ImageError::Alignment`],
    /// [`ImageError::TooLarge`] and [`ImageError::Memory`] for what cannot be written. [`ImageError::System`] when the system refuses. The old file stays then.
    /// There is one exception: if the folder cannot be synchronised, the new file is in its place, and may be gone after a power cut.
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
    pub fn write(self, path: impl AsRef<Path>) -> Result<WriteReport, ImageError> {
        let (bytes, report) = self.build()?;
        output::replace(path.as_ref(), |file| file.write_all(&bytes))?;
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
    pub fn seal(self) -> Result<File, ImageError> {
        let (bytes, _) = self.build()?;
        output::sealed(&bytes)
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
    pub fn write_to(self, stream: &mut impl Write) -> Result<WriteReport, ImageError> {
        let (bytes, report) = self.build()?;
        stream.write_all(&bytes).map_err(|error| ImageError::system("writing the image", &error))?;
        Ok(report)
    }

    fn build(self) -> Result<(Vec<u8>, WriteReport), ImageError> {
        let mut survey = Survey::new(self.arena);
        for &(at, shape) in self.roots.values() {
            // SAFETY: a value of this type, which lives as long as the writer's `'a`.
            unsafe { survey.root(at, shape) }?;
        }
        let root_types: Vec<u32> = self.roots.values().map(|&(_, shape)| survey.number_of(shape)).collect();
        if let Some(shape) = survey.types.iter().find(|shape| shape.align() > PAGE) {
            return Err(ImageError::Alignment { of: shape.name(), align: shape.align() });
        }
        let overlay = Overlay::new(&survey.pieces, &survey.types)?;
        let page = PageSize::new(pages::page_of_system()).ok_or(ImageError::TooLarge)?;
        let layout = Layout::new(&survey, &overlay, page)?;
        let roots = self.roots.iter().zip(root_types).map(|((name, &(at, shape)), of)| {
            // SAFETY: as above.
            let piece = unsafe { survey.piece_at(at, shape) };
            let at = piece.map_or(0, |piece| {
                let placement = overlay.placements[piece as usize];
                layout.places[placement.block as usize] + placement.offset
            });
            Root { name: name.clone(), of, at }
        });
        let index = Index {
            version: self.version,
            types: survey.types.iter().map(|&shape| type_entry(shape)).collect(),
            modules: survey.modules.iter().map(|&name| ModuleEntry { name: name.to_owned() }).collect(),
            roots: roots.collect(),
            runs: layout.runs.clone(),
            names: names(&survey, &overlay, &layout),
        }
        .write();
        let mut header = Header {
            page: page.bytes(),
            index: index.len(),
            linked: layout.linked,
            leaf: layout.leaf,
            window: 0,
            below: 0,
            parent: None,
            sites: survey.sites,
            tag: 0,
            digest: Digest::from_bytes([0; 32]),
        };
        header.fits()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(header.len()).map_err(|_| ImageError::Memory { bytes: header.len() })?;
        bytes.resize(header.len(), 0);
        bytes[header.index_range()].copy_from_slice(&index);
        let (front, marks) = bytes.split_at_mut(header.marks_range().start);
        let code = &mut front[header.code_range()];
        // SAFETY: what the roots lead to lives as long as the writer's `'a`.
        let sites = unsafe { Copy::all(&survey, &overlay, &layout, code, marks) }?;

        // The image's own tag is a function of its tables: of the names, types and sizes of all that is in it.
        let [low, high, ..] = *blake3::hash(&index).as_bytes();
        header.tag = Sites::set_tags(code, &sites, u16::from_le_bytes([low, high]));
        let (linked, leaf) = code.split_at(layout.linked);
        header.digest = format::contents(&index, linked, leaf, marks, &header);
        header.window = format::slot(&header.digest, header.code())?;
        format::move_marked(code, marks, header.window);
        let written = header.write();
        bytes[..written.len()].copy_from_slice(&written);
        let report = WriteReport {
            bytes: bytes.len(),
            blocks: overlay.blocks.len(),
            copied: survey.copied,
            references: survey.references,
            unset_links: survey.unset,
            sites: survey.sites,
            digest: header.digest,
        };
        Ok((bytes, report))
    }
}

/// The alignment that an image has wherever it is mapped: the smallest page of all systems.
const PAGE: usize = 4096;

/// The names of the arena that go into the image.
fn names(survey: &Survey<'_>, overlay: &Overlay, layout: &Layout) -> NameTable {
    let names = survey.names().map(|(piece, text)| {
        let placement = overlay.placements[piece];
        (text, layout.places[placement.block as usize] + placement.offset)
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup_by_key(|(text, _)| *text);
    NameTable::new(&names)
}

fn type_entry(shape: &'static Shape) -> TypeEntry {
    TypeEntry { name: shape.name().to_owned(), fingerprint: Fingerprint::of_shape(shape), size: shape.size() }
}

impl fmt::Debug for ImageWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageWriter")
            .field("version", &self.version)
            .field("roots", &self.roots.keys())
            .finish_non_exhaustive()
    }
}
