//! A picture of the pages of some processes, before and after: which they share, which are their own, which they never asked for.
//!
//! ```text
//!   before   1 ▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆    each decodes marshal into memory of its own
//!            2 ▆▆▆
//!   after    1 ░░░░░░░░           each maps the image
//!            2 ░    ░
//! ```
//!
//! A row is a process, and from left to right lie the addresses at which it has code, without the gaps between its mappings. The first half of the
//! processes load all modules, the others those of an ordinary program. The mapping in which the tables of the image are read is not drawn.

use super::memory::Mapped;
use super::prepare::Prepared;
use super::way::Way;
use super::worker::{Task, Worker};
use permacode::residency::{PageState, Residency};
use std::error::Error;
use std::fmt::Write;
use std::ops::Range;

const WIDTH: usize = 760;
const LEFT: usize = 165;
const ROW: usize = 14;
const SHARED: &str = "#3a7ca5";
const PRIVATE: &str = "#d1495b";
const ABSENT: &str = "#e4e4e4";

/// Pages of a process by kind, from left to right: runs of bytes.
struct Strip {
    runs: Vec<(usize, &'static str)>,
}

impl Strip {
    /// Reads it from the kernel.
    fn of(pid: u32, ranges: &[Range<usize>]) -> Result<Self, Box<dyn Error>> {
        let mut runs: Vec<(usize, &'static str)> = Vec::new();
        let mut add = |bytes: usize, colour| match runs.last_mut() {
            _ if bytes == 0 => {}
            Some((last, same)) if *same == colour => *last += bytes,
            _ => runs.push((bytes, colour)),
        };
        for range in ranges {
            let residency = Residency::of_process(pid, range.clone())?;
            let mut at = range.start;
            for stretch in residency.stretches() {
                let colour = match stretch.state {
                    PageState::Shared => SHARED,
                    PageState::PrivateCopy | PageState::MappedHereOnly => PRIVATE,
                    _ => continue,
                };
                let (start, end) = (stretch.range.start.max(at), stretch.range.end.min(range.end));
                add(start.saturating_sub(at), ABSENT);
                add(end.saturating_sub(start), colour);
                at = end.max(at);
            }
            add(range.end - at, ABSENT);
        }
        Ok(Self { runs })
    }

    fn bytes(&self, colour: &str) -> usize {
        self.runs.iter().filter(|run| run.1 == colour).map(|run| run.0).sum()
    }

    fn len(&self) -> usize {
        self.runs.iter().map(|run| run.0).sum()
    }

    /// One colour for each pixel: private if a page of it is, else what most of it is.
    fn pixels(&self, bytes: f64) -> Vec<&'static str> {
        let count = (self.len() as f64 / bytes).ceil() as usize;
        let mut parts = vec![[0.0f64; 3]; count];
        let mut at = 0.0;
        for &(length, colour) in &self.runs {
            let kind = [PRIVATE, SHARED, ABSENT].iter().position(|other| *other == colour).unwrap_or(2);
            let end = at + length as f64;
            let touched = (at / bytes) as usize..(end / bytes).ceil() as usize;
            for (pixel, part) in parts.iter_mut().enumerate().take(touched.end).skip(touched.start) {
                let (from, to) = (pixel as f64 * bytes, (pixel + 1) as f64 * bytes);
                part[kind] += end.min(to) - at.max(from);
            }
            at = end;
        }
        let colour = |part: &[f64; 3]| match part {
            [private, ..] if *private > 0.0 => PRIVATE,
            [_, shared, absent] if shared >= absent => SHARED,
            _ => ABSENT,
        };
        parts.iter().map(colour).collect()
    }
}

/// Draws workers of a way that live at the same time.
fn strips(prepared: &Prepared, way: Way, count: usize, window: usize) -> Result<Vec<Strip>, Box<dyn Error>> {
    let mut workers = Vec::new();
    for number in 0..count {
        let list = if number < count.div_ceil(2) { prepared.list() } else { prepared.ordinary_list() };
        let folder = prepared.folder.clone();
        let task = Task { way, source: prepared.source, folder, list, sealed: None };
        workers.push(Worker::start(task.command(prepared.python.as_ref())?)?);
    }
    let mut strips = Vec::new();
    for worker in &workers {
        let mut ranges = memory_of_its_own(worker.pid())?;
        let mapped = Mapped::of(worker.pid(), &prepared.folder.join("image"))?.ranges;
        ranges.extend(mapped.into_iter().filter(|range| range.contains(&window)));
        strips.push(Strip::of(worker.pid(), &ranges)?);
    }
    for worker in workers {
        worker.end()?;
    }
    Ok(strips)
}

/// The mappings of a process that it may write to and that are no file's: where an allocator's objects lie.
fn memory_of_its_own(pid: u32) -> Result<Vec<Range<usize>>, Box<dyn Error>> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let ranges = maps.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (start, end) = words.first()?.split_once('-')?;
        let is_memory = words.get(1)? == &"rw-p" && words.get(4)? == &"0" && words.get(5) != Some(&"[stack]");
        is_memory.then(|| Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?))?
    });
    Ok(ranges.collect())
}

/// Draws so many processes, before and after, of an image at a window. Returns the picture, and what it shows in a sentence.
pub fn draw(prepared: &Prepared, count: usize, window: usize) -> Result<(String, String), Box<dyn Error>> {
    let before = strips(prepared, Way::Files, count, window)?;
    let after = strips(prepared, Way::Image, count, window)?;
    let longest = before.iter().chain(&after).map(Strip::len).max().unwrap_or(1).max(1);
    let bytes = longest as f64 / WIDTH as f64;
    let mebibytes = |bytes: usize| bytes as f64 / (1 << 20) as f64;
    let own = |strips: &[Strip]| mebibytes(strips.iter().map(|strip| strip.bytes(PRIVATE)).sum());
    let shared = after.iter().map(|strip| strip.bytes(SHARED)).max().unwrap_or(0);
    let sentence = format!(
        "{count} processes: {:.0} MiB of their own by .pyc files; by the image {:.1} MiB, and {:.0} MiB that they share",
        own(&before),
        own(&after),
        mebibytes(shared)
    );
    let height = 80 + 2 * (count * ROW + 40);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"10\" y=\"20\" font-size=\"13\">{sentence}</text>\n",
        LEFT + WIDTH + 20
    );
    let mut top = 36;
    for (title, strips) in [("before: .pyc files, decoded", &before), ("after: the image, mapped", &after)] {
        top += 14;
        let _ = writeln!(svg, "<text x=\"10\" y=\"{top}\" font-weight=\"bold\">{title}</text>");
        top += 6;
        for (number, strip) in strips.iter().enumerate() {
            let modules = if number < count.div_ceil(2) { prepared.entries.len() } else { prepared.ordinary.len() };
            let (number, base) = (number + 1, top + 10);
            let _ = writeln!(svg, "<text x=\"10\" y=\"{base}\">process {number}, {modules} modules</text>");
            let pixels = strip.pixels(bytes);
            let mut at = 0;
            for run in pixels.chunk_by(|one, other| one == other) {
                let (x, width, height) = (LEFT + at, run.len(), ROW - 3);
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
                    run[0]
                );
                at += run.len();
            }
            top += ROW;
        }
        top += 14;
    }
    let legend = [(PRIVATE, "its own"), (SHARED, "shared with other processes"), (ABSENT, "not asked for")];
    for (at, (colour, text)) in legend.iter().enumerate() {
        let x = LEFT + at * 200;
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>", top + 4);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{text}</text>", x + 16, top + 13);
    }
    let scale = format!("a pixel is {:.0} kB; it is red if one page of it is", bytes / 1024.0);
    let _ = writeln!(svg, "<text x=\"10\" y=\"{}\" fill=\"#666\">{scale}</text>\n</svg>", top + 34);
    Ok((svg, sentence))
}
