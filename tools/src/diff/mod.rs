//! `permacode diff`: why two images differ.
//!
//! ```text
//!   types ─ paired by name ─▶ fields that differ (`fields`)
//!   modules ─ paired by name ─▶ values of each type: those that both have, and the rest (`values`)
//! ```
//!
//! Addresses differ as soon as one value is added in front. So a reference counts as equal if it leads to the same type in the same module. Where it
//! leads exactly is compared in a second look. Of `Sites` only the number is compared.

mod fields;
mod pairs;
mod report;
mod values;

use crate::cli::Diff;
use crate::failure::{DIFFERS, FINE, Failure};
use crate::outcome::Outcome;
use crate::screen::Screen;
use pairs::Pairs;
use permacode::image::inspect::Inspection;
use serde::Serialize;

/// All that differs.
#[derive(Debug, Serialize)]
pub struct Report {
    pub old: String,
    pub new: String,
    /// `true` if the digests are equal.
    pub same_contents: bool,
    /// Differences of the headers: the name, and both texts.
    pub header: Vec<[String; 3]>,
    pub types: TypesReport,
    pub modules: ModulesReport,
    pub roots: RootsReport,
}

#[derive(Debug, Default, Serialize)]
pub struct TypesReport {
    pub only_old: Vec<String>,
    pub only_new: Vec<String>,
    pub changed: Vec<TypeChange>,
}

#[derive(Debug, Serialize)]
pub struct TypeChange {
    pub name: String,
    /// Differences: the place, and both texts. Empty if only a type differs that it leads to.
    pub parts: Vec<[String; 3]>,
}

#[derive(Debug, Default, Serialize)]
pub struct ModulesReport {
    pub only_old: Vec<ModuleOnly>,
    pub only_new: Vec<ModuleOnly>,
    pub changed: Vec<ModuleChange>,
}

#[derive(Debug, Serialize)]
pub struct ModuleOnly {
    pub name: String,
    pub bytes: usize,
}

#[derive(Debug, Serialize)]
pub struct ModuleChange {
    pub name: String,
    pub values: Vec<ValuesChange>,
}

/// Values of one type in one module.
#[derive(Debug, Serialize)]
pub struct ValuesChange {
    #[serde(rename = "type")]
    pub of: String,
    pub old_values: usize,
    pub new_values: usize,
    /// Values that both have, wherever they stand. Of bytes and text: those in front and at the end.
    pub same_values: usize,
    /// References that lead to another value of the same type and module.
    pub moved_references: usize,
    /// The first field that differs, of the first value that does.
    pub first: Option<String>,
    /// Bytes of it, in hexadecimal digits, if they are no reference.
    pub old_bytes: Option<String>,
    pub new_bytes: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct RootsReport {
    pub only_old: Vec<String>,
    pub only_new: Vec<String>,
    /// Roots of another type: the name, and both types.
    pub changed: Vec<[String; 3]>,
}

pub fn run(arguments: &Diff, screen: Screen) -> Result<Outcome, Failure> {
    let open = |path: &std::path::PathBuf| Inspection::open(path).map_err(|error| Failure::of_image(path, &error));
    let (old, new) = (open(&arguments.old)?, open(&arguments.new)?);
    let pairs = Pairs::of(&old, &new);
    let modules = values::compare(&old, &new, &pairs)
        .map_err(|(is_old, error)| Failure::of_image(if is_old { &arguments.old } else { &arguments.new }, &error))?;
    let report = Report {
        old: arguments.old.to_string_lossy().into_owned(),
        new: arguments.new.to_string_lossy().into_owned(),
        same_contents: old.digest() == new.digest(),
        header: header(&old, &new),
        types: fields::compare(&old, &new, &pairs),
        modules,
        roots: roots(&old, &new),
    };
    let code = if report.same_contents && !report.is_contradicted() { FINE } else { DIFFERS };
    Ok(Outcome::new(report::show(&report, screen), &report).with_code(code))
}

impl Report {
    /// Returns `true` if the contents differ all the same: one of them has not the digest that its header says.
    pub fn is_contradicted(&self) -> bool {
        let Self { types, modules, roots, .. } = self;
        let lists = [types.only_old.len(), types.only_new.len(), types.changed.len(), modules.only_old.len()];
        let more = [
            modules.only_new.len(),
            modules.changed.len(),
            roots.only_old.len(),
            roots.only_new.len(),
            roots.changed.len(),
        ];
        self.same_contents && lists.into_iter().chain(more).any(|count| count > 0)
    }
}

fn header(old: &Inspection, new: &Inspection) -> Vec<[String; 3]> {
    let says = |image: &Inspection| {
        let parent = image
            .parent()
            .map_or("no other image".to_owned(), |(digest, bytes)| format!("{digest}, {bytes} bytes below"));
        [
            ("version", image.version().to_owned()),
            ("digest", image.digest().to_string()),
            ("window", format!("{:#x}", image.window().start)),
            ("stands on", parent),
            ("sites", image.sites().to_string()),
            ("names", image.name_count().to_string()),
            ("page", image.page().to_string()),
        ]
    };
    let sections = |image: &Inspection| {
        let section = |section: permacode::image::inspect::Section| {
            (section.kind.to_string(), (section.range.end - section.range.start).to_string())
        };
        image.sections().map(section).collect::<Vec<_>>()
    };
    let mut differs: Vec<_> = says(old)
        .into_iter()
        .zip(says(new))
        .filter(|(old, new)| old != new)
        .map(|((name, old), (_, new))| [name.to_owned(), old, new])
        .collect();
    let (old, new) = (sections(old), sections(new));
    for name in ["index", "linked", "leaf", "marks"] {
        let bytes = |sections: &[(String, String)]| {
            sections.iter().find(|section| section.0 == name).map_or("0".to_owned(), |section| section.1.clone())
        };
        if bytes(&old) != bytes(&new) {
            differs.push([format!("{name}, bytes"), bytes(&old), bytes(&new)]);
        }
    }
    differs
}

fn roots(old: &Inspection, new: &Inspection) -> RootsReport {
    let all = |image: &Inspection| -> std::collections::BTreeMap<String, String> {
        let types: Vec<_> = image.types().map(|of| of.name.to_owned()).collect();
        image.roots().map(|root| (root.name.to_owned(), types.get(root.of).cloned().unwrap_or_default())).collect()
    };
    let (old, new) = (all(old), all(new));
    let missing = |from: &std::collections::BTreeMap<String, String>,
                   to: &std::collections::BTreeMap<String, String>| {
        from.keys().filter(|name| !to.contains_key(*name)).cloned().collect()
    };
    let changed = |(name, of): (&String, &String)| {
        let other = new.get(name).filter(|other| *other != of)?;
        Some([name.clone(), of.clone(), other.clone()])
    };
    RootsReport {
        only_old: missing(&old, &new),
        only_new: missing(&new, &old),
        changed: old.iter().filter_map(changed).collect(),
    }
}
