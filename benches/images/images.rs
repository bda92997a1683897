//! What it costs to write, open, check and move an image of 69 MB, and to run from it in a fresh process, beside other ways to a program.
//!
//! `cargo bench -p permacode-image-bench`; `-- --modules 200` for a smaller one, `-- --rounds 3` for a quicker one.
//!
//! The second table is of fresh processes, which find the file in memory. The ways take turns, so each finds the processor's caches full of what
//! others read. Each figure is a median with its quartiles. System calls are counted by a parent that stops the process at each. The third table is of
//! the quick ways, each many times in a row, by processes that read nothing but the first instruction. So each finds in the caches what the one before
//! it needed.

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../harness/options.rs"]
mod options;

mod archived;
mod decoded;
mod fresh;
mod made;
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

/// This program, to be run for one way, or the small one.
fn command(way: Way, folder: &Path) -> io::Result<Command> {
    if matches!(way, Way::Bare | Way::SmallProgram) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_first_call"));
        command.arg(folder.join("image")).args((way == Way::Bare).then_some("bare"));
        return Ok(command);
    }
    let number = Way::ALL.iter().position(|other| *other == way).unwrap_or_default().to_string();
    let mut command = Command::new(std::env::current_exe()?);
    command.env("PERMACODE_WAY", number).env("PERMACODE_FOLDER", folder);
    Ok(command)
}

/// What a fresh process says of a way, which it opens before it reads everything.
fn in_fresh_process(way: Way, folder: &Path) -> Result<[f64; fresh::FIGURES], Box<dyn Error>> {
    figures(way, command(way, folder)?)
}

/// What a fresh process says of a way, of which it reads nothing but the first instruction.
fn to_first(way: Way, folder: &Path) -> Result<[f64; fresh::FIGURES], Box<dyn Error>> {
    let mut command = command(way, folder)?;
    command.env(fresh::FIRST_ONLY, "");
    figures(way, command)
}

fn figures(way: Way, mut command: Command) -> Result<[f64; fresh::FIGURES], Box<dyn Error>> {
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let error = || format!("{way:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    numbers.get(..fresh::FIGURES).and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| error().into())
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
        let (way, folder) = (Way::ALL[way.parse::<usize>()?], Path::new(&folder));
        return fresh::measure(|| way.open(folder), ways::Opened::sum);
    }
    let Some(options) = Options::asked() else { return Ok(()) };
    let modules = options.number("--modules").unwrap_or(1773);
    let rounds = options.number("--rounds").unwrap_or(15);
    let arena = CodeArena::new()?;
    let program = made::load(&arena, modules)?;
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
    // What it takes on the way to a file: the image once, and what the survey knows.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = permacode_witness::status("VmRSS");
    let report = writer()?.write(&path)?;
    let peak = permacode_witness::status("VmHWM") - before;
    println!("{report:#?}");
    println!("MiB of memory that a write took at most, beside the arena: {}", peak >> 20);
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
        .map(|(&way, [open, busy, faults, read, own, shared])| {
            let calls = calls(way, folder).map_or_else(|| "?".to_owned(), |calls| calls.to_string());
            let [own, shared] = [own, shared].map(|kilobytes| format!("{:.1}", kilobytes.quartiles()[1] / 1024.0));
            let faults = format!("{:.0}", faults.quartiles()[1]);
            vec![way.name().to_owned(), open.cell(), busy.cell(), calls, faults, read.cell(), own, shared]
        })
        .collect();
    let head = [
        "",
        "µs to the first instruction",
        "of the processor",
        "system calls",
        "page faults",
        "µs to read everything",
        "MiB of its own",
        "MiB of files",
    ];
    print_table("In fresh processes, that take turns", &head, &rows);

    let quick = [Way::Bare, Way::SmallProgram, Way::Image, Way::Archive];
    let rows = quick.map(|way| {
        let samples: Result<Vec<_>, _> = (0..5 * rounds).map(|_| to_first(way, folder)).collect();
        let mut samples: Vec<[f64; fresh::FIGURES]> = samples?;
        samples.sort_by(|one, other| one[1].total_cmp(&other[1]));
        let quarter = |number: usize| format!("{:.1}", samples[(samples.len() - 1) * number / 4][1]);
        Ok::<_, Box<dyn Error>>([vec![way.name().to_owned()], (0..=4).map(quarter).collect()].concat())
    });
    let rows: Vec<Vec<String>> = rows.into_iter().collect::<Result<_, _>>()?;
    let head =
        ["µs of the processor to the first instruction", "least", "a quarter", "median", "three quarters", "most"];
    print_table("In fresh processes of one way, one behind the other", &head, &rows);
    Ok(())
}
