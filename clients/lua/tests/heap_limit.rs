//! A heap that is too small: memory runs out at every point, as an error of Lua's, and nothing is left behind.

mod common;

use common::place;
use permacode::{CodeArena, HeapArena};
use permacode_lua::{Allocator, LuaError, LuaErrorKind, Program, State, compile_with};

/// Uses much of Lua, and catches no error.
const SOURCE: &str = "
    local Point = {} Point.__index = Point
    Point.__tostring = function(p) return '(' .. p.x .. ', ' .. p.y .. ')' end
    local function point(x, y) return setmetatable({ x = x, y = y }, Point) end
    local text = 'a string that is longer than forty bytes, so that Lua does not intern it'
    local list = {}
    for i = 1, 200 do list[i] = point(i, text:sub(1, i):rep(3)) end
    table.sort(list, function(a, b) return a.x > b.x end)
    local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
    gone = setmetatable({}, { __gc = function() late = { text:rep(3) } end })
    print(list[1].x, co(), co(), ('%q'):format(text:upper()), #text:rep(2000))
";

fn run(heap: &HeapArena, program: Program<'_>) -> Result<Vec<u8>, LuaError> {
    let state = State::with_allocator(Allocator::heap(heap))?;
    state.load(program)?.run()
}

/// Calls `attempt` on heaps that grow by `step` bytes, until it succeeds; how many were too small.
fn until_enough<R: PartialEq + core::fmt::Debug>(
    step: usize,
    heap: impl Fn(usize) -> HeapArena,
    mut attempt: impl FnMut(&HeapArena) -> Result<R, LuaError>,
) -> usize {
    for tries in 0.. {
        let heap = heap(tries * step);
        let outcome = attempt(&heap);
        assert_eq!((heap.stats().live, heap.stats().objects), (0, 0), "left behind with {} bytes", tries * step);
        match outcome {
            Err(error) => assert_eq!(error.kind(), LuaErrorKind::Memory, "with {} bytes: {error:?}", tries * step),
            Ok(_) => return tries,
        }
    }
    unreachable!()
}

fn limited(bytes: usize) -> HeapArena {
    HeapArena::builder().limit(bytes).build().unwrap()
}

#[test]
fn every_limit_below_what_a_program_needs_is_a_memory_error_and_every_one_above_is_enough() {
    let code = CodeArena::new().unwrap();
    let program = place(&code, SOURCE.as_bytes(), "m.lua");
    let tries = until_enough(512, limited, |heap| run(heap, program));
    assert!((100..1000).contains(&tries), "{tries} heaps were too small");
    for more in (0..8).map(|step| tries * 512 + (1 << 10 << step)) {
        assert!(run(&limited(more), program).is_ok(), "{tries} times 512 bytes were enough, {more} are not");
    }
}

#[test]
fn every_limit_below_what_the_compiler_needs_is_a_memory_error() {
    let tries =
        until_enough(64, limited, |heap| compile_with(SOURCE.as_bytes(), "m.lua", Allocator::heap(heap)).map(|_| ()));
    assert!((50..2000).contains(&tries), "{tries} heaps were too small");
}

#[test]
fn every_reservation_that_is_too_small_is_a_memory_error() {
    let code = CodeArena::new().unwrap();
    let program = place(&code, SOURCE.as_bytes(), "m.lua");
    // A size class takes a slab of 64 KiB at least.
    let reserved = |bytes| HeapArena::builder().reservation(bytes).build().unwrap();
    let tries = until_enough(64 << 10, reserved, |heap| run(heap, program));
    assert!((10..100).contains(&tries), "{tries} heaps were too small");
}

#[test]
fn a_state_that_hit_its_limit_works_on() {
    let code = CodeArena::new().unwrap();
    let hog = place(&code, b"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "hog.lua");
    let string = place(&code, b"return ('x'):rep(1 << 20)", "string.lua");
    let works = place(&code, b"print('works')", "works.lua");
    let heap = limited(512 << 10);
    let state = State::with_allocator(Allocator::heap(&heap)).unwrap();
    for _ in 0..3 {
        for program in [hog, string] {
            let error = state.load(program).unwrap().run().unwrap_err();
            assert_eq!((error.kind(), error.message()), (LuaErrorKind::Memory, "not enough memory"));
            assert_eq!(state.load(works).unwrap().run().unwrap(), b"works\n");
        }
    }
    drop(state);
    assert_eq!((heap.stats().live, heap.stats().objects), (0, 0));
}

#[test]
fn a_program_may_catch_that_memory_ran_out() {
    let code = CodeArena::new().unwrap();
    let source = b"
        local function hog() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end end
        for i = 1, 20 do
            local ok, why = pcall(hog)
            assert(not ok and why == 'not enough memory', why)
        end
        print(collectgarbage('count') < 512)";
    let program = place(&code, source, "m.lua");
    let heap = limited(512 << 10);
    assert_eq!(run(&heap, program).unwrap(), b"true\n");
    assert_eq!((heap.stats().live, heap.stats().objects), (0, 0));
}
