//! An arena a case, as property tests and fuzzers make them: create, one block, seal, drop; a million times.
//!
//! `cargo bench --bench lifecycle`; `-- --cycles 10000` for fewer.
//!
//! The floor is what the kernel takes for the least that any sealed arena needs: `mmap` without access, `mprotect` to write one page, a
//! store, `mprotect` read-only, `munmap`.

#[path = "harness/mod.rs"]
mod harness;
#[path = "harness/options.rs"]
mod options;

use harness::{Clock, interleave, print_table};
use options::Options;
use permacode::CodeArena;
use std::error::Error;
use std::fs;
use std::hint::black_box;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SUBJECTS: [&str; 3] =
    ["mmap, mprotect, mprotect, munmap", "arena, default reservation", "arena, 1 MiB reservation"];
/// Cycles in one sample.
const BATCH: usize = 200;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let cycles = options.number("--cycles").unwrap_or(1_000_000);
    let rounds = options.number("--rounds").unwrap_or(101);

    let measured = interleave(rounds, SUBJECTS.len(), |subject| -> Outcome<_> {
        let clock = Clock::start();
        (0..BATCH).try_for_each(|_| run(subject))?;
        Ok([clock.elapsed().as_nanos() as f64 / 1e3 / BATCH as f64])
    })?;
    let rows: Vec<_> = SUBJECTS
        .iter()
        .zip(&measured)
        .map(|(name, [time])| vec![name.to_string(), time.cell(), time.ratio_cell(&measured[0][0])])
        .collect();
    print_table("create, one block, seal, drop; µs a cycle", &["subject", "cycle", "of the floor"], &rows);
    println!("\nsystem calls of one cycle: {}", system_calls()?);

    let before = Process::now()?;
    (0..cycles).try_for_each(|_| run(1))?;
    let after = Process::now()?;
    let row = |name: &str, it: &Process| vec![name.to_string(), it.resident_kib.to_string(), it.mappings.to_string()];
    let head = ["", "resident, KiB", "mappings"];
    print_table(
        &format!("{cycles} cycles with the default reservation"),
        &head,
        &[row("before", &before), row("after", &after)],
    );
    Ok(())
}

fn run(subject: usize) -> Outcome<()> {
    match subject {
        0 => floor(),
        1 => cycle(CodeArena::new()?),
        _ => cycle(CodeArena::builder().reservation(1 << 20).build()?),
    }
}

fn cycle(arena: CodeArena) -> Outcome<()> {
    let loader = arena.load("case")?;
    let block = loader.alloc(0x5EA1_u64)?;
    loader.seal()?;
    if black_box(*block) == 0x5EA1 { Ok(()) } else { Err("the block is not what was put in".into()) }
}

/// What the arena counts, and the call that drops it.
fn system_calls() -> Outcome<usize> {
    let arena = CodeArena::new()?;
    let loader = arena.load("case")?;
    loader.alloc(1_u64)?;
    loader.seal()?;
    Ok(arena.stats().system_calls + 1)
}

fn floor() -> Outcome<()> {
    const LEN: usize = 1 << 30;
    const PAGE: usize = 4096;
    let done = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
    // SAFETY: a mapping of its own, of which the first page is written to while it may be, and that nobody refers to when it goes.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let at = libc::mmap(core::ptr::null_mut(), LEN, libc::PROT_NONE, flags, -1, 0);
        if at == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        done(libc::mprotect(at, PAGE, libc::PROT_READ | libc::PROT_WRITE))?;
        at.cast::<u64>().write_volatile(1);
        done(libc::mprotect(at, PAGE, libc::PROT_READ))?;
        done(libc::munmap(at, LEN))?;
    }
    Ok(())
}

/// What the kernel says of this process.
struct Process {
    resident_kib: usize,
    mappings: usize,
}

impl Process {
    fn now() -> Outcome<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let resident_kib = resident.trim().trim_end_matches(" kB").parse()?;
        Ok(Self { resident_kib, mappings: fs::read_to_string("/proc/self/maps")?.lines().count() })
    }
}
