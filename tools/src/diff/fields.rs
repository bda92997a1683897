//! Types that differ, with their fields.

use super::pairs::Pairs;
use super::{TypeChange, TypesReport};
use permacode::image::inspect::{FieldInfo, Inspection, TypeInfo};

/// Finds the types that differ.
pub fn compare(old: &Inspection, new: &Inspection, pairs: &Pairs) -> TypesReport {
    let (old, new): (Vec<_>, Vec<_>) = (old.types().collect(), new.types().collect());
    let mut report = TypesReport::default();
    for &[one, other] in &pairs.types.both {
        match (one.and_then(|one| old.get(one)), other.and_then(|other| new.get(other))) {
            (Some(one), Some(other)) if one.fingerprint != other.fingerprint => {
                report.changed.push(TypeChange { name: one.name.to_owned(), parts: parts(one, other) });
            }
            (Some(one), None) => report.only_old.push(one.layout.to_owned()),
            (None, Some(other)) => report.only_new.push(other.layout.to_owned()),
            _ => {}
        }
    }
    report
}

/// Compares two types.
fn parts(old: &TypeInfo<'_>, new: &TypeInfo<'_>) -> Vec<[String; 3]> {
    let mut parts = Vec::new();
    let mut part = |name: String, old: String, new: String| {
        if old != new {
            parts.push([name, old, new]);
        }
    };
    part("size".to_owned(), format!("{} bytes", old.size), format!("{} bytes", new.size));
    fields("", &old.fields(), &new.fields(), &mut part);
    let (before, after) = (old.variants(), new.variants());
    for variant in &before {
        let name = format!("variant {}", variant.name);
        match after.iter().find(|other| other.name == variant.name) {
            Some(other) => {
                part(name, format!("= {}", variant.tag), format!("= {}", other.tag));
                fields(&format!("{}.", variant.name), &variant.fields, &other.fields, &mut part);
            }
            None => part(name, format!("= {}", variant.tag), "none".to_owned()),
        }
    }
    for variant in after.iter().filter(|variant| before.iter().all(|other| other.name != variant.name)) {
        part(format!("variant {}", variant.name), "none".to_owned(), format!("= {}", variant.tag));
    }
    if parts.is_empty() && old.layout != new.layout {
        parts.push(["layout".to_owned(), old.layout.to_owned(), new.layout.to_owned()]);
    }
    parts
}

fn fields(of: &str, old: &[FieldInfo<'_>], new: &[FieldInfo<'_>], part: &mut impl FnMut(String, String, String)) {
    let says = |field: Option<&FieldInfo<'_>>| {
        field.map_or("none".to_owned(), |field| format!("{} at {}", field.of, field.offset))
    };
    for field in old {
        let other = new.iter().find(|other| other.name == field.name);
        part(format!("{of}{}", field.name), says(Some(field)), says(other));
    }
    for field in new.iter().filter(|field| old.iter().all(|other| other.name != field.name)) {
        part(format!("{of}{}", field.name), says(None), says(Some(field)));
    }
}

/// The field of a value that a byte lies in, by the value's bytes.
pub fn field_at(of: &TypeInfo<'_>, value: &[u8], byte: usize) -> (String, usize) {
    let before = |fields: &[FieldInfo<'_>]| {
        let before = fields.iter().filter(|field| field.offset <= byte);
        before.max_by_key(|field| field.offset).map(|field| (field.name.to_owned(), field.offset))
    };
    let variant = of.tag().and_then(|bytes| {
        let found = tag_of(value, bytes)?;
        (byte >= bytes).then(|| of.variants().into_iter().find(|variant| variant.tag == found))?
    });
    let found = match (&variant, of.tag()) {
        (Some(variant), _) => before(&variant.fields).map(|(name, at)| (format!("{}.{name}", variant.name), at)),
        (None, Some(_)) => Some(("variant".to_owned(), 0)),
        (None, None) => before(&of.fields()),
    };
    found.unwrap_or_else(|| ("value".to_owned(), 0))
}

/// The tag of a value of an enum, of so many bytes.
fn tag_of(value: &[u8], bytes: usize) -> Option<u64> {
    let number = |tag: u64, byte: &u8| tag << 8 | u64::from(*byte);
    let tag = value.get(..bytes)?.iter();
    Some(if cfg!(target_endian = "big") { tag.fold(0, number) } else { tag.rev().fold(0, number) })
}

/// The places of `Sites` in the values of a type. Their numbers are of an image as a whole. One function more in front, and they are others.
///
/// Those in a field that is a struct of its own are not found. Its description is in the file only if it has values of it.
pub struct SitesOf {
    size: usize,
    tag: usize,
    /// By the tag, if there is one: the offsets.
    places: Vec<(Option<u64>, Vec<usize>)>,
}

impl SitesOf {
    pub fn new(of: &TypeInfo<'_>) -> Self {
        let sites = |fields: &[FieldInfo<'_>]| {
            fields.iter().filter(|field| field.of == "Sites").map(|field| field.offset).collect::<Vec<_>>()
        };
        let own = if of.name == "Sites" { vec![0] } else { sites(&of.fields()) };
        let variants = of.variants();
        let variants = variants.iter().map(|variant| (Some(variant.tag), sites(&variant.fields)));
        let places = variants.chain([(None, own)]).filter(|(_, places)| !places.is_empty()).collect();
        Self { size: of.size.max(1), tag: of.tag().unwrap_or(0), places }
    }

    /// Takes the numbers and the tag of all sites away. How many there are stays.
    pub fn take_from(&self, values: &mut [u8]) {
        if self.places.is_empty() {
            return;
        }
        for value in values.chunks_exact_mut(self.size) {
            let found = tag_of(value, self.tag);
            for &at in
                self.places.iter().filter(|(tag, _)| tag.is_none() || *tag == found).flat_map(|(_, places)| places)
            {
                for byte in value.get_mut(at..at + 4).into_iter().flatten() {
                    *byte = 0;
                }
                for byte in value.get_mut(at + 6..at + 8).into_iter().flatten() {
                    *byte = 0;
                }
            }
        }
    }
}
