//! Fresh processes, one after the other: the first with a cold page cache, the hundredth, and what each needs.

use super::harness::{Samples, interleave, print_table};
use super::list::Entry;
use super::page_cache;
use super::prepare::Prepared;
use super::way::Way;
use super::worker::{Measures, Task, Worker};
use permacode_witness::Stepped;
use std::error::Error;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

/// Rounds of what takes longer than all else: compiling, and all modules.
const FEW: usize = 5;
/// Processes with a cold page cache.
const COLD: usize = 3;
/// The last processes, of which the hundredth's figure is the median.
const LAST: usize = 10;

fn task(prepared: &Prepared, way: Way, list: &Path, sealed: &Path) -> Task {
    let sealed = (way == Way::SealedImage).then(|| sealed.to_owned());
    Task { way, source: prepared.source, folder: prepared.folder.clone(), list: list.to_owned(), sealed }
}

/// Runs a worker to its end. Returns its measures, and the microseconds of its drop.
fn run(prepared: &Prepared, task: &Task) -> Result<(Measures, f64), Box<dyn Error>> {
    let worker = Worker::start(task.command(prepared.python.as_ref())?)?;
    let measures = worker.measures;
    Ok((measures, worker.end()?))
}

/// Drops the files of a way from memory. `None` if some stay there.
fn evict(prepared: &Prepared, way: Way, entries: &[Entry]) -> Result<Option<usize>, Box<dyn Error>> {
    let mut pages = 0;
    for path in way.files(&prepared.folder, entries) {
        let left = page_cache::evict(&File::open(path)?)?;
        pages += left.of;
        if left.pages != 0 {
            return Ok(None);
        }
    }
    Ok(Some(pages))
}

/// Microseconds to load modules with nothing of their files in memory: the median of some tries. `None` where that cannot be had.
fn cold(prepared: &Prepared, task: &Task, entries: &[Entry]) -> Result<Option<f64>, Box<dyn Error>> {
    let mut samples = Vec::new();
    for _ in 0..COLD {
        match evict(prepared, task.way, entries)? {
            Some(0) => return Ok(None), // it reads no file
            Some(_) => {}
            None => {
                println!("\nNOT SHOWN: {}, cold: pages of its files stay in memory", task.way.name());
                return Ok(None);
            }
        }
        samples.push(run(prepared, task)?.0.load);
    }
    Ok(Some(samples.into_iter().collect::<Samples>().quartiles()[1]))
}

fn milliseconds(microseconds: f64) -> String {
    format!("{:.2}", microseconds / 1e3)
}

fn median(all: &[(Measures, f64)], of: impl Fn(&(Measures, f64)) -> f64) -> f64 {
    all.iter().map(of).collect::<Samples>().quartiles()[1]
}

/// The modules of an ordinary program, and then all modules.
pub fn show(prepared: &Prepared, rounds: usize, sealed: &Path) -> Result<(), Box<dyn Error>> {
    let ways: Vec<Way> = Way::of(prepared.source).collect();
    let (ordinary, all) = (prepared.ordinary_list(), prepared.list());
    let mut rows = Vec::new();
    let mut samples = vec![Vec::new(); ways.len()];
    let mut colds = Vec::new();
    for way in &ways {
        colds.push(cold(prepared, &task(prepared, *way, &ordinary, sealed), &prepared.ordinary)?);
    }
    for round in 0..rounds {
        for (way, samples) in ways.iter().zip(&mut samples) {
            if !way.compiles() || round < FEW {
                samples.push(run(prepared, &task(prepared, *way, &ordinary, sealed))?);
            }
        }
    }
    for ((way, samples), cold) in ways.iter().zip(&samples).zip(&colds) {
        let last = &samples[samples.len().saturating_sub(LAST)..];
        rows.push(vec![
            way.name().to_owned(),
            format!("{:.0}", median(samples, |(measures, _)| measures.first)),
            cold.map_or("–".to_owned(), milliseconds),
            milliseconds(median(last, |(measures, _)| measures.load)),
            milliseconds(median(samples, |(measures, _)| measures.load_busy)),
            milliseconds(median(samples, |(measures, _)| measures.busy)),
            format!("{:.0}", median(samples, |(measures, _)| measures.load_faults)),
            format!("{:.0}", median(samples, |(measures, _)| measures.faults)),
            format!("{:.0}", median(samples, |(measures, _)| measures.own)),
        ]);
    }
    let title = format!(
        "{} modules of an ordinary program, each process fresh: {rounds} for each way ({} to compile), the hundredth is the median of the last {LAST}",
        prepared.ordinary.len(),
        FEW.min(rounds)
    );
    let head = [
        "",
        "µs to the first instruction",
        "first, cold: ms to load",
        "hundredth: ms to load",
        "ms of the processor to load",
        "and to read everything",
        "page faults to load",
        "and to read",
        "kB of its own",
    ];
    print_table(&title, &head, &rows);

    let mut colds = Vec::new();
    for way in &ways {
        colds.push(cold(prepared, &task(prepared, *way, &all, sealed), &prepared.entries)?);
    }
    let samples = interleave(FEW.min(rounds), ways.len(), |way| {
        let (measures, drop) = run(prepared, &task(prepared, ways[way], &all, sealed))?;
        let Measures { first, load, busy, faults, own, mappings, .. } = measures;
        Ok::<_, Box<dyn Error>>([first, load, busy, faults, own, mappings, drop])
    })?;
    let mut rows = Vec::new();
    for ((way, samples), cold) in ways.iter().zip(&samples).zip(&colds) {
        let [first, load, busy, faults, own, mappings, drop] = samples.each_ref().map(|samples| samples.quartiles()[1]);
        rows.push(vec![
            way.name().to_owned(),
            format!("{first:.0}"),
            cold.map_or("–".to_owned(), milliseconds),
            milliseconds(load),
            milliseconds(busy),
            format!("{faults:.0}"),
            format!("{:.1}", own / 1024.0),
            format!("{mappings:.0}"),
            milliseconds(drop),
        ]);
    }
    let head = [
        "",
        "µs to the first instruction",
        "first, cold: ms to load",
        "ms to load",
        "ms of the processor to load and read",
        "page faults",
        "MiB of its own",
        "mappings",
        "ms to drop",
    ];
    print_table(&format!("All {} modules, each process fresh", prepared.entries.len()), &head, &rows);
    match calls(&task(prepared, Way::Image, &ordinary, sealed)) {
        Ok(calls) => println!("\nsystem calls from nothing to the first instruction of the image: {calls}"),
        Err(error) => println!("\nNOT SHOWN: system calls to the first instruction: {error}"),
    }
    Ok(())
}

/// System calls of a worker between its two marks.
fn calls(task: &Task) -> Result<usize, Box<dyn Error>> {
    let mut command = task.command(None)?;
    command.stdout(Stdio::null()).stdin(Stdio::null());
    let stops = Stepped::fork(move || {
        let _ = command.exec();
    })?
    .calls()?;
    let between = stops.split(|stop| stop.call == libc::SYS_getppid).nth(1);
    Ok(between.ok_or("the marks were not seen")?.len())
}
