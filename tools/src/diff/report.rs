//! The differences, on a screen.

use super::{Report, ValuesChange};
use crate::screen::{BAD, Cell, DIM, GOOD, Screen, Table, escaped, grouped, heading, size};
use std::fmt::Write;

/// Modules of which each difference is shown.
const MOST: usize = 20;

pub fn show(report: &Report, screen: Screen) -> String {
    let mut text = String::new();
    if report.is_contradicted() {
        text.push_str("The digests are equal, and the contents differ: one of the files is damaged. `permacode verify` says which.\n\n");
    } else if report.same_contents {
        let others =
            report.header.iter().map(|[name, ..]| name.as_str()).filter(|&name| name != "digest").collect::<Vec<_>>();
        text.push_str("The contents are the same: the digests are equal.\n");
        if others == ["window"] {
            text.push_str("The files are for other windows.\n");
        }
        if others.is_empty() {
            return text;
        }
        text.push('\n');
    }
    header(&mut text, report, screen);
    types(&mut text, report, screen);
    modules(&mut text, report, screen);
    roots(&mut text, report, screen);
    text
}

fn three(table: &mut Table, indent: &str, [name, old, new]: &[String; 3]) {
    let name = Cell::left(format!("{indent}{}", escaped(name)));
    table.row([name, Cell::left(escaped(old)).styled(BAD), Cell::left(escaped(new)).styled(GOOD)]);
}

fn header(text: &mut String, report: &Report, screen: Screen) {
    let mut table = Table::default();
    table.row([
        Cell::left(""),
        Cell::left(escaped(&report.old)).styled(BAD),
        Cell::left(escaped(&report.new)).styled(GOOD),
    ]);
    for [name, old, new] in &report.header {
        // The first digits tell digests apart. All of them are in the JSON.
        let short = |text: &str| match text.get(..16) {
            Some(start) if name == "digest" => format!("{start}…"),
            _ => text.to_owned(),
        };
        three(&mut table, "", &[name.clone(), short(old), short(new)]);
    }
    text.push_str(&table.show(screen));
}

fn types(text: &mut String, report: &Report, screen: Screen) {
    let types = &report.types;
    if types.only_old.is_empty() && types.only_new.is_empty() && types.changed.is_empty() {
        return;
    }
    text.push('\n');
    heading(text, "Types", "");
    only(text, types.only_old.iter().cloned(), types.only_new.iter().cloned());
    let mut table = Table::default();
    for change in &types.changed {
        let why = if change.parts.is_empty() { "the same, and leads to a type that differs" } else { "" };
        table.row([Cell::left(escaped(&change.name)), Cell::left(why).styled(DIM)]);
        change.parts.iter().for_each(|part| three(&mut table, "  ", part));
    }
    text.push_str(&table.show(screen));
}

fn modules(text: &mut String, report: &Report, screen: Screen) {
    let modules = &report.modules;
    if modules.only_old.is_empty() && modules.only_new.is_empty() && modules.changed.is_empty() {
        return;
    }
    text.push('\n');
    heading(text, "Modules", "");
    let name = |module: &super::ModuleOnly| format!("{}, {}", module.name, size(module.bytes as u64));
    only(text, modules.only_old.iter().map(name), modules.only_new.iter().map(name));
    let mut table = Table::default();
    for module in modules.changed.iter().take(MOST) {
        table.row([Cell::left(escaped(&module.name))]);
        for change in &module.values {
            table.row([Cell::left(format!("  {}", escaped(&change.of))), Cell::left(escaped(&words(change)))]);
        }
    }
    text.push_str(&table.show(screen));
    if let Some(more) = modules.changed.len().checked_sub(MOST).filter(|&more| more > 0) {
        let _ =
            writeln!(text, "  {DIM}… and {} more modules that differ: `--json` has all{DIM:#}", grouped(more as u64));
    }
}

/// Says what differs in the values of a type.
fn words(change: &ValuesChange) -> String {
    let ValuesChange { old_values, new_values, same_values, moved_references, .. } = *change;
    let number = |count: usize| grouped(count as u64);
    if moved_references > 0 {
        let lead = if moved_references == 1 { "reference leads" } else { "references lead" };
        return format!("{} {lead} to another value", number(moved_references));
    }
    let unit = if change.of == "str" || change.of == "u8" { "bytes" } else { "values" };
    let counts = match old_values == new_values {
        true => format!("{} {unit}", number(old_values)),
        false => format!("{} {unit}, now {}", number(old_values), number(new_values)),
    };
    if change.first.is_none() && same_values == 0 {
        return counts;
    }
    let [old, new] = [old_values, new_values].map(|all| all - same_values);
    let differ = match (old, new) {
        (0, 0) => "in another order".to_owned(),
        (1, 1) => "1 differs".to_owned(),
        (old, new) if old == new => format!("{} differ", number(old)),
        (0, new) => format!("{} added", number(new)),
        (old, 0) => format!("{} gone", number(old)),
        (old, new) => format!("{} became {}", number(old), number(new)),
    };
    let first = change.first.as_ref().map_or_else(String::new, |first| format!(", first in {first}"));
    let bytes = match (&change.old_bytes, &change.new_bytes) {
        (Some(old), Some(new)) => format!(": {old} → {new}"),
        _ => String::new(),
    };
    format!("{counts}, {differ}{first}{bytes}")
}

fn roots(text: &mut String, report: &Report, screen: Screen) {
    let roots = &report.roots;
    if roots.only_old.is_empty() && roots.only_new.is_empty() && roots.changed.is_empty() {
        return;
    }
    text.push('\n');
    heading(text, "Roots", "");
    only(text, roots.only_old.iter().cloned(), roots.only_new.iter().cloned());
    let mut table = Table::default();
    roots.changed.iter().for_each(|row| three(&mut table, "", row));
    text.push_str(&table.show(screen));
}

/// Things that only one of the images has.
fn only(text: &mut String, old: impl Iterator<Item = String>, new: impl Iterator<Item = String>) {
    for gone in old {
        let _ = writeln!(text, "  {BAD}- {}{BAD:#}", escaped(&gone));
    }
    for come in new {
        let _ = writeln!(text, "  {GOOD}+ {}{GOOD:#}", escaped(&come));
    }
}
