//! `permacode inspect`: the header, and what takes the space.

use crate::cli::Inspect;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::rebase::version_of;
use crate::screen::{
    Cell, DIM, GOOD, HEADING, Screen, Table, addresses, bar, counted, escaped, grouped, heading, line, percent, size,
    size_in_full,
};
use crate::summary::{FieldRow, Summary, TypeRow};
use permacode::image::inspect::Inspection;

pub fn run(arguments: &Inspect, screen: Screen) -> Result<Outcome, Failure> {
    let image = Inspection::open(&arguments.file).map_err(|error| Failure::of_image(&arguments.file, &error))?;
    let summary = Summary::of(&arguments.file, &image);
    Ok(Outcome::new(show(&summary, arguments, screen), &summary))
}

fn show(summary: &Summary, arguments: &Inspect, screen: Screen) -> String {
    let mut text = String::new();
    heading(&mut text, &escaped(&summary.path), &size_in_full(summary.file_bytes));
    if summary.offset > 0 {
        line(
            &mut text,
            "image",
            &format!("{}, behind a program, at byte {}", size_in_full(summary.bytes), summary.offset),
        );
    }
    line(&mut text, "version", &version_of(&summary.version));
    line(&mut text, "digest", &summary.digest);
    line(&mut text, "window", &addresses(&(summary.window.start..summary.window.end)));
    let below = match &summary.parent {
        Some(parent) => format!("{}, {} of code below", parent.digest, size(parent.bytes as u64)),
        None => "no other image".to_owned(),
    };
    line(&mut text, "stands on", &below);
    let (sites, names) = (counted(summary.sites, "site"), counted(summary.names as u64, "name"));
    let numbers = format!("{sites}, {names}, pages of {} bytes", summary.page);
    line(&mut text, "has", &numbers);
    text.push('\n');
    sections(&mut text, summary, screen);
    types(&mut text, summary, arguments, screen);
    modules(&mut text, summary, arguments, screen);
    roots(&mut text, summary, arguments, screen);
    text
}

/// The columns that are left for bars.
fn columns(screen: Screen) -> usize {
    (screen.width / 3).clamp(10, 40)
}

fn sections(text: &mut String, summary: &Summary, screen: Screen) {
    let mut table = Table::default();
    head(&mut table, ["section", "bytes", "", ""]);
    for section in &summary.sections {
        let gaps = section.used.map(|used| section.bytes - used).filter(|&gaps| gaps > 0);
        table.row([
            Cell::left(&section.name),
            Cell::right(grouped(section.bytes)),
            Cell::right(percent(section.bytes, summary.bytes)),
            Cell::left(bar(section.bytes, summary.bytes, columns(screen))).styled(GOOD),
            Cell::left(gaps.map_or_else(String::new, |gaps| format!("{} bytes of gaps", grouped(gaps)))).styled(DIM),
        ]);
    }
    text.push_str(&table.show(screen));
}

fn types(text: &mut String, summary: &Summary, arguments: &Inspect, screen: Screen) {
    let mut types: Vec<_> = summary.types.iter().collect();
    types.sort_by_key(|of| std::cmp::Reverse(of.bytes));
    let all: u64 = types.iter().map(|of| of.bytes).sum();
    let mut table = Table::default();
    head(&mut table, ["type", "size", "values", "bytes", "", ""]);
    for of in types.iter().take(arguments.most) {
        table.row([
            Cell::left(type_name(of)),
            Cell::right(grouped(of.size as u64)),
            Cell::right(grouped(of.values)),
            Cell::right(grouped(of.bytes)),
            Cell::right(percent(of.bytes, all)),
            Cell::left(bar(of.bytes, all, columns(screen))).styled(GOOD),
        ]);
        if arguments.fields {
            fields(&mut table, of);
        }
    }
    text.push('\n');
    text.push_str(&table.show(screen));
    more(text, types.len(), arguments, "types");
}

/// The name of a type, with the alignment of its runs if there is one.
pub fn type_name(of: &TypeRow) -> String {
    let name = escaped(&of.name);
    of.align.map_or(name.clone(), |align| format!("{name}, aligned to {align}"))
}

/// The fields of a type, or those of its variants.
fn fields(table: &mut Table, of: &TypeRow) {
    let mut row = |indent: &str, name: &str, text: String| {
        table.row([
            Cell::left(format!("{indent}{}", escaped(name))).styled(DIM),
            Cell::left(""),
            Cell::left(text).styled(DIM),
        ]);
    };
    let field = |field: &FieldRow| format!("{} at {}", escaped(&field.of), field.offset);
    of.fields.iter().for_each(|of| row("  ", &of.name, field(of)));
    for variant in &of.variants {
        row("  ", &variant.name, format!("= {}", variant.tag));
        variant.fields.iter().for_each(|of| row("    ", &of.name, field(of)));
    }
}

fn modules(text: &mut String, summary: &Summary, arguments: &Inspect, screen: Screen) {
    let mut modules: Vec<_> = summary.modules.iter().collect();
    modules.sort_by_key(|module| std::cmp::Reverse(module.bytes));
    let all: u64 = modules.iter().map(|module| module.bytes).sum();
    let mut table = Table::default();
    head(&mut table, ["module", "values", "bytes", "", ""]);
    for module in modules.iter().take(arguments.most) {
        table.row([
            Cell::left(escaped(&module.name)),
            Cell::right(grouped(module.values)),
            Cell::right(grouped(module.bytes)),
            Cell::right(percent(module.bytes, all)),
            Cell::left(bar(module.bytes, all, columns(screen))).styled(GOOD),
        ]);
    }
    text.push('\n');
    text.push_str(&table.show(screen));
    more(text, modules.len(), arguments, "modules");
}

fn roots(text: &mut String, summary: &Summary, arguments: &Inspect, screen: Screen) {
    let mut table = Table::default();
    head(&mut table, ["root", "type", "place"]);
    for root in summary.roots.iter().take(arguments.most) {
        table.row([
            Cell::left(escaped(&root.name)),
            Cell::left(escaped(&root.of)),
            Cell::right(format!("{:#x}", root.place)),
            Cell::left(root.module.as_deref().map_or_else(String::new, |module| format!("in {}", escaped(module))))
                .styled(DIM),
        ]);
    }
    text.push('\n');
    text.push_str(&table.show(screen));
    more(text, summary.roots.len(), arguments, "roots");
}

/// The heads of columns: the first is left, numbers are right.
pub fn head<const N: usize>(table: &mut Table, names: [&str; N]) {
    let cell = |(column, name): (usize, &&str)| {
        let is_left = column == 0 || matches!(*name, "type" | "module" | "why" | "where");
        if is_left { Cell::left(*name) } else { Cell::right(*name) }.styled(HEADING)
    };
    table.row(names.iter().enumerate().map(cell));
}

/// Says how many are not shown.
fn more(text: &mut String, all: usize, arguments: &Inspect, what: &str) {
    match all.saturating_sub(arguments.most) {
        0 if all == 0 => text.push_str(&format!("  {DIM}none{DIM:#}\n")),
        0 => {}
        more => text.push_str(&format!("  {DIM}… and {} more: `permacode list {what}`{DIM:#}\n", grouped(more as u64))),
    }
}
