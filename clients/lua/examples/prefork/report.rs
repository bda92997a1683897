//! What is printed.

use super::block_log::Blocks;
use super::measure::Pages;
use super::subject::{Expected, Subject};
use permacode::Stats;
use permacode_lua::Chunk;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is known of one worker.
pub struct Row<M> {
    pub number: usize,
    pub pid: i32,
    /// Programs that printed what they should.
    pub right: usize,
    pub programs: usize,
    pub fate: Option<String>,
    /// `None` for a worker that was gone before it could be measured.
    pub measured: Option<M>,
}

impl<M> Row<M> {
    fn ok(&self) -> String {
        format!("{}/{}", self.right, self.programs)
    }

    /// The figure, or why there is none.
    fn figure(&self, text: impl FnOnce(&M) -> String) -> String {
        match (&self.measured, &self.fate) {
            (Some(measured), _) => text(measured),
            (None, Some(fate)) => fate.clone(),
            (None, None) => "not measured".to_owned(),
        }
    }
}

/// What holds for all workers together.
pub struct Summary<'r> {
    pub subjects: &'r [Subject],
    pub chunks: &'r [Chunk],
    pub stats: Stats,
    /// What loading in place leaves in Lua's heap.
    pub rest: (&'r Blocks, &'r Pages),
    /// What loading the ordinary way puts there.
    pub copies: (&'r Blocks, &'r Pages),
    /// Of that, what lies in the arena when loading in place.
    pub same: (&'r Blocks, &'r Pages),
    pub code: &'r Pages,
    /// Pages of the arena that some worker copied; `None` when no worker lived long enough to be looked at.
    pub code_copied: Option<usize>,
}

/// Bytes of private dirty memory and copied pages of the arena, copied pages of what in-place loading leaves in the heap.
type InPlace = (u64, usize, usize);
/// Copied pages of what ordinary loading puts into the heap, and of what of that is instructions and line information.
type Control = (usize, usize);

/// The whole report.
pub fn text(in_place: &[Row<InPlace>], control: &[Row<Control>], summary: &Summary<'_>) -> String {
    let mut text = String::new();
    let rows = summary.subjects.iter().zip(summary.chunks).map(|(subject, chunk)| {
        let printed = subject.expected.bytes().map_or("?".to_owned(), |bytes| bytes.len().to_string());
        [subject.name.clone(), chunk.bytes().len().to_string(), printed, subject.expected.origin().to_owned()]
    });
    let head = ["program", "chunk, bytes", "output, bytes", "expected output from"].map(str::to_owned);
    table(&mut text, "<>><", [head].into_iter().chain(rows));
    text.push('\n');

    let (code, copies) = (summary.code, summary.copies.1);
    let all = copies.kilobytes(copies.count());
    let rows = in_place.iter().zip(control).map(|(row, control)| {
        [
            row.number.to_string(),
            row.pid.to_string(),
            row.ok(),
            row.figure(|(dirty, ..)| format!("{} kB", dirty / 1024)),
            row.figure(|(_, pages, _)| format!("{} kB of {}", code.kilobytes(*pages), code.kilobytes(code.count()))),
            control.pid.to_string(),
            control.ok(),
            control.figure(|(pages, _)| format!("{} kB of {all}", copies.kilobytes(*pages))),
        ]
    });
    let heads = [
        ["", "", "code in the", "arena: private", "arena: pages", "control's", "control:", "control: code"],
        ["worker", "pid", "arena: ok", "dirty (smaps)", "copied (pagemap)", "pid", "ok", "pages copied"],
    ];
    table(&mut text, ">>>>>>>>", heads.map(|head| head.map(str::to_owned)).into_iter().chain(rows));
    text.push('\n');
    lines(&mut text, in_place, control, summary);
    text
}

/// The lines below the tables. Writing to a string does not fail.
fn lines(text: &mut String, in_place: &[Row<InPlace>], control: &[Row<Control>], summary: &Summary<'_>) {
    let Summary { subjects, chunks, stats, rest, copies, same, .. } = summary;
    let chunk_bytes: usize = chunks.iter().map(|chunk| chunk.bytes().len()).sum();
    let by_run = subjects.iter().filter(|subject| matches!(subject.expected, Expected::Reference(_))).count();
    let _ = writeln!(
        text,
        "programs: {} ({by_run} compared with a reference run), chunks {chunk_bytes} bytes",
        subjects.len()
    );
    let _ = writeln!(
        text,
        "arena: {} bytes used on {} pages, {} unsealed, {} mapping{}",
        stats.used,
        stats.pages,
        stats.unsealed,
        stats.mappings,
        if stats.mappings == 1 { "" } else { "s" }
    );
    let most = in_place.iter().filter_map(|row| row.measured.map(|(_, _, pages)| pages)).max();
    left(text, "in place, loading leaves in Lua's heap", rest, most);
    let most = |figure: fn(Control) -> usize| control.iter().filter_map(|row| row.measured.map(figure)).max();
    left(text, "control, loading puts into Lua's heap", copies, most(|(all, _)| all));
    left(text, "  of that, instructions and line information", same, most(|(_, same)| same));
    match summary.code_copied {
        Some(copied) => {
            let _ = writeln!(text, "code pages copied: {copied} of {}", stats.pages);
        }
        None => text.push_str("code pages copied: not measured, no worker answered\n"),
    }
}

fn left(text: &mut String, title: &str, (blocks, pages): &(&Blocks, &Pages), most: Option<usize>) {
    let copied = most.map_or("not measured".to_owned(), |most| format!("at most {most} copied by a worker"));
    let (bytes, count) = (blocks.bytes(), blocks.ranges.len());
    let _ = writeln!(text, "{title}: {bytes} bytes in {count} blocks on {} pages, {copied}", pages.count());
}

/// Aligns columns as `sides` says, `<` to the left and `>` to the right.
fn table<const N: usize>(text: &mut String, sides: &str, rows: impl Iterator<Item = [String; N]>) {
    let rows: Vec<_> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for ((cell, width), side) in row.iter().zip(&widths).zip(sides.chars()) {
            let _ = match side {
                '<' => write!(line, "{cell:<width$}   "),
                _ => write!(line, "{cell:>width$}   "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Where two outputs part.
pub fn difference(output: &[u8], expected: &[u8]) -> String {
    let at = output.iter().zip(expected).take_while(|(one, two)| one == two).count();
    let line = 1 + output[..at].iter().filter(|byte| **byte == b'\n').count();
    format!(
        "printed {} bytes where {} were expected, different from line {line} (byte {at}) on",
        output.len(),
        expected.len()
    )
}

/// What there is to say of programs, with the workers of which the same is to be said.
#[derive(Default)]
pub struct Complaints {
    workers: BTreeMap<(usize, String), Vec<usize>>,
}

impl Complaints {
    pub fn add(&mut self, program: usize, worker: usize, why: String) {
        self.workers.entry((program, why)).or_default().push(worker);
    }

    pub fn text(&self, title: &str, subjects: &[Subject]) -> String {
        let mut text = String::new();
        for ((program, why), workers) in &self.workers {
            let names: Vec<String> = workers.iter().map(usize::to_string).collect();
            let (plural, names) = (if names.len() == 1 { "" } else { "s" }, names.join(", "));
            let name = subjects.get(*program).map_or("?", |subject| &subject.name);
            let _ = writeln!(text, "prefork: {name}: worker{plural} {names} ({title}): {why}");
        }
        text
    }
}
