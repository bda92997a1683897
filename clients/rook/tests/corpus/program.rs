//! A program of the corpus, its settings, and what it should print.
//!
//! The first lines of a program may set bounds: `# limit: BYTES`, `# code_limit: BYTES`, `# fuel: OPERATIONS`.

use permacode_rook::{Interpreter, Settings};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A program and its expected output.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) expected: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// Returns all programs, by name.
pub(crate) fn corpus() -> Vec<Program> {
    let mut programs: Vec<Program> = fs::read_dir(folder())
        .expect("the folder of programs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rk"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let read =
                |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Program { name, source: read(&path), expected: read(&path.with_extension("out")) }
        })
        .collect();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    programs
}

/// Finds the modules of the corpus. `large` is as large as its name says.
fn module(name: &str) -> Option<String> {
    if name == "large" {
        return Some((0..10_000).map(|n| format!("let x{n} = {n}\n", n = n % 100)).collect());
    }
    fs::read_to_string(folder().join("modules").join(format!("{name}.rk"))).ok()
}

impl Program {
    /// Returns the settings that the program asks for.
    pub(crate) fn settings(&self) -> Settings {
        let number = |what: &str| {
            let wanted =
                |line: &str| line.strip_prefix("# ")?.strip_prefix(what)?.strip_prefix(": ")?.parse::<usize>().ok();
            self.source.lines().find_map(wanted)
        };
        Settings {
            heap_limit: number("limit"),
            code_limit: number("code_limit"),
            fuel: number("fuel").map_or(5_000_000, |fuel| fuel as u64),
            sources: Rc::new(module),
            ..Settings::default()
        }
    }

    /// Runs the program. Returns all that it printed, its failure too.
    pub(crate) fn run(&self, rook: &mut Interpreter) -> String {
        let result = rook.run("main", &self.source);
        let printed = rook.take_output();
        match result {
            Ok(()) => printed,
            Err(failure) => format!("{printed}{failure}\n"),
        }
    }
}
