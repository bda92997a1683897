//! The description of a type: its size, and the kind and the place of each part.
//!
//! ```text
//!   Shape ─ Struct ─┬ Field "name"   at  0 ─ Shape ─ Text                     a part lies in the value: its description is at hand
//!                   ├ Field "ops"    at 16 ─ Shape ─ Slice  ─ fn() ─▶ Shape   a reference leads away: its description is asked for
//!                   └ Field "parent" at 32 ─ Shape ─ Link   ─ fn() ─▶ Shape   (often the one that is being read)
//! ```

use super::niche::Niche;
use super::proven::Verifier;
use crate::code::value::Permanent;
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;
use std::collections::HashSet;

/// A description of a type that may lie in an image: data that the derive of [`Mappable`](crate::Mappable) writes.
///
/// It prints as the type would be declared, with sizes and offsets, so that two programs can be compared.
///
/// ```
/// use permacode::{Mappable, Permanent};
///
/// #[derive(Permanent, Mappable)]
/// #[repr(C)]
/// struct Line<'a> {
///     number: u32,
///     text: &'a str,
/// }
///
/// let shape = <Line<'_> as Mappable>::SHAPE;
/// assert_eq!((shape.name(), shape.size(), shape.align()), ("Line", 24, 8));
/// assert_eq!(format!("{shape}"), "struct Line { number: u32 at 0, text: &str at 8 } (24 bytes, align 8)");
/// ```
pub struct Shape {
    /// The type at `'static`, which tells types of one process apart.
    id: fn() -> TypeId,
    name: &'static str,
    size: usize,
    align: usize,
    pub(in crate::image) kind: Kind,
    /// The author's own check of a value.
    pub(in crate::image) verifier: Option<Verifier>,
}

/// A way to the description of a type that a reference leads to.
pub(in crate::image) type Target = fn() -> &'static Shape;

/// A description by what a value of the type may be.
pub(in crate::image) enum Kind {
    /// Any bytes: an integer, a float.
    Bits,
    /// A byte of the text that a `&str` leads to.
    TextByte,
    Bool,
    Char,
    /// Any bytes but zeros.
    NonZero,
    /// `&T`: a word.
    Value(Target),
    /// `&[T]`: the address, and behind it the number of elements.
    Slice(Target),
    /// `&str`: the same, of bytes that are UTF-8.
    Text,
    /// A `Name`: a `&str` of which an arena has one copy.
    Name,
    /// A `Link`: a word, zero while it is unset.
    Link(Target),
    Sites,
    Array {
        element: &'static Shape,
        len: usize,
    },
    /// A struct, a tuple.
    Struct(&'static [Field]),
    /// A tag of so many bytes at the beginning, and the fields of the variant that it names.
    Enum {
        tag: usize,
        variants: &'static [Variant],
    },
    /// An `Option` that is as large as its value.
    Option {
        value: &'static Shape,
        none: Niche,
    },
}

/// A part of a struct, a tuple or a variant.
#[doc(hidden)]
pub struct Field {
    pub(in crate::image) name: &'static str,
    pub(in crate::image) offset: usize,
    pub(in crate::image) shape: &'static Shape,
}

/// A variant of an enum.
#[doc(hidden)]
pub struct Variant {
    pub(in crate::image) name: &'static str,
    pub(in crate::image) tag: u64,
    pub(in crate::image) fields: &'static [Field],
}

impl Shape {
    /// A description of `T` by its kind.
    pub(super) const fn new<T: Permanent>(name: &'static str, kind: Kind) -> Self {
        Self { id: id_of::<T>, name, size: size_of::<T>(), align: align_of::<T>(), kind, verifier: None }
    }

    /// The description of a struct, for the derive.
    #[doc(hidden)]
    pub const fn of_struct<T: Permanent>(name: &'static str, fields: &'static [Field]) -> Self {
        assert_fit(fields, 0, size_of::<T>());
        Self::new::<T>(name, Kind::Struct(fields))
    }

    /// The description of an enum whose tag is a `Tag` at its beginning, for the derive.
    #[doc(hidden)]
    pub const fn of_enum<T: Permanent, Tag>(name: &'static str, variants: &'static [Variant]) -> Self {
        let mut i = 0;
        while i < variants.len() {
            assert_fit(variants[i].fields, size_of::<Tag>(), size_of::<T>());
            i += 1;
        }
        Self::new::<T>(name, Kind::Enum { tag: size_of::<Tag>(), variants })
    }

    /// The same, with the author's own check of a value, for the derive.
    #[doc(hidden)]
    #[must_use]
    pub const fn verified(self, verifier: Verifier) -> Self {
        Self { verifier: Some(verifier), ..self }
    }

    /// Returns the name of the type, without its parameters and its path.
    ///
    /// ```
    /// assert_eq!(<(u8, bool) as permacode::Mappable>::SHAPE.name(), "(,)");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the size of a value, in bytes.
    ///
    /// ```
    /// assert_eq!(<&[u32] as permacode::Mappable>::SHAPE.size(), 16);
    /// ```
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns the alignment of a value, in bytes.
    ///
    /// ```
    /// assert_eq!(<[u32; 3] as permacode::Mappable>::SHAPE.align(), 4);
    /// ```
    pub const fn align(&self) -> usize {
        self.align
    }

    /// Tells types of this process apart.
    pub(in crate::image) fn id(&self) -> TypeId {
        (self.id)()
    }

    /// Calls `show` with each part that leads to other values.
    pub(in crate::image) fn each_target(&self, show: &mut dyn FnMut(&'static Shape)) {
        match self.kind {
            Kind::Value(target) | Kind::Slice(target) | Kind::Link(target) => show(target()),
            Kind::Text | Kind::Name => show(&TEXT),
            Kind::Array { element: inner, .. } | Kind::Option { value: inner, .. } => inner.each_target(show),
            Kind::Struct(fields) => fields.iter().for_each(|field| field.shape.each_target(show)),
            Kind::Enum { variants, .. } => {
                let fields = variants.iter().flat_map(|variant| variant.fields);
                fields.for_each(|field| field.shape.each_target(show));
            }
            Kind::Bits | Kind::TextByte | Kind::Bool | Kind::Char | Kind::NonZero | Kind::Sites => {}
        }
    }

    /// The types that this one leads to, itself first: what references lead to, and what arrays are made of. Those that were `seen` are left
    /// out, and what they lead to.
    pub(in crate::image) fn reached(&'static self, seen: &mut HashSet<TypeId>) -> Vec<&'static Self> {
        let (mut reached, mut stack) = (Vec::new(), alloc::vec![self]);
        while let Some(shape) = stack.pop() {
            if !seen.insert(shape.id()) {
                continue;
            }
            reached.push(shape);
            if let Kind::Array { element, .. } = shape.kind {
                stack.push(element);
            }
            shape.each_target(&mut |target| stack.push(target));
        }
        reached
    }

    /// So many values as what arrays are made of, since a reference to an array may lead into a slice. Values without bytes are none. `None` for
    /// more than the address space has room for.
    pub(in crate::image) fn flat(&'static self, len: usize) -> (&'static Self, Option<usize>) {
        let (mut shape, mut count) = (self, Some(if self.size == 0 { 0 } else { len }));
        while let Kind::Array { element, len } = shape.kind {
            (shape, count) = (element, count.and_then(|count| count.checked_mul(len)));
        }
        (shape, count)
    }

    /// The place of this type in a cache of [`SLOTS`], by the place of its description.
    pub(in crate::image) fn slot(&'static self) -> usize {
        let address = core::ptr::from_ref(self).addr();
        (address >> 4 ^ address >> 8) % SLOTS
    }

    /// Returns `true` if an array of values of this type has, at an offset, so many bytes that are values of type `part`. They lie within the
    /// array. Two types are one if `same` says so.
    pub(in crate::image) fn holds(
        &'static self,
        offset: usize,
        part: &Shape,
        bytes: usize,
        same: impl Fn(&Shape, &Shape) -> bool,
    ) -> bool {
        let (mut shape, mut offset) = (self, offset);
        loop {
            if shape.size == 0 {
                return false;
            }
            if same(shape, part) {
                return offset % shape.size == 0;
            }
            offset %= shape.size;
            if let Kind::TextByte = shape.kind {
                // Text may be looked at as bytes.
                return part.id() == TypeId::of::<u8>();
            }
            // They are no array of this type's values, so they lie in one of them.
            shape = match shape.kind {
                _ if offset + bytes > shape.size => return false,
                Kind::Array { element, .. } => element,
                Kind::Struct(fields) => {
                    let holds =
                        |field: &&Field| field.offset <= offset && offset + bytes <= field.offset + field.shape.size;
                    let Some(field) = fields.iter().find(holds) else { return false };
                    offset -= field.offset;
                    field.shape
                }
                _ => return false,
            };
        }
    }

    /// Returns `true` if a value has a word that is an address.
    pub(in crate::image) fn is_linked(&self) -> bool {
        let mut linked = false;
        self.each_target(&mut |_| linked = true);
        linked
    }
}

/// Entries of a cache by [`Shape::slot`].
pub(in crate::image) const SLOTS: usize = 16;

/// The bytes of text.
pub(in crate::image) static TEXT: Shape =
    Shape { id: TypeId::of::<str>, name: "str", size: 1, align: 1, kind: Kind::TextByte, verifier: None };

impl Variant {
    /// The description of a variant, for the derive.
    #[doc(hidden)]
    pub const fn new(name: &'static str, tag: u64, bytes: usize, fields: &'static [Field]) -> Self {
        Self { name, tag: tag & (u64::MAX >> (64 - 8 * bytes)), fields }
    }
}

/// The description of `T`, where a constant would lead to itself.
pub(super) fn shape_of<T: super::Mappable>() -> &'static Shape {
    T::SHAPE
}

fn id_of<T: Permanent>() -> TypeId {
    TypeId::of::<T::At<'static>>()
}

/// The compiler's layout has every field within the value, and behind the tag.
const fn assert_fit(fields: &[Field], from: usize, to: usize) {
    let mut i = 0;
    while i < fields.len() {
        let Field { offset, shape, .. } = fields[i];
        assert!(shape.size == 0 || offset >= from, "a field lies where the tag of its enum is");
        assert!(offset + shape.size <= to, "a field lies outside of its type");
        i += 1;
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Struct(fields) => {
                write!(f, "struct {}", self.name)?;
                write_fields(f, fields)?;
            }
            Kind::Enum { tag, variants } => {
                write!(f, "enum {} {{ ", self.name)?;
                for (i, variant) in variants.iter().enumerate() {
                    let between = if i == 0 { "" } else { ", " };
                    write!(f, "{between}{} = {}", variant.name, variant.tag)?;
                    write_fields(f, variant.fields)?;
                }
                write!(f, " }}, tag of {tag}")?;
            }
            _ => write_type(f, self)?,
        }
        write!(f, " ({} bytes, align {})", self.size, self.align)
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
    for (i, field) in fields.iter().enumerate() {
        write!(f, "{}{}: ", if i == 0 { " { " } else { ", " }, field.name)?;
        write_type(f, field.shape)?;
        write!(f, " at {}", field.offset)?;
    }
    f.write_str(if fields.is_empty() { "" } else { " }" })
}

/// Writes a type as it is spelled, without the inside of structs and enums.
fn write_type(f: &mut fmt::Formatter<'_>, shape: &Shape) -> fmt::Result {
    match shape.kind {
        Kind::Value(target) => write!(f, "&{}", target().name),
        Kind::Slice(target) => write!(f, "&[{}]", target().name),
        Kind::Link(target) => write!(f, "Link<{}>", target().name),
        Kind::NonZero => write!(f, "NonZero<{}>", shape.name),
        Kind::Array { element, len } => {
            f.write_str("[")?;
            write_type(f, element)?;
            write!(f, "; {len}]")
        }
        Kind::Option { value, .. } => {
            f.write_str("Option<")?;
            write_type(f, value)?;
            f.write_str(">")
        }
        _ => f.write_str(shape.name),
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
