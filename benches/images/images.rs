//! What it costs to write, open, check and move an image of 69 MB, and to run from it in a fresh process, beside other ways to a program.
//!
//! `cargo bench -p permacode-image-bench`; `-- --modules 200` for a smaller one, `-- --rounds 3` for a quicker one.
//!
//! The second table is of fresh processes, which find the file in memory: the ways take turns, and each figure is a median with its quartiles.
//! System calls are counted by a parent that stops the process at each.

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../harness/options.rs"]
mod options;

mod archived;
mod decoded;
mod program;
mod ways;

use harness::{Clock, interleave, print_table};
use options::Options;
use permacode::CodeArena;
use permacode::image::{Image, ImageWriter};
use permacode_witness::Stepped;
use program::Program;
use std::error::Error;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use ways::Way;

/// Milliseconds of the processor that something takes: the least of some tries.
fn least<T>(tries: usize, mut run: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let start = Clock::start();
        std::hint::black_box(run());
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..tries).map(once).fold(f64::INFINITY, f64::min)
}

/// Kilobytes that this process has: in memory of its own, and of files.
fn memory() -> Result<[f64; 2], Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).ok_or("no such field")?;
        line.split_whitespace().nth(1).and_then(|count| count.parse::<f64>().ok()).ok_or("no number")
    };
    let (all, own) = (field("Rss:")?, field("Anonymous:")?);
    Ok([own, all - own])
}

/// A system call that nothing else makes here, for a parent that counts the others.
fn mark() {
    // SAFETY: asks for a number.
    unsafe { libc::getsid(0) };
}

/// The fresh process: opens in one way, reads everything, and says what that took.
fn fresh(way: Way, folder: &Path) -> Result<(), Box<dyn Error>> {
    let before = memory()?;
    let (start, busy) = (Instant::now(), Clock::start());
    mark();
    let opened = way.open(folder)?;
    mark();
    let (open, busy) = (start.elapsed(), busy.elapsed());
    let start = Clock::start();
    let sum = opened.sum()?;
    let read = start.elapsed();
    let after = memory()?;
    println!(
        "{} {} {} {} {} {sum}",
        open.as_secs_f64() * 1e6,
        busy.as_secs_f64() * 1e6,
        read.as_secs_f64() * 1e6,
        after[0] - before[0],
        after[1] - before[1],
    );
    Ok(())
}

/// This program, to be run for one way.
fn command(way: Way, folder: &Path) -> io::Result<Command> {
    let number = Way::ALL.iter().position(|other| *other == way).unwrap_or_default().to_string();
    let mut command = Command::new(std::env::current_exe()?);
    command.env("PERMACODE_WAY", number).env("PERMACODE_FOLDER", folder);
    Ok(command)
}

/// What a fresh process says of a way: microseconds by the clock and of the processor until the first instruction, microseconds to read
/// everything, and kilobytes of its own and of files after that.
fn in_fresh_process(way: Way, folder: &Path) -> Result<[f64; 5], Box<dyn Error>> {
    let output = command(way, folder)?.output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let error = || format!("{way:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    numbers.get(..5).and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| error().into())
}

/// System calls of a fresh process until the first instruction. `None` if they cannot be counted.
fn calls(way: Way, folder: &Path) -> Option<usize> {
    let run = || {
        if let Ok(mut command) = command(way, folder) {
            let _ = command.stdout(Stdio::null()).exec();
        }
    };
    let calls = Stepped::fork(run).and_then(Stepped::calls).ok()?;
    calls.split(|stop| stop.call == libc::SYS_getsid).nth(1).map(<[_]>::len)
}

fn main() -> Result<(), Box<dyn Error>> {
    if let (Ok(way), Ok(folder)) = (std::env::var("PERMACODE_WAY"), std::env::var("PERMACODE_FOLDER")) {
        return fresh(Way::ALL[way.parse::<usize>()?], Path::new(&folder));
    }
    let Some(options) = Options::asked() else { return Ok(()) };
    let modules = options.number("--modules").unwrap_or(1773);
    let rounds = options.number("--rounds").unwrap_or(15);
    let arena = CodeArena::new()?;
    let program = program::load(&arena, modules)?;
    let folder = std::env::temp_dir().join(format!("permacode-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(&arena, program, &folder, rounds);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn measure<'a>(
    arena: &'a CodeArena,
    program: &'a Program<'a>,
    folder: &Path,
    rounds: usize,
) -> Result<(), Box<dyn Error>> {
    let path = folder.join("image");
    let writer = || ImageWriter::new(arena).version("bench").root("program", program);
    let mut buffer = Vec::new();
    let write = least(3, || {
        buffer.clear();
        writer().and_then(|writer| writer.write_to(&mut buffer))
    });
    let report = writer()?.write(&path)?;
    println!("{report:#?}");
    let (archive, cache) = (archived::write(program), decoded::write(program));
    println!("bytes of the archive: {}, of the cache file: {}", archive.len(), cache.len());
    std::fs::write(folder.join("archive"), &archive)?;
    std::fs::write(folder.join("cache"), &cache)?;
    // SAFETY: asks, and changes nothing.
    let is_fixed = unsafe { libc::personality(0xffff_ffff) } & libc::ADDR_NO_RANDOMIZE != 0;
    let random = std::fs::read_to_string("/proc/sys/kernel/randomize_va_space")?;
    println!("addresses are random: {}", if is_fixed { "no" } else { random.trim() });

    // SAFETY: this program's own file.
    let image = unsafe { Image::map(&path)? };
    let check = least(5, || image.clone().check::<Program<'_>>().map(drop));
    let digest = least(5, || image.verify());
    let load = least(5, || Image::load(&path).map(drop));
    // SAFETY: as the writer wrote it.
    let image = unsafe { image.trust() };
    let first = image.open()?;
    let moved = least(5, || image.open().map(drop));
    let root = least(20, || (0..1000).filter(|_| first.root::<Program<'_>>("program").is_ok()).count());
    drop(first);
    // SAFETY: as above.
    let open = || unsafe { Image::map(&path).map(|image| image.trust()) }.and_then(|image| image.open());
    let first = |_| {
        let start = Clock::start();
        let arena = open();
        let found = arena.as_ref().is_ok_and(|arena| arena.root::<Program<'_>>("program").is_ok());
        // It is dropped outside of the time.
        if found { start.elapsed().as_secs_f64() * 1e3 } else { f64::INFINITY }
    };
    let to_root = (0..50).map(first).fold(f64::INFINITY, f64::min);
    let open = least(50, || open().map(drop));
    let copy = least(5, || buffer.clone());
    let rate = |milliseconds: f64| format!("{:.2}", report.bytes as f64 / 1e6 / milliseconds);
    let rows = [
        ("write", write, rate(write)),
        ("open and find a root, warm", to_root, String::new()),
        ("open and drop, warm", open, String::new()),
        ("a root, by name and type", root / 1000.0, String::new()),
        ("check all values", check, rate(check)),
        ("compare the digest", digest, rate(digest)),
        ("open where the window is taken", moved, rate(moved)),
        ("load into sealed memory", load, rate(load)),
        ("copy the bytes", copy, rate(copy)),
    ];
    let rows = rows.map(|(what, milliseconds, rate)| vec![what.to_owned(), format!("{milliseconds:.4}"), rate]);
    print_table("In one process", &["", "milliseconds of the processor", "GB/s"], &rows);

    let samples = interleave(rounds, Way::ALL.len(), |way| in_fresh_process(Way::ALL[way], folder))?;
    let rows: Vec<Vec<String>> = Way::ALL
        .iter()
        .zip(&samples)
        .map(|(&way, [open, busy, read, own, shared])| {
            let calls = calls(way, folder).map_or_else(|| "?".to_owned(), |calls| calls.to_string());
            let [own, shared] = [own, shared].map(|kilobytes| format!("{:.1}", kilobytes.quartiles()[1] / 1024.0));
            vec![way.name().to_owned(), open.cell(), busy.cell(), calls, read.cell(), own, shared]
        })
        .collect();
    let head = [
        "",
        "µs to the first instruction",
        "of the processor",
        "system calls",
        "µs to read everything",
        "MiB of its own",
        "MiB of files",
    ];
    print_table("In fresh processes", &head, &rows);
    Ok(())
}
