//! Every allocation of Lua's may be refused: the outcome is an error or a success, never an abort, and nothing leaks.

mod common;

use core::cell::Cell;
use core::ffi::c_void;
use permacode::CodeArena;
use permacode_lua::{Allocator, LuaError, LuaErrorKind, State, compile, compile_with};

/// Memory that refuses as told, and counts.
struct Meter {
    asked: Cell<usize>,
    /// The requests that are refused, counted from 0.
    refuse: core::ops::Range<usize>,
    live: Cell<usize>,
}

impl Meter {
    fn new(refuse: core::ops::Range<usize>) -> Self {
        Self { asked: Cell::new(0), refuse, live: Cell::new(0) }
    }

    fn allocator(&self) -> Allocator<'_> {
        // SAFETY: `allocate` is C's `realloc` and `free`, or refuses what would grow; the meter is borrowed as long as the result lives.
        unsafe { Allocator::new(allocate, core::ptr::from_ref(self).cast_mut().cast()) }
    }
}

unsafe extern "C" fn allocate(meter: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
    // SAFETY: `data` is the meter, and blocks are from here.
    unsafe {
        let meter = &*meter.cast::<Meter>();
        let old = if block.is_null() { 0 } else { old };
        if new > old {
            let request = meter.asked.replace(meter.asked.get() + 1);
            if meter.refuse.contains(&request) {
                return core::ptr::null_mut();
            }
        }
        meter.live.set(meter.live.get() - old + new);
        if new == 0 {
            libc::free(block);
            core::ptr::null_mut()
        } else {
            libc::realloc(block, new)
        }
    }
}

/// Uses much of Lua, and does not catch errors.
const SOURCE: &str = "
    local Point = {} Point.__index = Point
    Point.__tostring = function(p) return '(' .. p.x .. ', ' .. p.y .. ')' end
    local function point(x, y) return setmetatable({ x = x, y = y }, Point) end
    local text = 'a string that is longer than forty bytes, so that Lua does not intern it'
    local list = {}
    for i = 1, 20 do list[i] = point(i, text:sub(1, i):rep(3)) end
    table.sort(list, function(a, b) return a.x > b.x end)
    local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(assert(load('return ' .. i .. ' + 1'))()) end end)
    print(list[1], co(), co(), string.format('%q', text:upper()))
    print(select('#', table.unpack(list)))
";

/// Loads and runs; each step may be refused.
fn run(meter: &Meter, program: permacode_lua::Program<'_>, in_place: bool) -> Result<Vec<u8>, LuaError> {
    let arena = CodeArena::new().expect("an arena");
    let loader = arena.load("m").expect("room");
    // SAFETY: the bytes of a chunk.
    let chunk = unsafe { permacode_lua::Chunk::from_bytes(program.name(), program.bytes()) }?;
    let placed = chunk.place(&loader).expect("room");
    let state = State::with_allocator(meter.allocator())?;
    let function = if in_place { state.load(placed)? } else { state.load_copied(placed)? };
    let output = function.run();
    drop(function);
    state.collect().or_else(|error| if output.is_err() { Ok(()) } else { Err(error) })?;
    output
}

/// Calls `attempt` with every N-th request refused, `width` of them in a row, until one was never reached.
fn for_every_request(width: usize, mut attempt: impl FnMut(&Meter) -> Result<(), LuaError>) -> (usize, usize) {
    let (mut refused, mut survived) = (0, 0);
    for from in 0.. {
        let meter = Meter::new(from..from.saturating_add(width));
        let outcome = attempt(&meter);
        assert_eq!(meter.live.get(), 0, "leaked when request {from} was refused");
        match outcome {
            Err(error) => {
                // `assert` in the program puts a line number before the message, and makes an ordinary error of it.
                let kinds = [LuaErrorKind::Memory, LuaErrorKind::Runtime];
                assert!(kinds.contains(&error.kind()), "request {from}: {error:?}");
                assert!(error.message().ends_with("not enough memory"), "request {from}: {error:?}");
                refused += 1;
            }
            Ok(()) if meter.asked.get() <= from => return (refused, survived),
            Ok(()) => survived += 1,
        }
    }
    unreachable!()
}

#[test]
fn compiling_survives_the_refusal_of_every_allocation() {
    let (refused, survived) =
        for_every_request(usize::MAX, |meter| compile_with(SOURCE.as_bytes(), "m.lua", meter.allocator()).map(|_| ()));
    assert!(refused > 100 && survived == 0, "{refused} refused, {survived} survived");
}

#[test]
fn making_loading_and_running_survive_the_refusal_of_every_allocation() {
    let arena = CodeArena::new().unwrap();
    let program = common::place(&arena, SOURCE.as_bytes(), "m.lua");
    for in_place in [true, false] {
        let (refused, _) = for_every_request(usize::MAX, |meter| run(meter, program, in_place).map(|_| ()));
        assert!(refused > 500, "{refused} refused");
    }
}

#[test]
fn one_refused_allocation_is_an_error_or_makes_no_difference() {
    let arena = CodeArena::new().unwrap();
    let program = common::place(&arena, SOURCE.as_bytes(), "m.lua");
    let expected = run(&Meter::new(0..0), program, true).unwrap();
    // Lua answers a refusal by a full collection and asks again: that succeeds here.
    let (_, survived) =
        for_every_request(1, |meter| run(meter, program, true).map(|output| assert_eq!(output, expected)));
    assert!(survived > 500, "{survived} survived");
    for_every_request(2, |meter| run(meter, program, true).map(|output| assert_eq!(output, expected)));
}

#[test]
fn a_state_that_ran_out_of_memory_works_on() {
    let arena = CodeArena::new().unwrap();
    let hog = common::place(&arena, b"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "hog.lua");
    let works = common::place(&arena, b"print('works')", "works.lua");
    let meter = Meter::new(3000..6000);
    let state = State::with_allocator(meter.allocator()).unwrap();
    let error = state.load(hog).unwrap().run().unwrap_err();
    assert_eq!(error.kind(), LuaErrorKind::Memory);
    while meter.asked.get() < 6000 {
        let _ = state.collect();
        let _ = state.load(works).and_then(|function| function.run());
    }
    assert_eq!(state.load(works).unwrap().run().unwrap(), b"works\n");
    drop(state);
    assert_eq!(meter.live.get(), 0);
}

#[test]
fn a_string_that_no_memory_holds_is_a_memory_error() {
    let arena = CodeArena::new().unwrap();
    let program = common::place(&arena, b"return ('x'):rep(1 << 60)", "m.lua");
    let state = State::new().unwrap();
    assert_eq!(state.load(program).unwrap().run().unwrap_err().kind(), LuaErrorKind::Memory);
    assert!(compile(b"return 1", "m.lua").is_ok());
}
