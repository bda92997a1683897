//! The programs of the corpus: as they are, and with a collection before each operation.

mod program;

use permacode::{Gc, HeapArena};
use permacode_rook::{Interpreter, Settings};
use program::{Program, corpus};

/// Fails unless programs print what they should under settings.
fn check(programs: &[Program], settings: impl Fn(Settings) -> Settings, then: impl Fn(&Interpreter)) {
    let mut wrong = Vec::new();
    for program in programs {
        let mut rook = Interpreter::new(settings(program.settings())).expect("an interpreter");
        let printed = program.run(&mut rook);
        then(&rook);
        if printed != program.expected {
            wrong.push(format!("── {}\n{printed}── should be\n{}", program.name, program.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_print_what_they_should() {
    let programs = corpus();
    assert!(programs.len() >= 100);
    check(&programs, |settings| settings, |rook| rook.arenas().heap.audit());
}

/// Fills what a collection freed, so that whoever still uses it finds rubbish.
fn fill(heap: &HeapArena) {
    for words in 1..24 {
        for _ in 0..4 {
            Gc::copy_slice(heap, &[0xeeee_eeee_eeee_eeee_u64; 24][..words]).ok();
        }
    }
}

#[test]
fn a_collection_before_each_operation_changes_nothing() {
    let every = |settings| Settings { collect_always: Some(fill), ..settings };
    check(&corpus(), every, |rook| rook.arenas().heap.audit());
}
