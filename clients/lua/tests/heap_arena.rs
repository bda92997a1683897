//! Lua's objects on the heap arena, its code on sealed pages: the same output, and nothing left behind.

mod common;

use common::counter::Counter;
use common::{corpus, place, programs, sealed_corpus};
use permacode::{ArenaKind, DualArena, HeapArena, HeapRc};
use permacode_lua::{Allocator, LuaErrorKind, State, compile, compile_with};
use std::collections::BTreeMap;
use std::fs;

/// Lives on the heap: bytes, objects.
fn live(heap: &HeapArena) -> (usize, usize) {
    (heap.stats().live, heap.stats().objects)
}

#[test]
fn every_program_runs_on_both_arenas_twice_in_one_state() {
    let arenas = DualArena::new().unwrap();
    let placed = sealed_corpus(&arenas.code);
    let state = State::on(&arenas).unwrap();
    for (sample, program) in &placed {
        let function = state.load(*program).unwrap();
        for time in 1..=2 {
            assert_eq!(function.run().unwrap(), sample.expected, "{}, run {time}", sample.name);
        }
    }
    assert!(arenas.heap.stats().objects > 1000);
    drop(state);
    assert_eq!(live(&arenas.heap), (0, 0));
}

#[test]
fn a_state_that_is_closed_leaves_nothing_whatever_it_ran() {
    let arenas = DualArena::new().unwrap();
    for (sample, program) in sealed_corpus(&arenas.code) {
        let state = State::on(&arenas).unwrap();
        assert_eq!(state.load(program).unwrap().run().unwrap(), sample.expected, "{}", sample.name);
        assert_ne!(live(&arenas.heap), (0, 0));
        drop(state);
        assert_eq!(live(&arenas.heap), (0, 0), "{}", sample.name);
    }
}

#[test]
fn a_fenced_and_a_trimmed_heap_serve_every_program_as_well() {
    let arenas = DualArena::new().unwrap();
    let placed = sealed_corpus(&arenas.code);
    let state = State::on(&arenas).unwrap();
    let functions: Vec<_> = placed.iter().map(|(_, program)| state.load(*program).unwrap()).collect();
    for (turn, (function, (sample, _))) in functions.iter().zip(&placed).enumerate() {
        match turn % 4 {
            0 => arenas.heap.fence(),
            1 => _ = arenas.heap.trim().unwrap(),
            2 => arenas.heap.lift_fence(),
            _ => state.collect().unwrap(),
        }
        assert_eq!(function.run().unwrap(), sample.expected, "{}", sample.name);
    }
    drop(functions);
    drop(state);
    assert_eq!(live(&arenas.heap), (0, 0));
}

#[test]
fn several_states_share_a_heap_with_each_other_and_with_rust() {
    let arenas = DualArena::new().unwrap();
    let placed = sealed_corpus(&arenas.code);
    let kept = HeapRc::new(&arenas.heap, [7_u64; 40]).unwrap();
    let states = [State::on(&arenas).unwrap(), State::on(&arenas).unwrap(), State::on(&arenas).unwrap()];
    for (turn, (sample, program)) in placed.iter().enumerate() {
        let function = states[turn % 3].load(*program).unwrap();
        assert_eq!(function.run().unwrap(), sample.expected, "{}", sample.name);
    }
    drop(states);
    assert_eq!((*kept, arenas.heap.stats().objects), ([7; 40], 1));
}

#[test]
fn the_compiler_runs_on_the_heap_arena_and_gives_the_same_bytes() {
    let heap = HeapArena::new().unwrap();
    for sample in corpus() {
        let chunk = compile_with(&sample.source, &sample.name, Allocator::heap(&heap)).unwrap();
        assert_eq!(chunk.bytes(), compile(&sample.source, &sample.name).unwrap().bytes(), "{}", sample.name);
        assert_eq!(live(&heap), (0, 0), "{}", sample.name);
    }
    assert!(
        compile_with(&fs::read(programs().join("errors/syntax.lua")).unwrap(), "s", Allocator::heap(&heap)).is_err()
    );
    assert_eq!(live(&heap), (0, 0));
}

#[test]
fn nothing_is_left_after_errors_coroutines_and_finalizers() {
    let arenas = DualArena::new().unwrap();
    let runtime = String::from_utf8(fs::read(programs().join("errors/runtime.lua")).unwrap()).unwrap();
    for (source, outcome) in [
        (&*runtime, Some(LuaErrorKind::Runtime)),
        ("error(setmetatable({}, { __tostring = function(x) error(x) end }))", None),
        ("local function f() return 1 + f() end f()", Some(LuaErrorKind::Runtime)),
        ("local co co = function() return coroutine.wrap(co)() end co()", Some(LuaErrorKind::Runtime)),
        ("return ('x'):rep(1 << 40)", Some(LuaErrorKind::Memory)),
        ("return ('x'):rep(1 << 62)", Some(LuaErrorKind::Memory)),
    ] {
        let program = place(&arenas.code, source.as_bytes(), "fails.lua");
        let state = State::on(&arenas).unwrap();
        let error = state.load(program).unwrap().run().unwrap_err();
        assert!(outcome.is_none_or(|kind| kind == error.kind()), "{source}: {error:?}");
        drop(state);
        assert_eq!(live(&arenas.heap), (0, 0), "{source}");
    }
    for source in [
        "suspended = {} for i = 1, 200 do suspended[i] = coroutine.create(function(...) local x <close> = setmetatable({}, { __close = print }) coroutine.yield(...) end) coroutine.resume(suspended[i], i) end",
        "for i = 1, 500 do setmetatable({}, { __gc = function() kept = { kept } end }) end",
        "kept = setmetatable({}, { __gc = function() for i = 1, 100 do setmetatable({}, { __gc = error }) end end })",
        "kept = setmetatable({}, { __gc = function() coroutine.wrap(function() return ('y'):rep(1e6) end)() end })",
        "file = io.tmpfile() file:write('x') f = io.open('/dev/null')",
        "weak = setmetatable({}, { __mode = 'k' }) for i = 1, 1e4 do weak[{}] = {} end",
        "collectgarbage('generational') for i = 1, 1e5 do x = { i } end",
        "collectgarbage('stop') for i = 1, 1e4 do x = { i } end",
        "long = ('z'):rep(1 << 20) .. 'z'",
    ] {
        let program = place(&arenas.code, source.as_bytes(), "works.lua");
        let state = State::on(&arenas).unwrap();
        state.load(program).unwrap().run().unwrap();
        drop(state);
        assert_eq!(live(&arenas.heap), (0, 0), "{source}");
    }
}

#[test]
fn the_heap_has_exactly_the_objects_that_lua_thinks_it_has() {
    let arenas = DualArena::new().unwrap();
    let counter = Counter::over(Allocator::heap(&arenas.heap));
    let state = State::with_allocator(counter.allocator()).unwrap();
    for (sample, program) in sealed_corpus(&arenas.code) {
        assert_eq!(state.load(program).unwrap().run().unwrap(), sample.expected, "{}", sample.name);
        let mut walked = BTreeMap::new();
        arenas.heap.walk(|object, size| assert_eq!(walked.insert(object.addr().get(), size), None));
        let blocks = counter.blocks.borrow();
        assert!(walked.keys().eq(blocks.keys()), "{}: {} and {} objects", sample.name, walked.len(), blocks.len());
        assert!(walked.values().zip(blocks.values()).all(|(has, asked)| has >= asked), "{}", sample.name);
        assert_eq!(live(&arenas.heap), (walked.values().sum(), walked.len()), "{}", sample.name);
    }
    drop(state);
    assert_eq!((counter.blocks.borrow().len(), live(&arenas.heap)), (0, (0, 0)));
}

#[test]
fn what_lua_counts_is_what_the_heap_counts_less_what_rounding_up_takes() {
    let arenas = DualArena::new().unwrap();
    let counter = Counter::over(Allocator::heap(&arenas.heap));
    let state = State::with_allocator(counter.allocator()).unwrap();
    let source = b"collectgarbage('stop') io.write(('%.0f'):format(collectgarbage('count') * 1024))";
    let count = state.load(place(&arenas.code, source, "count.lua")).unwrap();
    let counted = || {
        // Once before, so that the collector is stopped: then what Lua has only grows, and the count lies between before and after.
        count.run().unwrap();
        let before = counter.bytes();
        let counted = String::from_utf8(count.run().unwrap()).unwrap().parse::<usize>().unwrap();
        (before, counted, counter.bytes())
    };
    let (before, lua, after) = counted();
    assert!((before..=after).contains(&lua), "{lua} not in {before}..={after}");
    for (sample, program) in sealed_corpus(&arenas.code) {
        state.load(program).unwrap().run().unwrap();
        // A string that came out of a large buffer keeps the buffer, which Lua 5.5 does not count.
        let (_, lua, after) = counted();
        assert!(lua <= after && lua > after / 2, "{}: {lua} counted, {after} asked for", sample.name);
        let has = arenas.heap.stats().live;
        assert!(after <= has && has < after + after / 4, "{}: {after} asked for, {has} taken", sample.name);
        state.collect().unwrap();
    }
}

#[test]
fn code_lies_in_the_code_arena_and_objects_in_the_heap_arena_and_no_page_holds_both() {
    let arenas = DualArena::new().unwrap();
    let placed = sealed_corpus(&arenas.code);
    let state = State::on(&arenas).unwrap();
    let functions: Vec<_> = placed.iter().map(|(_, program)| state.load(*program).unwrap()).collect();
    functions.iter().for_each(|function| _ = function.run().unwrap());
    let page = |address: usize| address / 4096;
    let mut heap_pages = std::collections::BTreeSet::new();
    let mut objects = 0;
    arenas.heap.walk(|object, size| {
        assert_eq!(arenas.classify(object.as_ptr()), Some(ArenaKind::Heap));
        heap_pages.extend(page(object.addr().get())..=page(object.addr().get() + size - 1));
        objects += 1;
    });
    assert!(objects > 1000 && heap_pages.len() > 50, "{objects} objects on {} pages", heap_pages.len());
    for (_, program) in &placed {
        for bytes in [program.bytes(), program.name().as_bytes()] {
            assert_eq!(arenas.classify(bytes), Some(ArenaKind::Code));
            let bytes = bytes.as_ptr_range();
            assert!((page(bytes.start.addr())..=page(bytes.end.addr() - 1)).all(|page| !heap_pages.contains(&page)));
        }
    }
}
