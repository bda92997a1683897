//! What several tests need.
#![allow(dead_code)] // each test uses a part

pub mod counter;

use permacode::CodeArena;
use permacode_lua::{Program, State, compile};
use std::fs;
use std::path::{Path, PathBuf};

/// A program of the corpus.
pub struct Sample {
    pub name: String,
    pub source: Vec<u8>,
    pub expected: Vec<u8>,
}

pub fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// Every program of the corpus, by name.
pub fn corpus() -> Vec<Sample> {
    let mut corpus: Vec<Sample> = fs::read_dir(programs())
        .expect("the corpus is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "lua"))
        .map(|path| Sample {
            name: path.file_name().expect("a file").to_string_lossy().into_owned(),
            source: fs::read(&path).expect("a program"),
            expected: fs::read(path.with_extension("expected")).expect("its output"),
        })
        .collect();
    corpus.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(corpus.len() >= 20, "the corpus lies in {}", programs().display());
    corpus
}

/// Compiles and places, as a module of its own.
pub fn place<'a>(arena: &'a CodeArena, source: &[u8], name: &str) -> Program<'a> {
    let chunk = compile(source, name).expect("compiles");
    let loader = arena.load(name).expect("room");
    let program = chunk.place(&loader).expect("room");
    loader.finish();
    program
}

/// The corpus, placed and sealed.
pub fn sealed_corpus(arena: &CodeArena) -> Vec<(Sample, Program<'_>)> {
    let placed = corpus().into_iter().map(|sample| (place(arena, &sample.source, &sample.name), sample));
    let placed: Vec<_> = placed.map(|(program, sample)| (sample, program)).collect();
    assert!(arena.seal().expect("sealed").pages > 0);
    placed
}

/// Runs a source in a state of its own, from sealed pages.
pub fn run(source: &str) -> Result<String, permacode_lua::LuaError> {
    let arena = CodeArena::new().expect("an arena");
    let program = place(&arena, source.as_bytes(), "test.lua");
    assert_eq!(arena.seal().expect("sealed").held, 0);
    let state = State::new()?;
    let output = state.load(program)?.run()?;
    Ok(String::from_utf8(output).expect("text"))
}
