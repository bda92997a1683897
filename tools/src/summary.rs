//! [`Summary`]: all that is said of an image, as data.

use permacode::image::inspect::{FieldInfo, Inspection, TypeInfo};
use serde::Serialize;
use std::path::Path;

/// An image.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub path: String,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// The place in the file where the image begins.
    pub offset: u64,
    /// Bytes of the image.
    pub bytes: u64,
    pub version: String,
    pub digest: String,
    pub window: Window,
    pub parent: Option<Parent>,
    pub sites: u64,
    pub page: usize,
    pub names: usize,
    pub sections: Vec<SectionRow>,
    pub types: Vec<TypeRow>,
    pub modules: Vec<ModuleRow>,
    pub roots: Vec<RootRow>,
}

/// Addresses.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Window {
    pub start: usize,
    pub end: usize,
}

#[derive(Debug, Serialize)]
pub struct Parent {
    pub digest: String,
    /// Bytes of code of all images below.
    pub bytes: usize,
}

#[derive(Debug, Serialize)]
pub struct SectionRow {
    pub name: String,
    /// From the beginning of the image.
    pub offset: u64,
    pub bytes: u64,
    /// Bytes of values, of sections that have values.
    pub used: Option<u64>,
}

#[derive(Debug, Serialize)]
pub struct TypeRow {
    pub name: String,
    pub size: usize,
    pub align: Option<usize>,
    pub fingerprint: String,
    pub layout: String,
    pub fields: Vec<FieldRow>,
    pub variants: Vec<VariantRow>,
    pub values: u64,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct FieldRow {
    pub name: String,
    #[serde(rename = "type")]
    pub of: String,
    pub offset: usize,
}

#[derive(Debug, Serialize)]
pub struct VariantRow {
    pub name: String,
    pub tag: u64,
    pub fields: Vec<FieldRow>,
}

#[derive(Debug, Serialize)]
pub struct ModuleRow {
    pub name: String,
    pub values: u64,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct RootRow {
    pub name: String,
    #[serde(rename = "type")]
    pub of: String,
    /// From the beginning of the code, that of the images below too.
    pub place: usize,
    /// The module that it lies in. A root without bytes lies in none, and one below in none of this image.
    pub module: Option<String>,
}

impl Summary {
    pub fn of(path: &Path, image: &Inspection) -> Self {
        let mut types: Vec<_> = image.types().map(|of| type_row(&of)).collect();
        let mut modules: Vec<_> = image
            .modules()
            .map(|module| ModuleRow { name: module.name.to_owned(), values: 0, bytes: module.bytes as u64 })
            .collect();
        let mut sections: Vec<_> = image
            .sections()
            .map(|section| SectionRow {
                name: section.kind.to_string(),
                offset: section.range.start,
                bytes: section.range.end - section.range.start,
                used: None,
            })
            .collect();
        let linked = sections.iter().find(|section| section.name == "linked").map_or(0, |section| section.bytes);
        let mut used = [0, 0];
        for run in image.runs() {
            let (values, bytes) = (run.values as u64, run.bytes as u64);
            used[usize::from(run.start as u64 >= linked)] += bytes;
            if let Some(of) = types.get_mut(run.of) {
                of.values += values;
                of.bytes += bytes;
            }
            if let Some(module) = modules.get_mut(run.module) {
                module.values += values;
            }
        }
        for (name, used) in [("linked", used[0]), ("leaf", used[1])] {
            sections.iter_mut().filter(|section| section.name == name).for_each(|section| section.used = Some(used));
        }
        let below = image.parent().map_or(0, |(_, below)| below);
        let runs: Vec<_> = image.runs().collect();
        let module_of = |place: usize| {
            let at = place.checked_sub(below)?;
            let run = runs.get(runs.partition_point(|run| run.start <= at).checked_sub(1)?)?;
            (at < run.start + run.bytes).then(|| modules.get(run.module).map(|module| module.name.clone()))?
        };
        let roots = image.roots().map(|root| RootRow {
            name: root.name.to_owned(),
            of: types.get(root.of).map_or_else(String::new, |of| of.name.clone()),
            place: root.place,
            module: module_of(root.place),
        });
        let roots = roots.collect();
        let bytes = sections.last().map_or(0, |section| section.offset + section.bytes);
        Self {
            path: path.to_string_lossy().into_owned(),
            file_bytes: std::fs::metadata(path).map_or(bytes, |metadata| metadata.len()),
            offset: image.offset(),
            bytes,
            version: image.version().to_owned(),
            digest: image.digest().to_string(),
            window: Window { start: image.window().start, end: image.window().end },
            parent: image.parent().map(|(digest, bytes)| Parent { digest: digest.to_string(), bytes }),
            sites: image.sites(),
            page: image.page(),
            names: image.name_count(),
            sections,
            types,
            modules,
            roots,
        }
    }
}

fn type_row(of: &TypeInfo<'_>) -> TypeRow {
    let fields = |fields: &[FieldInfo<'_>]| fields.iter().map(field_row).collect();
    let variant =
        |name: &str, tag, list: &[FieldInfo<'_>]| VariantRow { name: name.to_owned(), tag, fields: fields(list) };
    TypeRow {
        name: of.name.to_owned(),
        size: of.size,
        align: of.align,
        fingerprint: of.fingerprint.to_string(),
        layout: of.layout.to_owned(),
        fields: fields(&of.fields()),
        variants: of.variants().iter().map(|of| variant(of.name, of.tag, &of.fields)).collect(),
        values: 0,
        bytes: 0,
    }
}

fn field_row(field: &FieldInfo<'_>) -> FieldRow {
    FieldRow { name: field.name.to_owned(), of: field.of.to_owned(), offset: field.offset }
}
