//! The parts of an image: sections, types, modules, roots and runs.

use super::layout;
use crate::image::format::TypeEntry;
use crate::image::shape::Fingerprint;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// A section of an image's file.
///
/// See [`Inspection`](super::Inspection) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// Its contents.
    pub kind: SectionKind,
    /// Its bytes, from the beginning of the image.
    pub range: Range<u64>,
}

/// The kinds of sections of an image's file, in their order.
///
/// ```
/// use permacode::image::inspect::SectionKind;
///
/// assert!(SectionKind::Linked < SectionKind::Leaf);
/// assert_eq!(SectionKind::Marks.to_string(), "marks");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SectionKind {
    /// Sizes, the window, the digest.
    Header,
    /// Tables of types, roots, modules, runs and names.
    Index,
    /// Zeros up to the next page.
    Padding,
    /// Values with references.
    Linked,
    /// Values without references.
    Leaf,
    /// One bit for each word of the linked values: set if the word is a reference.
    Marks,
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Index => "index",
            Self::Padding => "padding",
            Self::Linked => "linked",
            Self::Leaf => "leaf",
            Self::Marks => "marks",
        })
    }
}

/// A type that an image has values of.
///
/// See [`Inspection`](super::Inspection) for an example.
///
/// # Variance
///
/// Covariant in `'i`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TypeInfo<'i> {
    /// Its name, without its path and its parameters.
    pub name: &'i str,
    /// Its description as [`Shape`](crate::image::Shape) prints it.
    pub layout: &'i str,
    /// Tells it from all types that are laid out otherwise, or lead to such types.
    pub fingerprint: Fingerprint,
    /// Bytes of a value.
    pub size: usize,
    /// The alignment that [`alloc_padded`](crate::Loader::alloc_padded) was asked for. `None` for values that are aligned as their type asks.
    pub align: Option<usize>,
}

impl<'i> TypeInfo<'i> {
    pub(super) fn of(entry: &'i TypeEntry) -> Self {
        let TypeEntry { name, layout, fingerprint, size, align } = entry;
        Self { name, layout, fingerprint: *fingerprint, size: *size, align: (*align != 0).then_some(*align) }
    }

    /// Returns the fields of a struct or tuple, in the order in which they are declared. Empty for an enum, and for what has no fields.
    ///
    /// They are read from [`layout`](Self::layout), which is text. If a damaged file has something else there, it has no fields.
    ///
    /// ```
    /// use permacode::{CodeArena, Mappable, Permanent, image::{ImageWriter, inspect::Inspection}};
    ///
    /// #[derive(Permanent, Mappable)]
    /// #[repr(C)]
    /// struct Line<'a> {
    ///     number: u32,
    ///     text: &'a str,
    /// }
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let line: &Line<'_> = loader.alloc(Line { number: 7, text: loader.alloc_str("seven")? })?;
    /// loader.seal()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).root("line", line)?.seal()?)?;
    /// let line = image.types().find(|of| of.name == "Line").unwrap();
    /// let fields: Vec<_> = line.fields().iter().map(|field| (field.name, field.of, field.offset)).collect();
    /// assert_eq!(fields, [("number", "u32", 0), ("text", "&str", 8)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fields(&self) -> Vec<FieldInfo<'i>> {
        layout::fields(self.layout).unwrap_or_default()
    }

    /// Returns the variants of an enum, in the order in which they are declared. Empty for all else.
    ///
    /// ```
    /// use permacode::{CodeArena, Mappable, Permanent, image::{ImageWriter, inspect::Inspection}};
    ///
    /// #[derive(Permanent, Mappable)]
    /// #[repr(u8)]
    /// enum Const {
    ///     Nil,
    ///     Int(i64) = 7,
    /// }
    ///
    /// let arena = CodeArena::new()?;
    /// let loader = arena.load("m")?;
    /// let consts: &Const = loader.alloc(Const::Int(3))?;
    /// loader.seal()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).root("const", consts)?.seal()?)?;
    /// let variants = image.types().next().unwrap().variants();
    /// assert_eq!((variants[0].name, variants[0].tag), ("Nil", 0));
    /// assert_eq!((variants[1].tag, variants[1].fields[0].of, variants[1].fields[0].offset), (7, "i64", 8));
    /// # let _ = Const::Nil;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn variants(&self) -> Vec<VariantInfo<'i>> {
        layout::variants(self.layout).unwrap_or_default()
    }

    /// Returns the bytes of an enum's tag, which stands at the beginning of a value. `None` for all else.
    ///
    /// ```
    /// # use permacode::{CodeArena, Mappable, Permanent, image::{ImageWriter, inspect::Inspection}};
    /// #[derive(Permanent, Mappable)]
    /// #[repr(u16)]
    /// enum Kind {
    ///     Function,
    ///     Class,
    /// }
    ///
    /// # let arena = CodeArena::new()?;
    /// # let loader = arena.load("m")?;
    /// # let kind: &Kind = loader.alloc(Kind::Class)?;
    /// # loader.seal()?;
    /// let image = Inspection::of(ImageWriter::new(&arena).root("kind", kind)?.seal()?)?;
    /// assert_eq!(image.types().next().unwrap().tag(), Some(2));
    /// # let _ = Kind::Function;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag(&self) -> Option<usize> {
        layout::tag(self.layout)
    }
}

/// A field of a struct, a tuple or a variant.
///
/// See [`TypeInfo::fields`] for an example.
///
/// # Variance
///
/// Covariant in `'i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldInfo<'i> {
    /// Its name, or its number.
    pub name: &'i str,
    /// Its type, as it is spelled.
    pub of: &'i str,
    /// Bytes from the beginning of the value.
    pub offset: usize,
}

/// A variant of an enum.
///
/// See [`TypeInfo::variants`] for an example.
///
/// # Variance
///
/// Covariant in `'i`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VariantInfo<'i> {
    /// Its name.
    pub name: &'i str,
    /// The number that stands for it at the beginning of the value.
    pub tag: u64,
    /// Its fields.
    pub fields: Vec<FieldInfo<'i>>,
}

/// A module that values of an image were loaded with.
///
/// See [`Inspection`](super::Inspection) for an example.
///
/// # Variance
///
/// Covariant in `'i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleInfo<'i> {
    /// Its name.
    pub name: &'i str,
    /// Bytes of its values.
    pub bytes: usize,
}

/// A value that is found by its name.
///
/// See [`Inspection`](super::Inspection) for an example.
///
/// # Variance
///
/// Covariant in `'i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootInfo<'i> {
    /// Its name.
    pub name: &'i str,
    /// The number of its type in [`Inspection::types`](super::Inspection::types).
    pub of: usize,
    /// Its place: bytes from the beginning of the code, that of the images below too.
    pub place: usize,
}

/// An array of values of one type.
///
/// See [`Inspection::runs`](super::Inspection::runs) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// The number of its type in [`Inspection::types`](super::Inspection::types).
    pub of: usize,
    /// The number of its module in [`Inspection::modules`](super::Inspection::modules).
    pub module: usize,
    /// Bytes from the beginning of the image's own code.
    pub start: usize,
    /// The number of its values.
    pub values: usize,
    /// Bytes of its values.
    pub bytes: usize,
}

/// A part of an image's code, as if it were written for address zero.
///
/// See [`Inspection::code`](super::Inspection::code) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodePart {
    /// Its bytes. A reference in them is a [place](RootInfo::place).
    pub bytes: Vec<u8>,
    /// The offsets in it of the words that are references, ascending.
    pub references: Vec<usize>,
}
