//! The children's samples, and the table that they make.

use crate::Outcome;
use crate::harness::print_table;
use crate::heap::{SETTLED, Sample, TRIMMED};
use crate::patterns;
use crate::subjects::{self, Subject};
use std::process::{Child, Command, Stdio};

const MIB: f64 = (1 << 20) as f64;

/// What one allocator did in one pattern.
pub(crate) struct Seen {
    pub(crate) samples: Vec<Sample>,
    pub(crate) moments: Vec<(String, Sample)>,
    /// The most that was live and resident, each at its own time.
    most: Sample,
}

impl Seen {
    /// Where a moment lies, from 0 to 1: the pattern's calls take three quarters, the calls behind it the rest.
    pub(crate) fn place(&self, sample: &Sample) -> f64 {
        let last = self.samples.last().map_or(0.0, |sample| sample.calls);
        // The last two moments are behind the pattern.
        let end = self.moments.iter().rev().nth(2).map_or(last, |(_, sample)| sample.calls);
        if sample.calls <= end {
            0.75 * sample.calls / end.max(1.0)
        } else {
            0.75 + 0.25 * (sample.calls - end) / (last - end).max(1.0)
        }
    }
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
    // All at once: memory is measured, and no time.
    let start = |subject: usize| -> Outcome<Child> {
        let arguments = ["--bench", "--child", &pattern.to_string(), "--subject", &subject.to_string()];
        let mut command = Command::new(std::env::current_exe()?);
        Ok(command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    };
    let children = (0..subjects::ALL.len()).map(start).collect::<Outcome<Vec<_>>>()?;
    let hear = |(subject, child): (usize, Child)| -> Outcome<Seen> {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{name}, {}: {}: {said}", subjects::ALL[subject].name(), output.status).into());
        }
        let mut seen = Seen { samples: Vec::new(), moments: Vec::new(), most: Sample::default() };
        for line in String::from_utf8(output.stdout)?.lines() {
            let mut words = line.splitn(5, ' ');
            let kind = words.next().unwrap_or_default();
            let mut number = || -> Outcome<f64> { Ok(words.next().ok_or("a sample without its numbers")?.parse()?) };
            let sample = Sample { calls: number()?, live: number()?, resident: number()? };
            match kind {
                "sample" => seen.samples.push(sample),
                "most" => seen.most = sample,
                _ => seen.moments.push((words.next().unwrap_or_default().to_string(), sample)),
            }
        }
        Ok(seen)
    };
    Ok(Result { name, seen: children.into_iter().enumerate().map(hear).collect::<Outcome<_>>()? })
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
                SETTLED if mine > bound => "**over the bound**".into(),
                _ if mine > bound => "over the bound, for a while".into(),
                _ if beside > 1.5 => format!("{beside:.2} × glibc"),
                _ => String::new(),
            };
            let cells = columns.map(|column| format!("{:.1}", seen[column].moments[at].1.resident / MIB));
            let first = [format!("{name}, {moment}"), format!("{:.1}", seen[0].moments[at].1.live / MIB)];
            rows.push(first.into_iter().chain(cells).chain([format!("{bound:.0}"), verdict]).collect());
        }
        let cells = columns.map(|column| format!("{:.1}", seen[column].most.resident / MIB));
        let live = seen[0].most.live / MIB;
        peaks.push([name.to_string(), format!("{live:.1}")].into_iter().chain(cells).collect::<Vec<_>>());
    }
    print_table("N20: MiB resident; the bound is 1.25 times the better of jemalloc and mimalloc", &head, &rows);
    print_table("MiB resident at most", &head[..2 + columns.len()], &peaks);
    over_time(results);
}

/// Prints what was resident over time: a pattern's calls are three quarters of it, the 10 million behind it the rest.
fn over_time(results: &[Result]) {
    let tenths: Vec<String> = (0..=10).map(|tenth| format!("{} %", tenth * 10)).collect();
    let head: Vec<&str> = ["pattern, allocator"].into_iter().chain(tenths.iter().map(String::as_str)).collect();
    let mut rows = Vec::new();
    for Result { name, seen } in results {
        for (subject, seen) in subjects::ALL.iter().zip(seen) {
            let cell = |tenth: usize| {
                let sample = seen.samples.iter().rev().find(|sample| seen.place(sample) <= tenth as f64 / 10.0);
                sample.map_or(String::new(), |sample| format!("{:.0}", sample.resident / MIB))
            };
            rows.push([format!("{name}, {}", subject.name())].into_iter().chain((0..=10).map(cell)).collect());
        }
    }
    print_table("MiB resident over time; the calls behind a pattern begin at 75 %", &head, &rows);
}
