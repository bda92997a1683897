//! Forked workers on both arenas: what they copy of the pages that their parent used, and what the parent keeps. Seen from outside.
#![cfg(target_os = "linux")]

mod common;

use common::{place, programs, sealed_corpus};
use permacode::{DualArena, HeapArena};
use permacode_lua::{Function, State};
use permacode_witness::{Child, End, copied, memory, watched};
use std::fs;
use std::ops::Range;

/// Where objects are.
fn objects(heap: &HeapArena) -> Vec<Range<usize>> {
    let mut objects = Vec::new();
    heap.walk(|object, size| objects.push(object.addr().get()..object.addr().get() + size));
    objects
}

#[test]
fn a_worker_on_both_arenas_copies_heap_pages_and_no_code_page() {
    let arenas = DualArena::new().unwrap();
    let placed = sealed_corpus(&arenas.code);
    let state = State::on(&arenas).unwrap();
    let functions: Vec<_> = placed.iter().map(|(_, program)| state.load(*program).unwrap()).collect();
    let old = objects(&arenas.heap);
    let right = |(f, (sample, _)): (&Function<'_, '_>, &(common::Sample, _))| f.run().as_ref() == Ok(&sample.expected);
    watched(
        || assert!(functions.iter().zip(&placed).all(right)),
        |pid| {
            let code = || placed.iter().map(|(_, program)| program.bytes().as_ptr_range());
            let code: Vec<_> = code().map(|bytes| bytes.start.addr()..bytes.end.addr()).collect();
            assert_eq!(copied(pid, code.clone()).unwrap(), 0);
            assert!(copied(pid, old.clone()).unwrap() > 50);
            // Each arena's mappings are its own: none holds code and objects.
            let heap = memory(pid, arenas.heap.address_range()).unwrap();
            assert!(heap.private_dirty() > 1 << 20);
            for bytes in code {
                let mapping = memory(pid, bytes).unwrap().mappings.remove(0);
                assert!(mapping.permissions.starts_with("r--") && mapping.private_dirty == 0, "{mapping:?}");
                assert!(heap.mappings.iter().all(|heap| heap.range != mapping.range));
            }
        },
    );
    drop(functions);
    drop(state);
    assert_eq!((arenas.heap.stats().live, arenas.heap.stats().objects), (0, 0));
}

#[test]
fn behind_a_fence_a_worker_copies_fewer_of_the_pages_that_its_parent_used() {
    // Leaves holes between objects that stay.
    let before = b"kept = {} for i = 1, 20000 do kept[i] = { i } end for i = 1, 20000, 2 do kept[i] = false end";
    // The collector is stopped because it writes marks into every object, new or old.
    let worker = b"collectgarbage('stop') local new = {} for i = 1, 5000 do new[i] = { i } end";
    let copied_behind = |fence: bool| {
        let arenas = DualArena::new().unwrap();
        let state = State::on(&arenas).unwrap();
        state.load(place(&arenas.code, before, "before.lua")).unwrap().run().unwrap();
        let worker = state.load(place(&arenas.code, worker, "worker.lua")).unwrap();
        state.collect().unwrap();
        if fence {
            arenas.heap.fence();
        }
        let old = objects(&arenas.heap);
        watched(|| assert!(worker.run().is_ok()), |pid| copied(pid, old).unwrap())
    };
    let (without, with) = (copied_behind(false), copied_behind(true));
    assert!(without > 50, "{without} pages: the holes were not used");
    assert!(with * 4 < without, "{with} pages behind a fence, {without} without");
}

#[test]
fn a_worker_that_exits_leaves_its_parents_heap_as_it_was() {
    let arenas = DualArena::new().unwrap();
    let exits = fs::read(programs().join("errors/exit.lua")).unwrap();
    let exits = place(&arenas.code, &exits, "exit.lua");
    let closes = place(&arenas.code, b"x = { setmetatable({}, { __gc = print }) } os.exit(7, true)", "closes.lua");
    let works = place(&arenas.code, b"print('works')", "works.lua");
    let state = State::on(&arenas).unwrap();
    let (exits, closes) = (state.load(exits).unwrap(), state.load(closes).unwrap());
    let works = state.load(works).unwrap();
    works.run().unwrap();
    let before = objects(&arenas.heap);
    assert_eq!(Child::run(|| exits.run().map_or(1, |_| 2)).unwrap(), End::Code(3));
    assert_eq!(Child::run(|| closes.run().map_or(1, |_| 2)).unwrap(), End::Code(7));
    assert_eq!(objects(&arenas.heap), before);
    assert_eq!(works.run().unwrap(), b"works\n");
}

#[test]
fn a_worker_that_closes_its_state_has_nothing_left_and_the_parent_has_all() {
    let arenas = DualArena::new().unwrap();
    let placed = sealed_corpus(&arenas.code);
    let state = State::on(&arenas).unwrap();
    for (_, program) in &placed[..5] {
        state.load(*program).unwrap().run().unwrap();
    }
    let before = objects(&arenas.heap);
    let end = Child::run(|| {
        // SAFETY: the child's copy of the state, which it leaves without dropping it again.
        let state = unsafe { core::ptr::read(&state) };
        drop(state);
        i32::from(arenas.heap.stats().objects != 0 || arenas.heap.stats().live != 0)
    });
    assert_eq!(end.unwrap(), End::Code(0));
    assert_eq!(objects(&arenas.heap), before);
    drop(state);
    assert_eq!(arenas.heap.stats().objects, 0);
}
