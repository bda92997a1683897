//! What it costs to seal 4 kB in an arena that holds 1, 16, 64 or 256 MiB of sealed code: it should not matter.
//!
//! `cargo bench --bench seal`; `-- --rounds 20` for fewer.
//!
//! Two ways: `loader.seal()`, which makes one module read-only, and `arena.seal()` after a `finish`, which looks for whatever is not yet.
//! Only that call is timed; the block is written before. Then 2,000 modules of 128 B: what they waste, sealed at once and one by one.

#[path = "harness/mod.rs"]
mod harness;
#[path = "harness/options.rs"]
mod options;

use harness::{Clock, interleave, print_table};
use options::Options;
use permacode::{CodeArena, Error};

/// Sealed code in each arena when it begins.
const MEBIBYTES: [usize; 4] = [1, 16, 64, 256];
/// Sealed by each sample; the arenas grow by twice as much in a round.
const BLOCK: [u8; 4096] = [7; 4096];
/// A module of those that fill an arena: large, but less than the longest run.
static MODULE: [u8; 64 << 10] = [7; 64 << 10];

fn main() -> Result<(), Error> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let rounds = options.number("--rounds").unwrap_or(101);
    let arenas = MEBIBYTES.iter().map(|mebibytes| filled(mebibytes << 20)).collect::<Result<Vec<_>, _>>()?;

    let measured = interleave(rounds, arenas.len(), |subject| sample(&arenas[subject]))?;

    let [[loader_base, arena_base], ..] = &measured[..] else { return Ok(()) };
    let rows: Vec<_> = MEBIBYTES
        .iter()
        .zip(&arenas)
        .zip(&measured)
        .map(|((mebibytes, arena), [loader, whole])| {
            vec![
                format!("{mebibytes} MiB"),
                loader.cell(),
                loader.ratio_cell(loader_base),
                whole.cell(),
                whole.ratio_cell(arena_base),
                arena.stats().mappings.to_string(),
            ]
        })
        .collect();
    let head = ["sealed already", "loader.seal()", "of 1 MiB's", "arena.seal()", "of 1 MiB's", "mappings after it"];
    print_table(&format!("sealing 4 kB, µs; {rounds} rounds"), &head, &rows);

    let rows = [small_modules("`finish` each, one `arena.seal()`", false)?, small_modules("`seal` each", true)?];
    let head = ["2,000 modules of 128 B", "bytes of pages", "over payload", "mappings", "system calls"];
    print_table("small modules, counted", &head, &rows);
    Ok(())
}

/// What small modules take when they are sealed one by one, or all at once.
fn small_modules(name: &str, one_by_one: bool) -> Result<Vec<String>, Error> {
    const MODULES: usize = 2000;
    const BYTES: [u8; 128] = [7; 128];
    let arena = CodeArena::new()?;
    for _ in 0..MODULES {
        let loader = arena.load("small")?;
        loader.alloc_slice_copy(&BYTES)?;
        if one_by_one {
            loader.seal()?
        } else {
            loader.finish()
        };
    }
    let _ = arena.seal()?;
    let stats = arena.stats();
    let bytes = stats.pages * 4096;
    let over = bytes as f64 / (MODULES * BYTES.len()) as f64;
    Ok(vec![
        name.into(),
        bytes.to_string(),
        format!("{over:.4}"),
        stats.mappings.to_string(),
        stats.system_calls.to_string(),
    ])
}

fn filled(bytes: usize) -> Result<CodeArena, Error> {
    let arena = CodeArena::new()?;
    for _ in 0..bytes / MODULE.len() {
        let loader = arena.load("earlier")?;
        loader.alloc_slice_copy(&MODULE)?;
        loader.finish();
    }
    arena.seal().map(|_| arena)
}

fn sample(arena: &CodeArena) -> Result<[f64; 2], Error> {
    let loader = arena.load("sealed")?;
    loader.alloc_slice_copy(&BLOCK)?;
    let clock = Clock::start();
    loader.seal()?;
    let by_loader = clock.elapsed();

    let loader = arena.load("finished")?;
    loader.alloc_slice_copy(&BLOCK)?;
    loader.finish();
    let clock = Clock::start();
    let sealed = arena.seal()?;
    let by_arena = clock.elapsed();
    assert_eq!((sealed.pages, sealed.held), (1, 0), "one page was there to seal");
    Ok([by_loader, by_arena].map(|time| time.as_nanos() as f64 / 1e3))
}
