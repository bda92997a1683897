//! Processes that live at the same time, and what each of them has of the image, by the kernel's word.

use super::harness::print_table;
use super::memory::{Mapped, Memory};
use super::prepare::Prepared;
use super::way::Way;
use super::worker::{Task, Worker};
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

/// Somebody else than root.
const OTHER_USER: u32 = 65534;

/// A row: as many processes as there are, of which the worst counts.
struct Row {
    what: String,
    mapped: Mapped,
    own: f64,
    share: f64,
}

/// Starts so many workers of a way. The second half are another user's, if that is asked for.
pub fn start(
    prepared: &Prepared,
    way: Way,
    count: usize,
    sealed: Option<PathBuf>,
    two_users: bool,
) -> Result<Vec<Worker>, Box<dyn Error>> {
    let folder = prepared.folder.clone();
    let task = Task { way, source: prepared.source, folder, list: prepared.list(), sealed };
    let mut workers = Vec::new();
    for number in 0..count {
        let mut command = task.command(prepared.python.as_ref())?;
        if two_users && number >= count / 2 {
            command.uid(OTHER_USER).gid(OTHER_USER);
        }
        workers.push(Worker::start(command)?);
    }
    Ok(workers)
}

fn row(what: String, workers: Vec<Worker>, file: &Path) -> Result<Row, Box<dyn Error>> {
    let mut row = Row { what, mapped: Mapped::default(), own: 0.0, share: 0.0 };
    for worker in &workers {
        let mapped = Mapped::of(worker.pid(), file)?;
        let memory = Memory::of(&worker.pid().to_string())?;
        // The worst of each.
        row.mapped = Mapped {
            resident: mapped.resident.max(row.mapped.resident),
            share: mapped.share.max(row.mapped.share),
            alone: mapped.alone.max(row.mapped.alone),
            copied: mapped.copied.max(row.mapped.copied),
            ranges: mapped.ranges,
        };
        (row.own, row.share) = (row.own.max(memory.own), row.share.max(memory.share));
    }
    for worker in workers {
        worker.end()?;
    }
    Ok(row)
}

/// Measures up to so many processes on the image, and as many on the other ways.
pub fn show(prepared: &Prepared, most: usize, sealed: &Path) -> Result<(), Box<dyn Error>> {
    let image = prepared.folder.join("image");
    // All of it is in memory, so that a fault maps the same pages in each process.
    std::fs::read(&image)?;
    let mut rows = Vec::new();
    let mut count = 1;
    while count <= most {
        let workers = start(prepared, Way::Image, count, None, false)?;
        rows.push((count, row(format!("{count} on the image"), workers, &image)?));
        count *= 2;
    }
    match start(prepared, Way::Image, most, None, true) {
        Ok(workers) => rows.push((most, row(format!("{most} of two users on the image"), workers, &image)?)),
        Err(error) => println!("\nNOT SHOWN: two users on one image: {error}"),
    }
    let workers = start(prepared, Way::SealedImage, most, Some(sealed.to_owned()), false)?;
    // The process that made it has it mapped for nobody: it is counted by none.
    let mut memory = row(format!("{most} on sealed memory"), workers, Path::new("/memfd:permacode-image"))?;
    memory.what = format!("{most} on the image in sealed memory");
    rows.push((most, memory));
    for way in [Way::OneFile, Way::CPython] {
        if Way::of(prepared.source).any(|other| other == way) {
            let workers = start(prepared, way, most, None, false)?;
            rows.push((most, row(format!("{most} by: {}", way.name()), workers, &image)?));
        }
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(count, Row { what, mapped, own, share })| {
            let mappings = mapped.ranges.len();
            let of_image = |text: String| if mappings == 0 { "–".to_owned() } else { text };
            let mebibytes = |kilobytes: f64| format!("{:.2}", kilobytes / 1024.0);
            vec![
                what.clone(),
                of_image(mappings.to_string()),
                of_image(mebibytes(mapped.resident as f64)),
                of_image(mebibytes(mapped.share as f64)),
                of_image(mebibytes(mapped.resident as f64 / *count as f64)),
                // Of one process alone all pages are mapped by it alone.
                if *count == 1 { "–".to_owned() } else { of_image(mapped.alone.to_string()) },
                of_image(mapped.copied.to_string()),
                mebibytes(*own),
                mebibytes(*share),
            ]
        })
        .collect();
    let head = [
        "processes that live at the same time, and have read everything",
        "mappings of the image",
        "MiB of it resident (Rss)",
        "its share of them (Pss)",
        "an equal share (Rss/n)",
        "kB mapped by it alone",
        "kB copied",
        "MiB of its own, in all",
        "its share in all (Pss)",
    ];
    print_table("The worst process of each row", &head, &rows);
    Ok(())
}
