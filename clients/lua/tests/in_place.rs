//! The bytes in the arena are what Lua executes, and it never writes to them. Seen from outside of the process that runs.
#![cfg(target_os = "linux")]

mod common;

use common::{place, sealed_corpus};
use permacode::CodeArena;
use permacode_lua::{Program, State};
use permacode_witness::{Child, End, copied, memory, watched};
use std::ops::Range;

const PAGE: usize = 4096;

/// The whole pages that hold a program's bytes.
fn pages(program: Program<'_>) -> Range<usize> {
    let bytes = program.bytes().as_ptr_range();
    bytes.start.addr() / PAGE * PAGE..bytes.end.addr().next_multiple_of(PAGE)
}

/// Changes what may be done with pages that hold bytes of the arena.
fn protect(pages: &Range<usize>, access: i32) -> bool {
    // SAFETY: called in children that die of it or leave, on whole pages of an arena whose blocks only Lua uses.
    unsafe { libc::mprotect(std::ptr::without_provenance_mut(pages.start), pages.len(), access) == 0 }
}

#[test]
fn a_program_dies_of_a_fault_in_the_arena_when_its_pages_may_not_be_read() {
    let arena = CodeArena::new().unwrap();
    for (sample, program) in sealed_corpus(&arena) {
        let state = State::new().unwrap();
        let function = state.load(program).unwrap();
        let end = Child::run(|| {
            if !protect(&pages(program), libc::PROT_NONE) {
                return 1;
            }
            function.run().map_or(2, |_| 3)
        })
        .unwrap();
        let End::Signal { signal: libc::SIGSEGV, address } = end else { panic!("{}: {end:?}", sample.name) };
        assert!(pages(program).contains(&address), "{}: {address:#x} is not code", sample.name);
    }
}

#[test]
fn a_program_copied_to_the_heap_does_not_need_the_arena() {
    let arena = CodeArena::new().unwrap();
    let (sample, program) = sealed_corpus(&arena).swap_remove(0);
    let state = State::new().unwrap();
    let function = state.load_copied(program).unwrap();
    let end = Child::run(|| {
        if !protect(&pages(program), libc::PROT_NONE) {
            return 1;
        }
        i32::from(function.run() != Ok(sample.expected))
    });
    assert_eq!(end.unwrap(), End::Code(0));
}

#[test]
fn a_forked_worker_that_runs_every_program_copies_no_code_page() {
    let arena = CodeArena::new().unwrap();
    let placed = sealed_corpus(&arena);
    let state = State::new().unwrap();
    let functions: Vec<_> = placed.iter().map(|(_, program)| state.load(*program).unwrap()).collect();
    let ranges: Vec<_> = placed.iter().map(|(_, program)| pages(program.to_owned())).collect();
    let range =
        ranges.iter().map(|range| range.start).min().unwrap()..ranges.iter().map(|range| range.end).max().unwrap();
    let all = |mut right: Vec<bool>| {
        right.dedup();
        right == [true]
    };
    watched(
        || {
            let right = functions.iter().zip(&placed).map(|(f, (sample, _))| f.run().as_ref() == Ok(&sample.expected));
            assert!(all(right.collect()));
        },
        |pid| {
            let memory = memory(pid, range.clone()).unwrap();
            assert_eq!(memory.resident(), (arena.stats().pages * PAGE) as u64, "every page is looked at");
            assert_eq!(memory.private_dirty(), 0);
            assert_eq!(copied(pid, ranges.clone()).unwrap(), 0);
        },
    );
}

#[test]
fn a_page_that_a_worker_does_write_to_is_seen() {
    let arena = CodeArena::new().unwrap();
    let program = place(&arena, b"return 1", "m.lua");
    assert_eq!(arena.seal().unwrap().held, 0);
    let pages = pages(program);
    watched(
        || {
            let writable = protect(&pages, libc::PROT_READ | libc::PROT_WRITE);
            let byte: *mut u8 = program.bytes().as_ptr().cast_mut();
            // SAFETY: made writable above; nobody runs the program in this child.
            unsafe { byte.write_volatile(0) };
            assert!(writable);
        },
        |pid| {
            assert_eq!(memory(pid, pages.clone()).unwrap().private_dirty(), PAGE as u64);
            assert_eq!(copied(pid, [pages.clone()]).unwrap(), 1);
        },
    );
}

#[test]
fn a_finalizer_runs_in_place_when_the_state_is_closed() {
    let arena = CodeArena::new().unwrap();
    let program = place(&arena, b"kept = setmetatable({}, { __gc = function() io.stderr:write('') end })", "m.lua");
    assert_eq!(arena.seal().unwrap().held, 0);
    let end = Child::run(|| {
        let state = State::new().unwrap();
        state.load(program).unwrap().run().unwrap();
        if !protect(&pages(program), libc::PROT_NONE) {
            return 1;
        }
        drop(state);
        0
    });
    let End::Signal { signal: libc::SIGSEGV, address } = end.unwrap() else { panic!("the finalizer did not run") };
    assert!(pages(program).contains(&address));
}
