//! `permacode top`: what processes have in memory, shared or not, and why.

use crate::cli::Top;
use crate::failure::{FINE, Failure, REFUSED};
use crate::inspect::head;
use crate::maps::{Map, all_processes, command_of};
use crate::outcome::Outcome;
use crate::rebase::version_of;
use crate::screen::{BAD, Cell, DIM, GOOD, Screen, Table, addresses, counted, escaped, grouped, heading, stacked};
use crate::sighting::{self, Part, PartKind, Sighting};
use permacode::residency::{PageState, Residency};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

/// More ranges of one kind than these are shown as one.
const MANY: usize = 4;

/// A process.
#[derive(Serialize)]
struct ProcessReport {
    pid: u32,
    command: String,
    images: Vec<ImageReport>,
}

#[derive(Serialize)]
struct ImageReport {
    name: String,
    /// `None` for what is no image.
    version: Option<String>,
    digest: Option<String>,
    window: Option<usize>,
    why_moved: Option<String>,
    /// Whether it is recognised by the name of its memory alone, and so may be no arena's.
    by_name: bool,
    parts: Vec<PartReport>,
}

/// A range. Sizes are bytes.
#[derive(Serialize)]
struct PartReport {
    what: &'static str,
    start: usize,
    end: usize,
    resident: usize,
    /// Pages that other processes have too.
    shared: usize,
    /// Private memory, which no other process has.
    private: usize,
    /// Pages of a file that no other process maps now.
    mapped_here_only: usize,
    swapped: usize,
    why: Option<String>,
}

pub fn run(arguments: &Top, screen: Screen) -> Result<Outcome, Failure> {
    let is_search = arguments.pid.is_empty();
    let pids = if is_search { all_processes()? } else { arguments.pid.clone() };
    let (mut reports, mut failures, mut unseen) = (Vec::new(), Vec::new(), 0);
    for pid in pids {
        match report(pid) {
            // Any program may name memory, and many do.
            Ok(report) if is_search && report.images.iter().all(|image| image.by_name) => {}
            Ok(report) => reports.push(report),
            // Of all processes some are others', some end meanwhile, and some are the kernel's.
            Err(_) if is_search => unseen += usize::from(is_others(pid)),
            Err(failure) => failures.push(failure),
        }
    }
    let mut text = String::new();
    for report in &reports {
        show(&mut text, report, screen);
    }
    if reports.is_empty() && failures.is_empty() {
        text.push_str("No process that this user may look at has an image in memory.\n");
    }
    if !reports.is_empty() {
        let _ = writeln!(
            text,
            "{DIM}KiB. {DIM:#}{GOOD}█{GOOD:#}{DIM} shared: mapped elsewhere too. ▓ A file's pages that are mapped here only. {DIM:#}{BAD}▒{BAD:#}{DIM} Private. · Not in memory.\n\
             Other arenas are seen by their names only, `[anon:NAME]`, if the program uses `NamedPages` and the kernel has names.\n\
             Without one they cannot be told from a program's own memory: ask `CodeArena::residency` in it.{DIM:#}"
        );
    }
    if unseen > 0 {
        let _ = writeln!(
            text,
            "{DIM}{} more could not be looked at: the right to trace is needed, which root has.{DIM:#}",
            grouped(unseen as u64)
        );
    }
    let code = if failures.is_empty() { FINE } else { REFUSED };
    Ok(Outcome::new(text, &reports).with_code(code).with_failures(failures))
}

/// Returns `true` for a process that this user may not look at.
fn is_others(pid: u32) -> bool {
    Map::all(pid).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

fn report(pid: u32) -> Result<ProcessReport, Failure> {
    let maps = Map::all(pid).map_err(|error| Failure::of_proc(pid, &error))?;
    if maps.is_empty() && !std::path::Path::new(&format!("/proc/{pid}/exe")).exists() {
        // A thread of the kernel's, or a process that has ended.
        return Err(Failure::of_proc(pid, &io::Error::other("it has no memory: it is the kernel's, or has ended")));
    }
    let sightings = sighting::all(pid, &maps);
    // A process may have thousands of mappings, of which the kernel tells in one list.
    let ranges: Vec<_> = sightings.iter().flat_map(|sighting| &sighting.parts).map(|part| part.range.clone()).collect();
    let residencies = match ranges[..] {
        [] => Vec::new(),
        _ => Residency::of_ranges(pid, &ranges).map_err(|error| Failure::of_process(pid, &error))?,
    };
    let mut residencies = residencies.into_iter();
    let images = sightings.iter().map(|sighting| image_report(sighting, &mut residencies)).collect();
    Ok(ProcessReport { pid, command: command_of(pid), images })
}

fn image_report(sighting: &Sighting, residencies: &mut impl Iterator<Item = Residency>) -> ImageReport {
    let parts = sighting.parts.iter().zip(residencies);
    let parts = parts.map(|(part, residency)| part_report(part, &residency, sighting)).collect();
    let image = sighting.image.as_ref();
    ImageReport {
        name: sighting.name.clone(),
        version: image.map(|image| image.version().to_owned()),
        digest: image.map(|image| image.digest().to_string()),
        window: image.map(|image| image.window().start),
        why_moved: sighting.why_moved.clone(),
        by_name: sighting.parts.iter().all(|part| part.kind.is_named()),
        parts,
    }
}

fn part_report(part: &Part, residency: &Residency, sighting: &Sighting) -> PartReport {
    let (private, here) = (residency.private_dirty(), residency.bytes(PageState::MappedHereOnly));
    let copied = || match part.kind {
        PartKind::MovedCopy => sighting.why_moved.clone().unwrap_or_default(),
        kind if kind.is_named() || matches!(kind, PartKind::Records | PartKind::Loaded) => {
            "written by this process, or by none that it shares with any more".to_owned()
        }
        _ => "copied: it was written to after it was mapped".to_owned(),
    };
    let why = match (private, here) {
        (0, 0) => None,
        (0, _) => Some("no other process maps these pages now; the next one shares them".to_owned()),
        _ => Some(copied()),
    };
    PartReport {
        what: part.kind.shown(),
        start: part.range.start,
        end: part.range.end,
        resident: residency.resident(),
        shared: residency.shared(),
        private,
        mapped_here_only: here,
        swapped: residency.swapped(),
        why,
    }
}

fn show(text: &mut String, report: &ProcessReport, screen: Screen) {
    heading(text, &format!("process {}", report.pid), &report.command);
    if report.images.is_empty() {
        text.push_str("  no image, no hardened code, and no memory with a name\n");
    }
    for image in &report.images {
        let _ = match (&image.version, &image.digest, image.window) {
            (Some(version), Some(digest), Some(window)) => {
                let start = digest.get(..16).unwrap_or(digest);
                writeln!(text, "  {}  {}, digest {start}…, window {window:#x}", image.name, version_of(version))
            }
            _ if image.by_name => writeln!(text, "  {}  an arena's, or other memory that was named", image.name),
            _ => writeln!(text, "  {}", image.name),
        };
        let mut table = Table::default();
        head(&mut table, ["  ", "size", "resident", "shared", "here only", "private", ""]);
        // What an arena reserves is address space, until it is used.
        let shown = image.parts.iter().filter(|part| !part.is_reserve() || part.resident + part.swapped > 0);
        let mut kinds: BTreeMap<&str, Vec<&PartReport>> = BTreeMap::new();
        shown.clone().for_each(|part| kinds.entry(part.what).or_default().push(part));
        for part in shown.filter(|part| kinds[part.what].len() <= MANY) {
            table.row(row(part, &addresses(&(part.start..part.end)), screen));
        }
        for parts in kinds.values().filter(|parts| parts.len() > MANY) {
            table.row(row(&PartReport::sum(parts), &counted(parts.len() as u64, "place"), screen));
        }
        text.push_str(&table.show(screen));
        let mut told: Vec<&str> = Vec::new();
        for why in image.parts.iter().filter_map(|part| part.why.as_deref()).chain(image.why_moved.as_deref()) {
            if !told.contains(&why) {
                told.push(why);
                let _ = writeln!(text, "    {DIM}{}{DIM:#}", escaped(why));
            }
        }
    }
    text.push('\n');
}

impl PartReport {
    /// Several of one kind, as one.
    fn sum(parts: &[&Self]) -> Self {
        let sum = |of: fn(&Self) -> usize| parts.iter().map(|part| of(part)).sum();
        Self {
            what: parts.first().map_or("", |part| part.what),
            start: 0,
            end: sum(|part| part.end - part.start),
            resident: sum(|part| part.resident),
            shared: sum(|part| part.shared),
            private: sum(|part| part.private),
            mapped_here_only: sum(|part| part.mapped_here_only),
            swapped: sum(|part| part.swapped),
            why: None,
        }
    }

    /// Returns `true` for what an arena has reserved, most of which may be unused.
    fn is_reserve(&self) -> bool {
        [PartKind::Records, PartKind::Loaded, PartKind::NamedReserve].iter().any(|kind| kind.shown() == self.what)
    }
}

fn row(part: &PartReport, place: &str, screen: Screen) -> Vec<Cell> {
    let size = part.end - part.start;
    let whole = if part.is_reserve() { part.resident } else { size } as u64;
    let columns = (screen.width / 5).clamp(8, 30);
    let [shared, here, private] = [part.shared, part.mapped_here_only, part.private].map(|bytes| bytes as u64);
    let absent = whole.saturating_sub(shared + here + private);
    let style = if part.private > 0 && part.shared == 0 { BAD } else { GOOD };
    let bar = stacked(&[(shared, '█'), (here, '▓'), (private, '▒'), (absent, '·')], whole, columns);
    let kib = |bytes: usize| Cell::right(grouped(bytes as u64 >> 10));
    let private = kib(part.private).styled(if part.private > 0 { BAD } else { DIM });
    vec![
        Cell::left(format!("  {}", part.what)),
        if part.is_reserve() { Cell::right("reserved") } else { kib(size) },
        kib(part.resident),
        kib(part.shared),
        kib(part.mapped_here_only),
        private,
        Cell::left(bar).styled(style),
        Cell::left(place).styled(DIM),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_with_a_name_is_told_as_what_may_be_no_arena() {
        let part = |kind: PartKind, size: usize, private: usize| PartReport {
            what: kind.shown(),
            start: 0x1000,
            end: 0x1000 + size,
            resident: private,
            shared: 0,
            private,
            mapped_here_only: 0,
            swapped: 0,
            why: (private > 0).then(|| "written by this process".to_owned()),
        };
        let parts = vec![
            part(PartKind::NamedReadOnly, 8 << 10, 8 << 10),
            part(PartKind::NamedReserve, 64 << 20, 0), // address space only, which is not shown
        ];
        let name = "[anon:mylang code]".to_owned();
        let named =
            ImageReport { name, version: None, digest: None, window: None, why_moved: None, by_name: true, parts };
        let report = ProcessReport { pid: 7, command: "mylang".to_owned(), images: vec![named] };
        let mut text = String::new();
        show(&mut text, &report, Screen { width: 100, cuts: false });
        assert!(text.contains("  [anon:mylang code]  an arena's, or other memory that was named\n"), "{text}");
        assert!(text.contains("read only") && !text.contains("no access"), "{text}");
        assert!(text.contains("written by this process"), "{text}");
    }
}
