//! Measures the private memory of forked workers: code in a code arena, beside code that carries reference counts.
//!
//! ```text
//! cargo run --release --example workers                      # a table
//! cargo run --release --example workers -- --svg FILE.svg    # and a picture
//! ```
//!
//! Both programs hold the same functions and call each of them once in each worker. The one keeps them in a [`CodeArena`] and sealed.
//! The other keeps them in `Rc`s, so that a call writes to the count beside the code, as many interpreters do.

#[cfg(target_os = "linux")]
mod fleet;
mod picture;

use permacode::{CodeArena, CodeRef, Permanent};
use std::hint::black_box;
use std::rc::Rc;

/// Functions that each worker calls.
const FUNCTIONS: usize = 10_000;
/// Workers that live at the same time.
const FLEETS: [usize; 5] = [1, 2, 4, 8, 16];

/// Code in the arena: references, and no count.
#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
}

/// The same code on the ordinary heap. [`Rc`] puts a count beside it.
struct Counted {
    name: String,
    ops: Vec<u8>,
}

/// What a fleet was measured at: the largest worker's private memory, in kB.
struct Row {
    workers: usize,
    arena: usize,
    counted: usize,
}

/// Returns the bytecode of a function: 300 to 600 bytes, about as long as a Python function's.
fn bytecode(number: usize) -> Vec<u8> {
    let length = 300 + number * 7919 % 301;
    (0..length).map(|at| (number + at) as u8).collect()
}

/// Runs a function: reads all of it.
fn run(name: &str, ops: &[u8]) -> usize {
    ops.iter().map(|&op| usize::from(op)).sum::<usize>() + name.len()
}

/// Puts all functions into an arena, fifty to a module, and seals them once.
fn load(arena: &CodeArena) -> Result<Vec<CodeRef<'_, Code<'_>>>, permacode::Error> {
    let mut functions = Vec::new();
    for module in 0..FUNCTIONS / 50 {
        let loader = arena.load(&format!("module {module}"))?;
        for number in module * 50..(module + 1) * 50 {
            let name = loader.intern(&format!("f{number}"))?;
            let code = loader.alloc(Code { name, ops: loader.alloc_slice_copy(&bytecode(number))? })?;
            functions.push(CodeRef::new(code));
        }
        loader.finish();
    }
    arena.seal()?;
    Ok(functions)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => None,
        [option, file] if option == "--svg" => Some(file.clone()),
        _ => return Err("usage: workers [--svg FILE.svg]".into()),
    };
    let arena = CodeArena::new()?;
    let functions = load(&arena)?;
    let counted: Vec<Rc<Counted>> =
        (0..FUNCTIONS).map(|number| Rc::new(Counted { name: format!("f{number}"), ops: bytecode(number) })).collect();

    // A call holds its code, as a frame does whose function may be redefined while it runs.
    let call_all = || {
        for function in &functions {
            let frame = black_box(function.clone());
            black_box(run(frame.get().name, frame.get().ops));
        }
    };
    let call_all_counted = || {
        for function in &counted {
            let frame = black_box(Rc::clone(function));
            black_box(run(&frame.name, &frame.ops));
        }
    };
    let mut rows = Vec::new();
    for workers in FLEETS {
        rows.push(Row { workers, arena: largest(workers, call_all)?, counted: largest(workers, call_all_counted)? });
    }

    let used = arena.stats().used;
    println!("private memory of a worker that called {FUNCTIONS} functions, {} kB of code:\n", used / 1024);
    println!("workers   code arena   reference counts");
    for Row { workers, arena, counted } in &rows {
        println!("{workers:>7}   {arena:>7} kB   {counted:>13} kB");
    }
    if let Some(file) = file {
        std::fs::write(&file, picture::draw(&rows))?;
        println!("\npicture: {file}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn largest(workers: usize, work: impl Fn() + Copy) -> Result<usize, Box<dyn std::error::Error>> {
    let private = fleet::private_memory(workers, work)?;
    Ok(private.into_iter().max().unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn largest(_: usize, _: impl Fn() + Copy) -> Result<usize, Box<dyn std::error::Error>> {
    Err("private memory is read from /proc/<pid>/smaps_rollup, which only Linux has".into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
