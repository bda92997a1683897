//! What a call of a short function costs, by how the function holds its code.
//!
//! `cargo bench --bench calls` prints the tables of BENCHMARKS.md; `-- --rounds 21` is quicker, and rougher. `benches/calls.sh` counts
//! instructions in loops of this program.
//!
//! All holders call one and the same dispatch function, which nobody inlines: they differ in how they come by the `&Code`, and in what is
//! counted around the call.

#[path = "calls/code.rs"]
mod code;
#[path = "calls/functions.rs"]
mod functions;
#[path = "harness/mod.rs"]
mod harness;
#[path = "calls/holders.rs"]
mod holders;
#[path = "harness/options.rs"]
mod options;
#[path = "calls/pair.rs"]
mod pair;
#[path = "calls/threads.rs"]
mod threads;

use functions::{FUNCTIONS, Functions, HOLDERS};
use harness::{Samples, interleave, print_table};
use options::Options;
use permacode::{CodeArena, HeapArena, Transients};
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    if options.number("--list").is_some() {
        HOLDERS.iter().enumerate().for_each(|(kind, name)| println!("{kind} {name}"));
        return Ok(());
    }
    let arena = CodeArena::new()?;
    let heap = HeapArena::new()?;
    let transients = Transients::new(&arena, &heap);
    let functions = Functions::new(&arena, &transients)?;
    if let Some(kind) = options.number("--kind") {
        functions.call(kind, options.number("--times").unwrap_or(FUNCTIONS) / FUNCTIONS)?;
        return Ok(());
    }
    let rounds = options.number("--rounds").unwrap_or(301);
    let measured = interleave(rounds, HOLDERS.len(), |kind| functions.sample(kind))?;
    let row =
        |(name, [time]): (&&str, &[Samples; 1])| vec![name.to_string(), time.cell(), time.ratio_cell(&measured[0][0])];
    let rows: Vec<_> = HOLDERS.iter().zip(&measured).map(row).collect();
    print_table("one thread; ns a call", &["holder", "a call", "of `&T`"], &rows);
    threads::print(&functions, rounds.div_ceil(3))
}
