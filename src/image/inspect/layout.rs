//! The fields of a type, from the text that describes it in a file.
//!
//! ```text
//!   struct Line { number: u32 at 0, text: &str at 8 } (24 bytes, align 8)
//!   enum Const { Nil = 0, Int = 7 { 0: i64 at 8 } }, tag of 1 (16 bytes, align 8)
//! ```
//!
//! [`Shape`](crate::image::Shape) writes it. The text may be anything: what is not understood is `None`.

use super::parts::{FieldInfo, VariantInfo};
use alloc::vec::Vec;

/// The fields of a struct.
pub(super) fn fields(layout: &str) -> Option<Vec<FieldInfo<'_>>> {
    let body = layout.strip_prefix("struct ")?;
    match body.split_once(" { ") {
        Some((_, rest)) => list_of_fields(rest.rsplit_once(" } (")?.0),
        None => Some(Vec::new()),
    }
}

/// The bytes of an enum's tag.
pub(super) fn tag(layout: &str) -> Option<usize> {
    let (_, behind) = layout.strip_prefix("enum ")?.rsplit_once(" }, tag of ")?;
    behind.split_once(' ')?.0.parse().ok().filter(|tag| [1, 2, 4, 8].contains(tag))
}

/// The variants of an enum.
pub(super) fn variants(layout: &str) -> Option<Vec<VariantInfo<'_>>> {
    let (_, rest) = layout.strip_prefix("enum ")?.split_once(" { ")?;
    let mut rest = rest.rsplit_once(" }, tag of ")?.0;
    let mut variants = Vec::new();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once(" = ")?;
        let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        let (tag, behind) = behind.split_at(digits);
        let (fields, behind) = match behind.strip_prefix(" { ") {
            Some(behind) => {
                let (fields, behind) = behind.split_once(" }")?;
                (list_of_fields(fields)?, behind)
            }
            None => (Vec::new(), behind),
        };
        variants.push(VariantInfo { name, tag: tag.parse().ok()?, fields });
        rest = match behind.strip_prefix(", ") {
            Some(rest) if !rest.is_empty() => rest,
            Some(_) => return None,
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(variants)
}

fn list_of_fields(list: &str) -> Option<Vec<FieldInfo<'_>>> {
    list.split(", ").map(field).collect()
}

fn field(text: &str) -> Option<FieldInfo<'_>> {
    let (name, rest) = text.split_once(": ")?;
    let (of, offset) = rest.rsplit_once(" at ")?;
    Some(FieldInfo { name, of, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::shape::{Mappable, Shape};
    use alloc::string::ToString;

    fn is_understood(shape: &Shape, count: usize) {
        let layout = shape.to_string();
        assert_eq!(fields(&layout).map(|fields| fields.len()), Some(count), "{layout}");
    }

    #[test]
    fn what_a_shape_writes_is_understood() {
        is_understood(<(u8, &[(u16, bool)], [[u32; 3]; 2], Option<core::num::NonZero<u64>>) as Mappable>::SHAPE, 4);
        assert_eq!(fields("struct Nothing (0 bytes, align 1)"), Some(Vec::new()));
    }

    #[test]
    fn variants_are_told_with_their_tags_and_fields() {
        let layout = "enum Const { Nil = 0, Pair = 7 { a: u8 at 1, b: [(,); 3] at 8 }, Last = 18446744073709551615 }, tag of 8 (32 bytes, align 8)";
        let told = variants(layout).unwrap();
        let [nil, pair, last] = &told[..] else { panic!("{told:?}") };
        assert_eq!((nil.name, nil.tag, nil.fields.len()), ("Nil", 0, 0));
        assert_eq!((pair.name, pair.tag, pair.fields[1].of, pair.fields[1].offset), ("Pair", 7, "[(,); 3]", 8));
        assert_eq!((last.name, last.tag, tag(layout)), ("Last", u64::MAX, Some(8)));
        assert_eq!(variants("enum Never {  }, tag of 1 (1 bytes, align 1)"), Some(Vec::new()));
    }

    // soundness S14: the text of a file may be anything.
    #[test]
    fn each_truncation_is_understood_or_is_none() {
        for (layout, last) in [
            ("struct Line { number: u32 at 0, text: &str at 8 } (24 bytes, align 8)", " } ("),
            (
                "enum Const { Nil = 0, Int = 7 { 0: i64 at 8 }, Str = 8 { 0: &str at 8 } }, tag of 1 (24 bytes)",
                " }, tag of ",
            ),
        ] {
            for end in 0..layout.rfind(last).unwrap() + last.len() {
                let (fields, variants) = (fields(&layout[..end]), variants(&layout[..end]));
                assert!(fields.is_none_or(|fields| fields.is_empty()) && variants.is_none(), "{end}");
            }
        }
        for text in [
            "",
            "struct",
            "struct A { b } (1 bytes",
            "enum A { b = x }, tag of 1",
            "enum A { b = 1 { c }, tag of 1",
            "u32 (4 bytes)",
        ] {
            assert_eq!(variants(text), None, "{text}");
            assert_eq!(fields(text), None, "{text}");
        }
    }
}
