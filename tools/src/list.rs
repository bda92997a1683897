//! `permacode list`: everything of one kind, one a line.

use crate::cli::{List, What};
use crate::failure::Failure;
use crate::inspect::{head, type_name};
use crate::outcome::Outcome;
use crate::screen::{Cell, Screen, Table, escaped, grouped};
use crate::summary::Summary;
use permacode::image::inspect::Inspection;
use serde::Serialize;

/// A run.
#[derive(Serialize)]
struct RunRow {
    #[serde(rename = "type")]
    of: String,
    module: String,
    start: usize,
    values: usize,
    bytes: usize,
}

pub fn run(arguments: &List, screen: Screen) -> Result<Outcome, Failure> {
    let failed = |error| Failure::of_image(&arguments.file, &error);
    let image = Inspection::open(&arguments.file).map_err(failed)?;
    let summary = Summary::of(&arguments.file, &image);
    let mut table = Table::default();
    Ok(match arguments.what {
        What::Roots => {
            head(&mut table, ["root", "type", "place", "module"]);
            for root in &summary.roots {
                let module = root.module.as_deref().map_or_else(String::new, escaped);
                let place = format!("{:#x}", root.place);
                table.row([
                    Cell::left(escaped(&root.name)),
                    Cell::left(escaped(&root.of)),
                    Cell::right(place),
                    Cell::left(module),
                ]);
            }
            Outcome::new(table.show(screen), &summary.roots)
        }
        What::Modules => {
            head(&mut table, ["module", "values", "bytes"]);
            for module in &summary.modules {
                let (values, bytes) = (grouped(module.values), grouped(module.bytes));
                table.row([Cell::left(escaped(&module.name)), Cell::right(values), Cell::right(bytes)]);
            }
            Outcome::new(table.show(screen), &summary.modules)
        }
        What::Types => {
            head(&mut table, ["type", "values", "bytes"]);
            for of in &summary.types {
                let (values, bytes) = (grouped(of.values), grouped(of.bytes));
                table.row([
                    Cell::left(type_name(of)),
                    Cell::right(values),
                    Cell::right(bytes),
                    Cell::left(escaped(&of.layout)),
                ]);
            }
            Outcome::new(table.show(screen), &summary.types)
        }
        What::Names => {
            let names = image.names().map_err(failed)?;
            let text = names.iter().map(|name| format!("  {}\n", escaped(name))).collect();
            Outcome::new(text, &names)
        }
        What::Runs => {
            let runs = runs(&image);
            head(&mut table, ["type", "module", "start", "values", "bytes"]);
            for run in &runs {
                let (start, values) = (format!("{:#x}", run.start), grouped(run.values as u64));
                let numbers = [start, values, grouped(run.bytes as u64)].map(Cell::right);
                table.row([Cell::left(escaped(&run.of)), Cell::left(escaped(&run.module))].into_iter().chain(numbers));
            }
            Outcome::new(table.show(screen), &runs)
        }
    })
}

fn runs(image: &Inspection) -> Vec<RunRow> {
    let types: Vec<_> = image.types().map(|of| of.name).collect();
    let modules: Vec<_> = image.modules().map(|module| module.name).collect();
    let name = |names: &[&str], number: usize| names.get(number).map_or_else(String::new, |name| (*name).to_owned());
    let row = |run: permacode::image::inspect::RunInfo| RunRow {
        of: name(&types, run.of),
        module: name(&modules, run.module),
        start: run.start,
        values: run.values,
        bytes: run.bytes,
    };
    image.runs().map(row).collect()
}
