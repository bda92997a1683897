//! Every program of the corpus prints what it should, wherever its code lies.

mod common;

use common::{corpus, sealed_corpus};
use permacode::CodeArena;
use permacode::code::Protection;
use permacode_lua::{State, compile};

#[test]
fn every_program_runs_from_sealed_pages_twice_in_one_state() {
    let arena = CodeArena::new().unwrap();
    let placed = sealed_corpus(&arena);
    assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
    let state = State::new().unwrap();
    for (sample, program) in &placed {
        let function = state.load(*program).unwrap();
        for time in 1..=2 {
            assert_eq!(function.run().unwrap(), sample.expected, "{}, run {time}", sample.name);
        }
    }
}

#[test]
fn every_program_runs_copied_to_the_heap_twice_in_one_state() {
    let arena = CodeArena::new().unwrap();
    let placed = sealed_corpus(&arena);
    let state = State::new().unwrap();
    for (sample, program) in &placed {
        let function = state.load_copied(*program).unwrap();
        for time in 1..=2 {
            assert_eq!(function.run().unwrap(), sample.expected, "{}, run {time}", sample.name);
        }
    }
}

#[test]
fn a_program_may_be_loaded_before_its_pages_are_sealed() {
    let arena = CodeArena::new().unwrap();
    let state = State::new().unwrap();
    for sample in corpus() {
        let loader = arena.load(&sample.name).unwrap();
        let program = compile(&sample.source, &sample.name).unwrap().place(&loader).unwrap();
        let function = state.load(program).unwrap();
        loader.seal().unwrap();
        assert_eq!(function.run().unwrap(), sample.expected, "{}", sample.name);
    }
}

#[test]
fn compiling_the_same_source_twice_gives_the_same_bytes() {
    for sample in corpus() {
        let (one, two) = (compile(&sample.source, "m.lua").unwrap(), compile(&sample.source, "m.lua").unwrap());
        assert_eq!(one.bytes(), two.bytes(), "{}", sample.name);
    }
}

#[test]
fn a_placed_chunk_is_the_compiled_one_at_an_aligned_address_of_the_arena() {
    let arena = CodeArena::new().unwrap();
    for (sample, program) in sealed_corpus(&arena) {
        assert_eq!(program.bytes(), compile(&sample.source, &sample.name).unwrap().bytes());
        assert_eq!(program.bytes().as_ptr().addr() % 8, 0);
        assert!(arena.contains(program.bytes()) && arena.contains(program.name()));
        assert_eq!(arena.locate(program.bytes()).unwrap().module.name(), sample.name);
    }
}
