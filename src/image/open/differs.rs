//! The first field in which a type of this program is another one than the file's.
//!
//! ```text
//!   program   Code ─▶ Const ─▶ Name      each type that the root leads to, compared with the file's of the same name
//!   file      Code ─▶ Const ─▶ Name      by what is written of its fields: name, type, place
//! ```
//!
//! Fingerprints say that two types differ, and not in what. So a file has each type's description as text, which is for people alone.
#![forbid(unsafe_code)]

use super::image::Source;
use crate::image::format::{ImageError, TypeEntry, TypeMismatch};
use crate::image::shape::{Fingerprint, Shape};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use std::collections::HashSet;

/// Finds the first difference, with its type. `None` if the file has no type of the same name that differs.
fn first_difference(shape: &'static Shape, types: &[TypeEntry]) -> Option<String> {
    shape.reached(&mut HashSet::new()).into_iter().find_map(|shape| {
        let fingerprint = Fingerprint::of_shape(shape);
        let alike = types.iter().filter(|entry| entry.name == shape.name());
        if alike.clone().any(|entry| entry.fingerprint == fingerprint) {
            return None;
        }
        let here = shape.to_string();
        let other = alike.map(|entry| &entry.layout).find(|there| **there != here)?;
        Some(difference(shape.name(), other, &here))
    })
}

impl Source {
    /// The error for a value of one of its types where the program expects another.
    #[cold]
    pub(super) fn mismatch(&self, of: u32, shape: &'static Shape) -> Result<ImageError, ImageError> {
        let types = self.types()?;
        let found = types.get(of as usize).ok_or(ImageError::Index("a root is of no type"))?;
        let expected = (shape.name(), Fingerprint::of_shape(shape));
        let (found, differs) = ((found.name.clone(), found.fingerprint), first_difference(shape, &types));
        Ok(ImageError::Type(Box::new(TypeMismatch { expected, found, differs })))
    }
}

/// Says where two descriptions of one type part.
fn difference(name: &str, there: &str, here: &str) -> String {
    let (mut one, mut other) = (there.split(", "), here.split(", "));
    loop {
        match (one.next(), other.next()) {
            (Some(there), Some(here)) if there == here => {}
            (there, here) => {
                return format!("`{name}` has `{}` in the image, and `{}` here", field(there), field(here));
            }
        }
    }
}

/// A field, without what stands around the first and the last.
fn field(part: Option<&str>) -> &str {
    let part = part.unwrap_or("nothing");
    let part = part.rsplit_once("{ ").map_or(part, |(_, field)| field);
    part.split_once(" }").map_or(part, |(field, _)| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_that_differs_is_told_with_what_it_is_on_both_sides() {
        let told = |there, here| difference("Code", there, here);
        assert_eq!(
            told(
                "struct Code { a: u8 at 0, b: u16 at 2 } (4 bytes)",
                "struct Code { a: u8 at 0, b: u32 at 4 } (8 bytes)"
            ),
            "`Code` has `b: u16 at 2` in the image, and `b: u32 at 4` here"
        );
        assert_eq!(
            told("struct Code { a: u8 at 0", "struct Code { a: u8 at 0, b"),
            "`Code` has `nothing` in the image, and `b` here"
        );
    }
}
