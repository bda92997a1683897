//! The corpus on malloc and on the heap arena: whole programs, libraries, compiler and all.
//!
//! `cargo bench -p permacode-lua --bench corpus`; `-- --rounds 5` is quicker, and rougher. Numbers and what follows from them:
//! README.md. `-- --only 2` takes one sample of one subject: for tools that count instructions.
//!
//! A sample is a state made, every program loaded from sealed pages and run, and the state closed: in one process, one subject after
//! the other, each round beginning with another one. Heap arenas are made inside the sample, so their first touch of every page
//! counts; `kept` is one that served the samples before, as malloc did.

#[path = "../../../benches/harness/mod.rs"]
mod harness;
#[path = "../../../benches/harness/options.rs"]
mod options;

use harness::{Clock, Samples, interleave, print_table};
use options::Options;
use permacode::{CodeArena, HeapArena};
use permacode_lua::{Allocator, Program, State, compile};
use std::error::Error;
use std::fs;
use std::path::Path;

const SUBJECTS: [&str; 4] = ["malloc", "heap arena, kept", "heap arena, new", "heap arena, new, fenced when loaded"];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let rounds = options.number("--rounds").unwrap_or(31);
    let code = CodeArena::new()?;
    let corpus = Corpus::new(&code)?;
    let kept = HeapArena::new()?;
    if let Some(subject) = options.number("--only").filter(|subject| *subject < SUBJECTS.len()) {
        return corpus.sample(subject, &kept).map(|[whole, _]| println!("{}: {whole:.1} ms", SUBJECTS[subject]));
    }
    // Once for each, so that nobody pays for what the process touches first.
    for subject in 0..SUBJECTS.len() {
        corpus.sample(subject, &kept)?;
    }
    let measured = interleave(rounds, SUBJECTS.len(), |subject| corpus.sample(subject, &kept))?;
    let row = |(subject, [whole, run]): (&str, &[Samples; 2])| {
        let [base, base_run] = &measured[0];
        vec![subject.to_owned(), whole.cell(), whole.ratio_cell(base), run.cell(), run.ratio_cell(base_run)]
    };
    let rows: Vec<_> = SUBJECTS.into_iter().zip(&measured).map(row).collect();
    let title = format!("{} programs, ms of processor time; {rounds} rounds", corpus.programs.len());
    print_table(&title, &["Lua's heap", "open, load, run, close", "of malloc's", "run alone", "of malloc's"], &rows);
    Ok(())
}

/// Programs on sealed pages, with what each prints.
struct Corpus<'c> {
    programs: Vec<(Program<'c>, Vec<u8>)>,
}

impl<'c> Corpus<'c> {
    fn new(code: &'c CodeArena) -> Outcome<Self> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("programs"))? {
            paths.extend(
                Some(entry?.path()).filter(|path| path.extension().is_some_and(|extension| extension == "lua")),
            );
        }
        paths.sort();
        let mut programs = Vec::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let loader = code.load(&name)?;
            let program = compile(&fs::read(&path)?, &name)?.place(&loader)?;
            loader.finish();
            programs.push((program, fs::read(path.with_extension("expected"))?));
        }
        code.seal()?;
        Ok(Self { programs })
    }

    /// Milliseconds of a state's whole life, its heap arena's included, and of the programs in it.
    fn sample(&self, subject: usize, kept: &HeapArena) -> Outcome<[f64; 2]> {
        let clock = Clock::start();
        let run = match subject {
            0 => self.life(Allocator::system(), || ()),
            1 => self.life(Allocator::heap(kept), || ()),
            2 => self.life(Allocator::heap(&HeapArena::new()?), || ()),
            _ => {
                let heap = HeapArena::new()?;
                self.life(Allocator::heap(&heap), || heap.fence())
            }
        }?;
        Ok([clock.elapsed().as_secs_f64() * 1e3, run])
    }

    /// Opens a state, loads, runs and closes; milliseconds of the running.
    fn life(&self, allocator: Allocator<'_>, loaded: impl Fn()) -> Outcome<f64> {
        let state = State::with_allocator(allocator)?;
        let functions: Vec<_> =
            self.programs.iter().map(|(program, _)| state.load(*program)).collect::<Result<_, _>>()?;
        loaded();
        let clock = Clock::start();
        for (function, (_, expected)) in functions.iter().zip(&self.programs) {
            // A heap that mixes objects up cannot win.
            if function.run()? != *expected {
                return Err("a program did not print what it should".into());
            }
        }
        Ok(clock.elapsed().as_secs_f64() * 1e3)
    }
}
