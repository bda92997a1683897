//! The children's samples, and the table that they make.

use crate::Outcome;
use crate::harness::print_table;
use crate::heap::{Sample, TRIMMED};
use crate::patterns;
use crate::subjects::{self, Subject};
use std::process::Command;

const MIB: f64 = (1 << 20) as f64;

/// What one allocator did in one pattern.
pub(crate) struct Seen {
    pub(crate) samples: Vec<Sample>,
    pub(crate) moments: Vec<(String, Sample)>,
}

/// What all of them did in one pattern.
pub(crate) struct Result {
    pub(crate) name: &'static str,
    /// In the order of [`subjects::ALL`].
    pub(crate) seen: Vec<Seen>,
}

/// Runs a pattern, in a process for each allocator.
pub(crate) fn ask(pattern: usize) -> Outcome<Result> {
    let name = patterns::all()[pattern].name;
    eprintln!("{name} …");
    let ask_one = |subject: usize| -> Outcome<Seen> {
        let arguments = ["--bench", "--child", &pattern.to_string(), "--subject", &subject.to_string()];
        let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{name}, {}: {}: {said}", subjects::ALL[subject].name(), output.status).into());
        }
        let mut seen = Seen { samples: Vec::new(), moments: Vec::new() };
        for line in String::from_utf8(output.stdout)?.lines() {
            let mut words = line.splitn(5, ' ');
            let kind = words.next().unwrap_or_default();
            let mut number = || -> Outcome<f64> { Ok(words.next().ok_or("a sample without its numbers")?.parse()?) };
            let sample = Sample { calls: number()?, live: number()?, resident: number()? };
            match kind {
                "sample" => seen.samples.push(sample),
                _ => seen.moments.push((words.next().unwrap_or_default().to_string(), sample)),
            }
        }
        Ok(seen)
    };
    Ok(Result { name, seen: (0..subjects::ALL.len()).map(ask_one).collect::<Outcome<_>>()? })
}

/// What an allocator may have resident, in MiB: numbers N20. What is below 16 counts as 16.
fn bound(jemalloc: f64, mimalloc: f64) -> f64 {
    1.25 * jemalloc.min(mimalloc).max(16.0)
}

/// Prints what was resident at each pattern's moments, how much at most, and which moments are not as N20 asks.
pub(crate) fn print(results: &[Result]) {
    let column = |subject: Subject| subjects::ALL.iter().position(|&other| other == subject).unwrap_or(0);
    let columns = subjects::ALL.map(column);
    let head = ["pattern, moment", "live"].into_iter().chain(subjects::ALL.map(Subject::name)).chain(["bound", ""]);
    let head: Vec<&str> = head.collect();
    let (mut rows, mut peaks) = (Vec::new(), Vec::new());
    for Result { name, seen } in results {
        for (at, (moment, _)) in seen[0].moments.iter().enumerate() {
            let of = |subject: Subject| seen[column(subject)].moments[at].1.resident / MIB;
            let bound = bound(of(Subject::Jemalloc), of(Subject::Mimalloc));
            let mine = of(Subject::Permacode);
            let beside = mine.max(16.0) / of(Subject::Glibc).max(16.0);
            let verdict = match moment.as_str() {
                TRIMMED => String::new(),
                _ if mine > bound => "**over the bound**".into(),
                _ if beside > 1.5 => format!("{beside:.2} × glibc"),
                _ => String::new(),
            };
            let cells = columns.map(|column| format!("{:.1}", seen[column].moments[at].1.resident / MIB));
            let first = [format!("{name}, {moment}"), format!("{:.1}", seen[0].moments[at].1.live / MIB)];
            rows.push(first.into_iter().chain(cells).chain([format!("{bound:.0}"), verdict]).collect());
        }
        let most = |of: &dyn Fn(&Sample) -> f64, seen: &Seen| seen.samples.iter().map(of).fold(0.0, f64::max) / MIB;
        let cells = columns.map(|column| format!("{:.1}", most(&|sample| sample.resident, &seen[column])));
        let live = most(&|sample| sample.live, &seen[0]);
        peaks.push([name.to_string(), format!("{live:.1}")].into_iter().chain(cells).collect::<Vec<_>>());
    }
    print_table("N20: MiB resident; the bound is 1.25 times the better of jemalloc and mimalloc", &head, &rows);
    print_table("MiB resident at most", &head[..2 + columns.len()], &peaks);
    over_time(results);
}

/// Prints what was resident at tenths of each pattern, the calls behind it included.
fn over_time(results: &[Result]) {
    let tenths: Vec<String> = (0..=10).map(|tenth| format!("{} %", tenth * 10)).collect();
    let head: Vec<&str> = ["pattern, allocator"].into_iter().chain(tenths.iter().map(String::as_str)).collect();
    let mut rows = Vec::new();
    for Result { name, seen } in results {
        for (subject, seen) in subjects::ALL.iter().zip(seen) {
            let last = seen.samples.last().map_or(0.0, |sample| sample.calls);
            let cell = |tenth: usize| {
                let at = last * tenth as f64 / 10.0;
                let sample = seen.samples.iter().rev().find(|sample| sample.calls <= at);
                sample.map_or(String::new(), |sample| format!("{:.0}", sample.resident / MIB))
            };
            rows.push([format!("{name}, {}", subject.name())].into_iter().chain((0..=10).map(cell)).collect());
        }
    }
    print_table("MiB resident over time, in parts of all calls", &head, &rows);
}
