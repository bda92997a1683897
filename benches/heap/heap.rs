//! The heap arena against other allocators: recorded traces, fixed sizes, collections, memory, instructions, a full heap.
//!
//! `cargo bench -p permacode-heap-bench --features snmalloc` prints the tables of BENCHMARKS.md. Behind `--`: `--rounds 5` is quicker, and
//! rougher (of the traces there are four times as many); `--only 2` prints one part of six; `--alone 1 --load 4` runs one subject with one
//! load, for a profiler.
//!
//! All subjects run in one process, each once a round. A sample is checked: see `replay.rs`.

mod calls;
mod collections;
mod fixed;
mod full;
#[path = "../harness/mod.rs"]
mod harness;
mod instructions;
mod memory;
#[path = "../harness/options.rs"]
mod options;
mod replay;
mod resident;
mod subjects;
mod trace;

use harness::{Clock, Samples, interleave, print_table};
use options::Options;
use replay::{Replay, Verify, table};
use std::error::Error;
use std::time::Duration;
use subjects::{Heaps, Subject};
use trace::{NAMES, Trace};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    if let Some(subject) = options.number("--child") {
        return memory::child(&options, subject);
    }
    if let Some(kind) = options.number("--count") {
        return instructions::child(&options, kind);
    }
    if let Some(subject) = options.number("--alone") {
        return alone(&options, subjects::all()[subject]);
    }
    let rounds = options.number("--rounds").unwrap_or(15);
    let wanted = |part: usize| options.number("--only").is_none_or(|only| only == part);
    let mut heaps = Heaps::new()?;
    if wanted(1) {
        // More, because what else the machine does shows most where memory is waited for.
        traces(&mut heaps, 4 * rounds + 1)?;
    }
    if wanted(2) {
        fixed::print(&heaps, rounds)?;
    }
    if wanted(3) {
        collections::print(&heaps, rounds)?;
    }
    if wanted(4) {
        memory::print(rounds.min(3))?;
    }
    if wanted(5) {
        instructions::print()?;
    }
    if wanted(6) {
        full::print(rounds)?;
    }
    Ok(())
}

/// Fails for a subject that mixed up its objects.
fn right(subject: Subject, wrong: usize) -> Outcome<()> {
    if wrong == 0 {
        Ok(())
    } else {
        Err(format!("{}: {wrong} objects had something else in them", subject.name()).into())
    }
}

/// One subject and one load, again and again: for a profiler. The loads are the traces, then the fixed sizes.
fn alone(options: &Options, subject: Subject) -> Outcome<()> {
    let (load, rounds) = (options.number("--load").unwrap_or(0), options.number("--rounds").unwrap_or(20));
    let mut heaps = Heaps::new()?;
    let Some(name) = NAMES.get(load) else { return fixed::alone(&heaps, subject, rounds, load - NAMES.len()) };
    let trace = Trace::read(name)?;
    let mut table = table(trace.slots);
    for _ in 0..rounds {
        right(subject, heaps.called(subject, Replay { ops: trace.calls.ops(), table: &mut table })?)?;
        heaps.reset();
    }
    Ok(())
}

fn traces(heaps: &mut Heaps, rounds: usize) -> Outcome<()> {
    let subjects = subjects::all();
    let (mut called, mut inlined) = (Report::new(&subjects), Report::new(&subjects));
    for name in NAMES {
        let trace = Trace::read(name)?;
        let (ops, mut table) = (trace.calls.ops(), table(trace.slots));
        let a_call = |time: Duration| time.as_nanos() as f64 / trace.calls.len() as f64;
        for &subject in &subjects {
            right(subject, heaps.inlined(subject, Verify(Replay { ops, table: &mut table }))?)?;
            heaps.reset();
        }
        let samples = interleave(rounds, subjects.len(), |subject| {
            let subject = subjects[subject];
            let clock = Clock::start();
            let mut wrong = heaps.called(subject, Replay { ops, table: &mut table })?;
            let first = clock.elapsed();
            heaps.reset();
            let clock = Clock::start();
            wrong += heaps.inlined(subject, Replay { ops, table: &mut table })?;
            let second = clock.elapsed();
            heaps.reset();
            right(subject, wrong).map(|()| [first, second].map(a_call))
        })?;
        let (first, second) = samples.into_iter().map(|[first, second]| ([first], [second])).unzip();
        called.add(name, first);
        inlined.add(name, second);
    }
    called.print(
        "N13: recorded traces, every allocator called through a table of functions; ns a call, ratio to mimalloc",
        true,
    );
    inlined.print("N13: the same, compiled for each allocator; ns a call, ratio to mimalloc", true);
    Ok(())
}

/// A table of loads by subjects. The first subject's cells are times, the others' ratios of medians to it.
struct Report {
    subjects: Vec<Subject>,
    rows: Vec<Vec<String>>,
    ratios: Vec<Vec<f64>>,
}

impl Report {
    fn new(subjects: &[Subject]) -> Self {
        Self { subjects: subjects.to_vec(), rows: Vec::new(), ratios: Vec::new() }
    }

    fn add(&mut self, name: &str, samples: Vec<[Samples; 1]>) {
        let Some(([base], others)) = samples.split_first() else { return };
        let cells = others.iter().map(|[other]| other.ratio_cell(base));
        self.rows.push([name.to_string(), base.cell()].into_iter().chain(cells).collect());
        self.ratios.push(others.iter().map(|[other]| other.quartiles()[1] / base.quartiles()[1]).collect());
    }

    fn print(mut self, title: &str, summary: bool) {
        if summary {
            let column = |other: usize| self.ratios.iter().map(move |row| row[other]);
            let others = 0..self.subjects.len() - 1;
            let mean = |other| (column(other).map(f64::ln).sum::<f64>() / self.ratios.len() as f64).exp();
            let cells: Vec<_> = others
                .map(|other| format!("**{:.2}** / {:.2}", mean(other), column(other).fold(0.0, f64::max)))
                .collect();
            self.rows.push(["geometric mean / worst".into(), "1".into()].into_iter().chain(cells).collect());
        }
        let head: Vec<&str> = ["load"].into_iter().chain(self.subjects.iter().map(|subject| subject.name())).collect();
        print_table(title, &head, &self.rows);
    }
}
