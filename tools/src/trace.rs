//! `permacode trace`: the pages of a file that are in memory, who has mapped them, and what comes in over time.

use crate::cache::CachedFile;
use crate::cli::Trace;
use crate::failure::{Failure, REFUSED};
use crate::maps::{Map, all_processes, command_of};
use crate::outcome::{self, Outcome};
use crate::screen::{Cell, DIM, GOOD, HEADING, Screen, Table, escaped, grouped, heading, percent};
use permacode::image::inspect::Inspection;
use permacode::residency::{PageState, Residency};
use serde::Serialize;
use std::fmt::Write;
use std::fs::{File, Metadata};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

/// All looks at a file.
#[derive(Serialize)]
struct Report {
    path: String,
    page: usize,
    pages: usize,
    /// `false` if the kernel does not tell this user which pages are in memory.
    is_cache_told: bool,
    sections: Vec<Section>,
    looks: Vec<Look>,
    /// Pages that were mapped in a look, and were not in the first.
    touched: Vec<Range<usize>>,
}

/// A section, in pages of the file that it touches.
#[derive(Serialize)]
struct Section {
    name: String,
    pages: Range<usize>,
}

/// A look: ranges of pages.
#[derive(Serialize)]
struct Look {
    seconds: f64,
    cached: Vec<Range<usize>>,
    processes: Vec<Process>,
    /// For each page: how many processes have it mapped.
    #[serde(skip)]
    mapped: Vec<u32>,
    #[serde(skip)]
    is_cached: Vec<bool>,
}

#[derive(Serialize)]
struct Process {
    pid: u32,
    command: String,
    mapped: Vec<Range<usize>>,
}

pub fn run(arguments: &Trace, screen: Screen, as_json: bool) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    let image = Inspection::open(path).map_err(|error| Failure::of_image(path, &error))?;
    let refused = |error: std::io::Error| Failure::of_file(REFUSED, path, &error.to_string());
    let file = File::open(path).map_err(refused)?;
    let cached = CachedFile::new(path, &file).map_err(refused)?;
    let (page, metadata) = (cached.page(), file.metadata().map_err(refused)?);
    let pages = usize::try_from(metadata.len()).unwrap_or(usize::MAX).div_ceil(page);
    let mut report = Report {
        path: path.to_string_lossy().into_owned(),
        page,
        pages,
        is_cache_told: cached.is_told,
        sections: sections(&image, page),
        looks: Vec::new(),
        touched: Vec::new(),
    };
    let begin = Instant::now();
    // Lines come while it looks. All else comes at the end.
    let say = |text: &str| (!as_json).then(|| outcome::print(text, 0));
    say(&head(&report));
    let mut touched = vec![false; pages];
    for number in 0..arguments.count {
        if number > 0 {
            std::thread::sleep(Duration::from_secs_f64(arguments.every));
        }
        let look = look(arguments, &metadata, (page, pages), &cached, begin)?;
        let before = report.looks.first().map(|first: &Look| &first.mapped);
        let mut new = 0;
        if let Some(before) = before {
            for (touched, _) in touched
                .iter_mut()
                .zip(before.iter().zip(&look.mapped))
                .filter(|(_, (old, now))| **old == 0 && **now > 0)
            {
                new += usize::from(!*touched);
                *touched = true;
            }
        }
        say(&line(&report, &look, new));
        report.looks.push(look);
    }
    report.touched = ranges(&touched);
    let text = show(&report, &touched, screen);
    Ok(Outcome::new(text, &report))
}

fn sections(image: &Inspection, page: usize) -> Vec<Section> {
    let number = |at: u64| usize::try_from((image.offset() + at) / page as u64).unwrap_or(usize::MAX);
    let section = |section: permacode::image::inspect::Section| Section {
        name: section.kind.to_string(),
        pages: number(section.range.start)..number(section.range.end - 1) + 1,
    };
    image.sections().map(section).collect()
}

fn look(
    arguments: &Trace,
    file: &Metadata,
    (page, pages): (usize, usize),
    cached: &CachedFile,
    begin: Instant,
) -> Result<Look, Failure> {
    let failed = |error: std::io::Error| Failure::of_file(REFUSED, &arguments.file, &error.to_string());
    let is_cached = cached.pages().map_err(failed)?;
    let pids = if arguments.pid.is_empty() { all_processes()? } else { arguments.pid.clone() };
    let (mut mapped, mut processes) = (vec![0u32; pages], Vec::new());
    for pid in pids {
        let own = match mapped_by(pid, (&arguments.file, file), (page, pages)) {
            Ok(own) => own,
            // Of all processes some end meanwhile, and some are others'.
            Err(_) if arguments.pid.is_empty() => continue,
            Err(failure) => return Err(failure),
        };
        let Some(own) = own else { continue };
        mapped.iter_mut().zip(&own).for_each(|(count, &own)| *count += u32::from(own));
        processes.push(Process { pid, command: command_of(pid), mapped: ranges(&own) });
    }
    let cached = if cached.is_told { ranges(&is_cached) } else { Vec::new() };
    Ok(Look { seconds: begin.elapsed().as_secs_f64(), cached, processes, mapped, is_cached })
}

/// The pages of the file that a process has mapped, and that are in its tables of pages. `None` if it maps none.
fn mapped_by(
    pid: u32,
    (path, file): (&Path, &Metadata),
    (page, pages): (usize, usize),
) -> Result<Option<Vec<bool>>, Failure> {
    let maps = Map::all(pid).map_err(|error| Failure::of_proc(pid, &error))?;
    // The trace maps the file itself, without reading it.
    let is_of_file =
        |map: &&Map| map.is_of(file, path) && map.is_shared && (map.is_readable || pid != std::process::id());
    let maps: Vec<_> = maps.iter().filter(is_of_file).collect();
    if maps.is_empty() {
        return Ok(None);
    }
    let ranges: Vec<_> = maps.iter().map(|map| map.range.clone()).collect();
    let residencies = Residency::of_ranges(pid, &ranges).map_err(|error| Failure::of_process(pid, &error))?;
    let mut own = vec![false; pages];
    for (map, residency) in maps.into_iter().zip(residencies) {
        for stretch in residency.stretches().iter().filter(|stretch| stretch.state != PageState::Swapped) {
            let start = (map.offset as usize + stretch.range.start.saturating_sub(map.range.start)) / page;
            let end = start.saturating_add(stretch.range.len() / page).min(pages);
            own[start.min(end)..end].iter_mut().for_each(|page| *page = true);
        }
    }
    Ok(Some(own))
}

/// The ranges of what is true.
fn ranges(of: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (number, _) in of.iter().enumerate().filter(|(_, is)| **is) {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

fn head(report: &Report) -> String {
    let mut text = String::new();
    let bytes = format!("{} pages of {} bytes", grouped(report.pages as u64), report.page);
    heading(&mut text, &escaped(&report.path), &bytes);
    if !report.is_cache_told {
        text.push_str("  The kernel says which pages are in memory to the owner of the file, and to those who may write to it. This user is neither.\n");
    }
    let _ = writeln!(
        text,
        "  {HEADING}{:>9}  {:>9}  {:>9}  {:>9}  {:>9}{HEADING:#}",
        "seconds", "in memory", "mapped", "touched", "processes"
    );
    text
}

fn line(report: &Report, look: &Look, new: usize) -> String {
    let count = |number: usize| grouped(number as u64);
    let cached = look.is_cached.iter().filter(|&&is| is).count();
    let cached = if report.is_cache_told { count(cached) } else { "?".to_owned() };
    let mapped = look.mapped.iter().filter(|&&by| by > 0).count();
    format!(
        "  {:>9.1}  {cached:>9}  {:>9}  {:>9}  {:>9}\n",
        look.seconds,
        count(mapped),
        count(new),
        look.processes.len()
    )
}

fn show(report: &Report, touched: &[bool], screen: Screen) -> String {
    let mut text = String::from("\n");
    let Some(last) = report.looks.last() else { return text };
    let columns = screen.width.saturating_sub(42).clamp(20, 120);
    let mut table = Table::default();
    table.row(
        ["section", "pages", "in memory", ""]
            .map(|name| if name == "section" { Cell::left(name) } else { Cell::right(name) }.styled(HEADING)),
    );
    for section in &report.sections {
        let pages = section.pages.start.min(report.pages)..section.pages.end.min(report.pages);
        let cached = last.is_cached.get(pages.clone()).unwrap_or_default().iter().filter(|&&is| is).count();
        let share = if report.is_cache_told { percent(cached as u64, pages.len() as u64) } else { "?".to_owned() };
        table.row([
            Cell::left(&section.name),
            Cell::right(grouped(pages.len() as u64)),
            Cell::right(share),
            Cell::left(picture(&pages, last, touched, report.is_cache_told, columns)).styled(GOOD),
        ]);
    }
    text.push_str(&table.show(screen));
    let rest = if report.is_cache_told { "░ in memory only, · not in memory" } else { "· not mapped" };
    let _ =
        writeln!(text, "  {DIM}█ mapped by several processes, ▓ by one, ▲ touched since the first look, {rest}{DIM:#}");
    let mut table = Table::default();
    for process in &last.processes {
        let mapped = process.mapped.iter().map(|range| range.end - range.start).sum::<usize>();
        let of = format!("{} pages mapped, {}", grouped(mapped as u64), percent(mapped as u64, report.pages as u64));
        table.row([Cell::left(format!("process {}", process.pid)), Cell::left(&process.command), Cell::left(of)]);
    }
    if last.processes.is_empty() {
        table.row([Cell::left("no process that this user may look at has it mapped").styled(DIM)]);
    }
    text.push_str(&table.show(screen));
    text
}

/// A picture of pages: a character for some of them, by the page that most is to be said of.
fn picture(pages: &Range<usize>, look: &Look, touched: &[bool], is_told: bool, columns: usize) -> String {
    let columns = columns.min(pages.len());
    let letter = |column: usize| {
        let cell = pages.start + column * pages.len() / columns..pages.start + (column + 1) * pages.len() / columns;
        let by = look.mapped[cell.clone()].iter().max().copied().unwrap_or(0);
        match by {
            _ if touched[cell.clone()].iter().any(|&is| is) => '▲',
            2.. => '█',
            1 => '▓',
            _ if is_told && look.is_cached[cell].iter().any(|&is| is) => '░',
            _ => '·',
        }
    };
    (0..columns).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_what_is_true() {
        assert_eq!(ranges(&[true, true, false, true]), [0..2, 3..4]);
        assert_eq!(ranges(&[]), []);
    }

    #[test]
    fn a_picture_shows_the_most_of_each_cell() {
        let look = Look {
            seconds: 0.0,
            cached: Vec::new(),
            processes: Vec::new(),
            mapped: vec![0, 2, 1, 0, 0, 0, 1, 0],
            is_cached: vec![true, true, true, true, false, false, true, false],
        };
        let touched = [false, false, false, false, false, false, true, false];
        assert_eq!(picture(&(0..8), &look, &touched, true, 8), "░█▓░··▲·");
        assert_eq!(picture(&(0..8), &look, &touched, true, 4), "█▓·▲");
        assert_eq!(picture(&(0..8), &look, &touched, false, 8), "·█▓···▲·");
        assert_eq!(picture(&(3..3), &look, &touched, true, 8), "");
    }
}
