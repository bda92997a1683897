//! What hardening costs and what it saves: a seal, a fork, and a child's reading of all code, at each level.
//!
//! `cargo bench --bench hardening`; `-- --rounds 20` for fewer.
//!
//! Each arena lies in a process of its own, a server that forks on request: what one holds does not slow the fork of another. A fork is
//! timed from before the call until it returned in the parent, a read in the child, both by the processor's time of the thread.

#[path = "harness/mod.rs"]
mod harness;
#[path = "harness/options.rs"]
mod options;

use harness::{Clock, Samples, interleave, print_table};
use options::Options;
use permacode::code::Protection;
use permacode::{CodeArena, Error};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// One way to hold code.
struct Way {
    name: &'static str,
    mebibytes: usize,
    level: Protection,
    huge: bool,
}

const fn way(name: &'static str, mebibytes: usize, level: Protection, huge: bool) -> Way {
    Way { name, mebibytes, level, huge }
}

const WAYS: [Way; 9] = [
    way("no code", 0, Protection::ReadOnly, false),
    way("16 MB, `ReadOnly`", 16, Protection::ReadOnly, false),
    way("16 MB, `ReadOnly`, huge pages", 16, Protection::ReadOnly, true),
    way("16 MB, `SealedFile`", 16, Protection::SealedFile, false),
    way("16 MB, `Fixed`", 16, Protection::Fixed, false),
    way("64 MB, `ReadOnly`", 64, Protection::ReadOnly, false),
    way("64 MB, `ReadOnly`, huge pages", 64, Protection::ReadOnly, true),
    way("64 MB, `SealedFile`", 64, Protection::SealedFile, false),
    way("64 MB, `Fixed`", 64, Protection::Fixed, false),
];

static MODULE: [u8; 64 << 10] = [7; 64 << 10];

fn main() -> Result<(), Error> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let rounds = options.number("--rounds").unwrap_or(101);
    let mut servers: Vec<UnixStream> = WAYS.iter().map(serve).collect();
    let measured = interleave::<2, Error>(rounds, WAYS.len(), |subject| Ok(ask(&mut servers[subject])))?;
    let [[none, _], [_, base], ..] = &measured[..] else { return Ok(()) };
    let rows: Vec<_> = WAYS
        .iter()
        .zip(&measured)
        .map(|(way, [fork, read])| {
            let reading = |cell: String| if way.mebibytes == 0 { "–".into() } else { cell };
            vec![
                way.name.into(),
                fork.cell(),
                fork.ratio_cell(none),
                reading(read.cell()),
                reading(read.ratio_cell(base)),
            ]
        })
        .collect();
    let head = ["code", "fork", "of that without code", "a child reads all", "of 16 MB at `ReadOnly`"];
    print_table(&format!("µs; {rounds} rounds"), &head, &rows);
    drop(servers);
    seals(rounds)
}

/// Starts a process that holds code in some way and measures a fork of itself for each byte it is sent.
fn serve(way: &Way) -> UnixStream {
    let (mine, theirs) = UnixStream::pair().expect("a pair of sockets");
    // SAFETY: this process has one thread; the child leaves by `_exit`.
    if unsafe { libc::fork() } == 0 {
        drop(mine);
        // Nothing of it may end another server, or print a table twice.
        let _ = std::panic::catch_unwind(|| hold(way, theirs));
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) }
    }
    mine
}

fn hold(way: &Way, mut requests: UnixStream) {
    let blocks = code(way).expect("code at that level");
    let mut request = [0];
    while requests.read_exact(&mut request).is_ok() {
        let (mut end, mut start) = UnixStream::pair().expect("a pair of sockets");
        let clock = Clock::start();
        // SAFETY: this process has one thread; the child leaves by `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // The clock of a child begins anew.
            let clock = Clock::start();
            let sum: u64 = blocks.iter().flat_map(|block| block.chunks(64)).map(|line| u64::from(line[0])).sum();
            let read = clock.elapsed();
            assert_eq!(sum, 7 * (way.mebibytes as u64) * (1 << 20) / 64);
            let _ = end.write_all(&(read.as_nanos() as u64).to_ne_bytes());
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        let fork = clock.elapsed();
        let mut read = [0; 8];
        start.read_exact(&mut read).expect("what the child measured");
        // SAFETY: this process's child.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        let _ = requests.write_all(&(fork.as_nanos() as u64).to_ne_bytes());
        let _ = requests.write_all(&read);
    }
}

/// Microseconds of a fork and of the child's read.
fn ask(server: &mut UnixStream) -> [f64; 2] {
    server.write_all(&[1]).expect("a server");
    [(); 2].map(|()| {
        let mut nanoseconds = [0; 8];
        server.read_exact(&mut nanoseconds).expect("an answer: does the level hold here?");
        u64::from_ne_bytes(nanoseconds) as f64 / 1e3
    })
}

fn code(way: &Way) -> Result<Vec<&'static [u8]>, Error> {
    let builder = CodeArena::builder();
    let arena = if way.huge { builder.huge_pages().build()? } else { builder.build()? }.leak();
    let mut blocks = Vec::new();
    for _ in 0..(way.mebibytes << 20) / MODULE.len() {
        let loader = arena.load("module")?;
        blocks.push(loader.alloc_slice_copy(&MODULE)?);
        loader.finish();
    }
    let _ = arena.seal()?;
    match way.level {
        Protection::SealedFile => arena.harden()?,
        Protection::Fixed => arena.harden_forever()?,
        _ => {}
    }
    assert!(arena.modules().all(|module| module.protection() == way.level));
    Ok(blocks)
}

/// What a seal costs at each level, by the size of the module.
fn seals(rounds: usize) -> Result<(), Error> {
    const SIZES: [usize; 3] = [4 << 10, 64 << 10, 1 << 20];
    const LEVELS: [Protection; 3] = [Protection::ReadOnly, Protection::SealedFile, Protection::Fixed];
    let arenas = LEVELS.map(|level| CodeArena::builder().protection(level).strict().build().map(CodeArena::leak));
    let [protect, file, ever] = arenas;
    let arenas = [protect?, file?, ever?];
    let bytes = vec![7; 1 << 20];
    let mut rows = Vec::new();
    for size in SIZES {
        let measured: Vec<[Samples; 1]> = interleave(rounds, LEVELS.len(), |subject| {
            let loader = arenas[subject].load("sealed")?;
            loader.alloc_slice_copy(&bytes[..size])?;
            let clock = Clock::start();
            loader.seal()?;
            if LEVELS[subject] == Protection::Fixed {
                arenas[subject].harden_forever()?;
            }
            Ok::<_, Error>([clock.elapsed().as_nanos() as f64 / 1e3])
        })?;
        let [[base], ..] = &measured[..] else { return Ok(()) };
        let mut row = vec![format!("{} kB", size >> 10)];
        row.extend(measured.iter().map(|[samples]| format!("{}, {}", samples.cell(), samples.ratio_cell(base))));
        rows.push(row);
    }
    let head = ["a seal of", "`ReadOnly`", "`SealedFile`", "`SealedFile`, then `harden_forever`"];
    print_table(&format!("µs and the ratio to `ReadOnly`; {rounds} rounds"), &head, &rows);
    Ok(())
}
