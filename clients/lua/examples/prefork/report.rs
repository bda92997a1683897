//! What is printed.

use super::block_log::Blocks;
use super::lua_heap::{HeapCopies, InUse};
use super::measure::Pages;
use super::subject::{Expected, Subject};
use permacode::stats::CodeStats;
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
    fn is_right(&self) -> bool {
        self.right == self.programs
    }

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
    pub stats: CodeStats,
    /// What loading in place leaves in Lua's heap.
    pub rest: (&'r Blocks, &'r Pages),
    /// What loading the ordinary way puts there.
    pub copies: (&'r Blocks, &'r Pages),
    /// Of that, what lies in the arena when loading in place.
    pub same: (&'r Blocks, &'r Pages),
    pub code: &'r Pages,
    /// Pages of the arena that some worker copied; `None` when no worker lived long enough to be looked at.
    pub code_copied: Option<usize>,
    /// `None` when Lua's objects lie with `malloc`.
    pub heaps: Option<Heaps<'r>>,
    /// Processes that are not related, if the code is an image.
    pub strangers: &'r [Row<Stranger>],
}

/// What a worker of the first round copied.
pub struct InPlace {
    /// Bytes of the code arena's mappings.
    pub dirty: u64,
    /// Pages of the code arena.
    pub pages: usize,
    /// Pages of what in-place loading leaves in Lua's heap.
    pub rest: usize,
    pub heap: Option<HeapCopies>,
}

/// The share of a process that opened the image by itself.
pub struct Stranger {
    /// Pages that no other process has.
    pub private: usize,
    /// Bytes that are in its memory.
    pub resident: usize,
}

/// What a worker of the control copied.
pub struct Control {
    /// Pages of what ordinary loading puts into Lua's heap.
    pub all: usize,
    /// Of these, those of instructions and line information.
    pub same: usize,
    pub heap: Option<HeapCopies>,
}

/// The heap arenas of both rounds.
pub struct Heaps<'r> {
    pub in_place: &'r InUse,
    pub control: &'r InUse,
    pub fence: bool,
    /// Bytes and objects that lived after the states were closed.
    pub left: (usize, usize),
}

/// Writes the report: the result first, and behind it a summary of three lines or all tables.
pub fn text(in_place: &[Row<InPlace>], control: &[Row<Control>], summary: &Summary<'_>, verbose: bool) -> String {
    let mut text = match summary.code_copied {
        Some(copied) => format!("code pages copied: {copied} of {}\n\n", summary.stats.pages),
        None => "code pages copied: not measured, no worker answered\n\n".to_owned(),
    };
    match verbose {
        true => tables(&mut text, in_place, control, summary),
        false => brief(&mut text, in_place, control, summary),
    }
    text
}

/// Says in a few lines what ran, and what the worker that copied most has for itself. Writing to a string does not fail.
fn brief(text: &mut String, in_place: &[Row<InPlace>], control: &[Row<Control>], summary: &Summary<'_>) {
    let right = in_place.iter().all(Row::is_right)
        && control.iter().all(Row::is_right)
        && summary.strangers.iter().all(Row::is_right);
    let outcome = if right { "every output was right" } else { "not every output was right, or known" };
    let _ = writeln!(
        text,
        "{} Lua program{} in each of {} workers: {outcome}",
        summary.subjects.len(),
        if summary.subjects.len() == 1 { "" } else { "s" },
        in_place.len()
    );
    let most = |code: &Pages, most: Option<usize>| match most {
        Some(most) => format!("{} of {} kB", code.kilobytes(most), code.kilobytes(code.count())),
        None => "not measured".to_owned(),
    };
    let (arena, copies) = (summary.code, summary.copies.1);
    let arena = most(arena, in_place.iter().filter_map(|row| row.measured.as_ref().map(|seen| seen.pages)).max());
    let own = |pages| most(summary.code, pages);
    let copies = most(copies, control.iter().filter_map(|row| row.measured.as_ref().map(|seen| seen.all)).max());
    let _ = writeln!(text, "in the code arena, a worker copied at most                    {arena}");
    if !summary.strangers.is_empty() {
        let most = summary.strangers.iter().filter_map(|row| row.measured.as_ref().map(|seen| seen.private)).max();
        let _ = writeln!(text, "of the image, a process not related has alone at most         {}", own(most));
    }
    let _ = writeln!(text, "control, loaded into Lua's heap, a worker copied at most      {copies}");
    if let Some(heaps) = &summary.heaps {
        after_close(text, heaps);
    }
    text.push_str("--verbose shows each worker, and what lies where\n");
}

/// The tables, and the lines below them.
fn tables(text: &mut String, in_place: &[Row<InPlace>], control: &[Row<Control>], summary: &Summary<'_>) {
    let rows = summary.subjects.iter().zip(summary.chunks).map(|(subject, chunk)| {
        let printed = subject.expected.bytes().map_or("?".to_owned(), |bytes| bytes.len().to_string());
        [subject.name.clone(), chunk.bytes().len().to_string(), printed, subject.expected.origin().to_owned()]
    });
    let head = ["program", "chunk, bytes", "output, bytes", "expected output from"].map(str::to_owned);
    table(text, "<>><", [head].into_iter().chain(rows));
    text.push('\n');

    let (code, copies) = (summary.code, summary.copies.1);
    let all = copies.kilobytes(copies.count());
    let rows = in_place.iter().zip(control).map(|(row, control)| {
        [
            row.number.to_string(),
            row.pid.to_string(),
            row.ok(),
            row.figure(|seen| format!("{} kB", seen.dirty / 1024)),
            row.figure(|seen| format!("{} kB of {}", code.kilobytes(seen.pages), code.kilobytes(code.count()))),
            control.pid.to_string(),
            control.ok(),
            control.figure(|seen| format!("{} kB of {all}", copies.kilobytes(seen.all))),
        ]
    });
    let heads = [
        ["", "", "code in the", "arena: private", "arena: pages", "control's", "control:", "control: code"],
        ["worker", "pid", "arena: ok", "dirty (smaps)", "copied (pagemap)", "pid", "ok", "pages copied"],
    ];
    table(text, ">>>>>>>>", heads.map(|head| head.map(str::to_owned)).into_iter().chain(rows));
    text.push('\n');
    if !summary.strangers.is_empty() {
        strangers_table(text, summary);
    }
    if let Some(heaps) = &summary.heaps {
        heap_table(text, in_place, control, heaps);
    }
    lines(text, in_place, control, summary);
}

/// The shares of processes that are not related.
fn strangers_table(text: &mut String, summary: &Summary<'_>) {
    let code = summary.code;
    let all = code.kilobytes(code.count());
    let rows = summary.strangers.iter().map(|row| {
        [
            row.number.to_string(),
            row.pid.to_string(),
            row.ok(),
            row.figure(|seen| format!("{} kB of {all}", seen.resident / 1024)),
            row.figure(|seen| format!("{} kB", code.kilobytes(seen.private))),
        ]
    });
    let head = ["not related", "pid", "ok", "image: resident", "private (pagemap)"].map(str::to_owned);
    table(text, ">>>>>", [head].into_iter().chain(rows));
    text.push('\n');
}

/// What the workers copied of the heap arenas.
fn heap_table(text: &mut String, in_place: &[Row<InPlace>], control: &[Row<Control>], heaps: &Heaps<'_>) {
    // Why a worker was not measured, the table above says.
    let cells = |heap: Option<HeapCopies>, used: &InUse| match heap {
        Some(heap) => {
            let dirty = format!("{} + {} kB", heap.dirty / 1024, heap.bookkeeping / 1024);
            [dirty, format!("{} of {}", heap.copied, used.pages.count())]
        }
        None => ["–", "–"].map(str::to_owned),
    };
    let rows = in_place.iter().zip(control).map(|(row, control)| {
        let [dirty, copied] = cells(row.measured.as_ref().and_then(|seen| seen.heap), heaps.in_place);
        let [control_dirty, control_copied] =
            cells(control.measured.as_ref().and_then(|seen| seen.heap), heaps.control);
        [row.number.to_string(), dirty, copied, control_dirty, control_copied]
    });
    let heads = [
        ["", "heap arena, private dirty:", "pages in use at", "control's, private dirty:", "pages in use at"],
        ["worker", "objects + bookkeeping", "the fork, copied", "objects + bookkeeping", "the fork, copied"],
    ];
    table(text, ">>>>>", heads.map(|head| head.map(str::to_owned)).into_iter().chain(rows));
    text.push('\n');
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
        "code arena: {} bytes used on {} pages, {} unsealed, {} mapping{}",
        stats.used,
        stats.pages,
        stats.unsealed,
        stats.mappings,
        if stats.mappings == 1 { "" } else { "s" }
    );
    if let Some(heaps) = &summary.heaps {
        arena_line(text, "heap arena", heaps.in_place, heaps.fence);
        arena_line(text, "heap arena of the control", heaps.control, heaps.fence);
    }
    let most = in_place.iter().filter_map(|row| row.measured.as_ref().map(|seen| seen.rest)).max();
    left(text, "in place, loading leaves in Lua's heap", rest, most);
    let most = |figure: fn(&Control) -> usize| control.iter().filter_map(|row| row.measured.as_ref().map(figure)).max();
    left(text, "control, loading puts into Lua's heap", copies, most(|seen| seen.all));
    left(text, "  of that, instructions and line information", same, most(|seen| seen.same));
    if let Some(heaps) = &summary.heaps {
        after_close(text, heaps);
    }
}

fn after_close(text: &mut String, Heaps { left: (bytes, objects), .. }: &Heaps<'_>) {
    let what = if *objects == 0 { String::new() } else { format!(" in {objects} objects") };
    let _ = writeln!(text, "heap arena after lua_close: {bytes} live bytes{what}");
}

fn arena_line(text: &mut String, title: &str, used: &InUse, fence: bool) {
    let InUse { bytes, objects, pages, .. } = used;
    let fence = if fence { "fenced" } else { "no fence" };
    let _ = writeln!(
        text,
        "{title}: {bytes} bytes live in {objects} objects on {} pages at the fork, {fence}",
        pages.count()
    );
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
