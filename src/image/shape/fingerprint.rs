//! A digest of a description, and of all descriptions that it leads to.
//!
//! ```text
//!   Code ── type 0: struct Code, 64 bytes, name at 0 ─ text, consts at 32 ─ slice of type 1, parent at 48 ─ link to type 0
//!   Const ─ type 1: enum Const, Nil = 0, Code = 3 ─ reference to type 0
//!           └────────── numbered as they are met, so no process, no address and no order of linking shows ──▶ digest
//! ```
//!
//! The digest is four checksums with keys of their own, 256 bits in all. It is no secret and no proof: a file may claim any. It tells a program's own
//! types apart, and whoever could make two of them alike wrote both.

use super::Mappable;
use super::shape::{Field, Kind, Shape, TEXT};
use crate::base::checksum::checksum;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;

/// A digest of a type's description, and of the types that it refers to.
///
/// Two programs whose types have equal fingerprints lay out their values alike and call their fields alike. It depends on names of types,
/// fields and variants, their order, sizes, offsets and tags. It does not depend on the level of optimisation.
///
/// ```
/// use permacode::{Mappable, Permanent, image::Fingerprint};
///
/// mod old {
///     # use permacode::{Mappable, Permanent};
///     #[derive(Permanent, Mappable)]
///     pub struct Point { pub x: u32, pub y: u32 }
/// }
/// mod new {
///     # use permacode::{Mappable, Permanent};
///     #[derive(Permanent, Mappable)]
///     pub struct Point { pub y: u32, pub x: u32 }
/// }
/// assert_eq!(Fingerprint::of::<old::Point>(), Fingerprint::of::<old::Point>());
/// assert_ne!(Fingerprint::of::<old::Point>(), Fingerprint::of::<new::Point>());
/// # let _ = (old::Point { x: 0, y: 0 }.x, new::Point { x: 0, y: 0 }.y);
/// ```
///
/// # Cost
///
/// Thirty-two bytes. [`of`](Self::of) walks the descriptions, once for each type: some microseconds and an allocation for a handful of types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the fingerprint of a type.
    ///
    /// ```
    /// use permacode::image::Fingerprint;
    ///
    /// assert_ne!(Fingerprint::of::<u32>(), Fingerprint::of::<i32>());
    /// // Lifetimes do not count.
    /// fn is_that_of_text<'a>(_: &'a str) -> bool {
    ///     Fingerprint::of::<&'a str>() == Fingerprint::of::<&'static str>()
    /// }
    /// assert!(is_that_of_text("any"));
    /// ```
    pub fn of<T: Mappable>() -> Self {
        Self::of_shape(T::SHAPE)
    }

    pub(in crate::image) fn of_shape(shape: &'static Shape) -> Self {
        let mut walk = Walk::new();
        walk.number(shape);
        let mut next = 0;
        while let Some(&shape) = walk.types.get(next) {
            walk.shape(shape);
            next += 1;
        }
        let mut fingerprint = [0; 32];
        for (key, part) in (1..).zip(fingerprint.chunks_mut(8)) {
            part.copy_from_slice(&checksum([key, 0], &walk.bytes).to_le_bytes());
        }
        Self(fingerprint)
    }

    /// The fingerprint with these bytes.
    pub(in crate::image) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for a name of a file or a cache's key.
    ///
    /// ```
    /// use permacode::image::Fingerprint;
    ///
    /// assert_eq!(Fingerprint::of::<u8>().as_bytes().len(), 32);
    /// ```
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Descriptions, each written once.
struct Walk {
    /// A tree, which needs no random key: a process that has just begun would have to ask the system for one.
    numbers: BTreeMap<TypeId, usize>,
    types: Vec<&'static Shape>,
    /// The bytes to be hashed, in one go.
    bytes: Vec<u8>,
}

impl Walk {
    /// With room for what a handful of types takes.
    fn new() -> Self {
        Self { numbers: BTreeMap::new(), types: Vec::with_capacity(16), bytes: Vec::with_capacity(512) }
    }

    /// The number of a type that a reference leads to.
    fn number(&mut self, shape: &'static Shape) -> usize {
        *self.numbers.entry(shape.id()).or_insert_with(|| {
            self.types.push(shape);
            self.types.len() - 1
        })
    }

    /// Writes a description, with what lies in the value, and the numbers of what it leads to.
    fn shape(&mut self, shape: &'static Shape) {
        self.text(shape.name());
        self.word(shape.size());
        self.word(shape.align());
        match shape.kind {
            Kind::Bits => self.word(0),
            Kind::TextByte => self.word(1),
            Kind::Bool => self.word(2),
            Kind::Char => self.word(3),
            Kind::NonZero => self.word(4),
            Kind::Value(target) => self.reference(5, target()),
            Kind::Slice(target) => self.reference(6, target()),
            Kind::Link(target) => self.reference(7, target()),
            Kind::Text => self.reference(8, &TEXT),
            Kind::Name => self.reference(9, &TEXT),
            Kind::Sites => self.word(10),
            Kind::Array { element, len } => {
                self.word(11);
                self.word(len);
                self.shape(element);
            }
            Kind::Struct(fields) => {
                self.word(12);
                self.fields(fields);
            }
            Kind::Enum { tag, variants } => {
                self.word(13);
                self.word(tag);
                self.word(variants.len());
                for variant in variants {
                    self.text(variant.name);
                    self.bytes.extend_from_slice(&variant.tag.to_le_bytes());
                    self.fields(variant.fields);
                }
            }
            Kind::Option { value, none } => {
                self.word(14);
                self.word(none.offset);
                self.word(none.width);
                self.bytes.extend_from_slice(&none.none.to_le_bytes());
                self.shape(value);
            }
        }
    }

    fn reference(&mut self, kind: usize, target: &'static Shape) {
        let number = self.number(target);
        self.word(kind);
        self.word(number);
    }

    fn fields(&mut self, fields: &'static [Field]) {
        self.word(fields.len());
        for field in fields {
            self.text(field.name);
            self.word(field.offset);
            self.shape(field.shape);
        }
    }

    fn text(&mut self, text: &str) {
        self.word(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Writes a number: seven bits a byte, the highest bit set if more follow. Most are small, and each byte is hashed four times.
    fn word(&mut self, mut word: usize) {
        while word >= 0x80 {
            self.bytes.push(word as u8 | 0x80);
            word >>= 7;
        }
        self.bytes.push(word as u8);
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
