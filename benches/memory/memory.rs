//! What stays resident, over time: patterns that allocators have kept memory after, each in a process of its own, beside glibc, jemalloc and
//! mimalloc.
//!
//! `cargo bench -p permacode-heap-bench --bench memory` runs all patterns and prints tables. Behind `--`: `--only N`, once or more, runs the
//! N-th pattern alone, `--picture 1` draws a picture, `resident.svg` beside this file.
//!
//! ```text
//!   patterns · shapes · threads · traces     what a program does, through
//!   heap                                     one allocator, watched: every call, and now and then what is resident
//!   report · picture                         the children's samples as a table and as a picture
//! ```
//!
//! Default settings everywhere: no allocator is configured, and none is told to give memory back before the last moment of a pattern. Behind
//! each pattern come 10 million calls for small objects, so that an allocator whose memory returns on slow paths gets to one.

#[path = "../heap/calls.rs"]
#[allow(dead_code)] // the other benchmark splits traces
mod calls;
#[path = "../harness/mod.rs"]
#[allow(dead_code)] // the clock and the statistics are the other benchmarks'
mod harness;
mod heap;
#[path = "../harness/options.rs"]
mod options;
mod patterns;
mod picture;
mod report;
#[path = "../heap/resident.rs"]
mod resident;
mod shapes;
mod subjects;
mod threads;
#[path = "../heap/trace.rs"]
#[allow(dead_code)] // the other benchmark knows where a trace is largest
mod trace;
mod traces;

use options::Options;
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    if let Some(pattern) = options.number("--child") {
        return patterns::child(pattern, options.number("--subject").unwrap_or(0));
    }
    let mut wanted: Vec<usize> = options.numbers("--only").collect();
    if wanted.is_empty() {
        wanted = (0..patterns::all().len()).collect();
    }
    let results = wanted.into_iter().map(report::ask).collect::<Outcome<Vec<_>>>()?;
    report::print(&results);
    if options.number("--picture").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../memory/resident.svg");
        std::fs::write(path, picture::drawn(&results))?;
        println!("\nthe picture: {path}");
    }
    Ok(())
}
