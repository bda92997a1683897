//! A heap that is too small for a Lua, by every amount: it says that there is no memory, hangs nowhere, and leaves nothing.
#![cfg(any(feature = "lua51", feature = "lua52", feature = "lua53", feature = "lua54"))]

use permacode::HeapArena;
use permacode_lua_versions::{End, Memory, run};
use permacode_witness::in_child;

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
    for i = 1, 200 do list[i] = nil end
    collectgarbage()
    collectgarbage()
    return co() + co() .. ('%q'):format(text:upper()) .. #text:rep(2000)
";

/// Runs the program on heaps that grow by `step` bytes, until it succeeds and sixteen times more; how many were too small.
#[track_caller]
fn until_enough(step: usize, heap: fn(usize) -> HeapArena) -> usize {
    let expected = run(Memory::System, SOURCE);
    assert!(matches!(expected, End::Returned(_)), "{expected:?}");
    let (mut refused, mut enough) = (0, 0);
    for bytes in (1..).map(|tries| tries * step) {
        let heap = heap(bytes);
        let end = run(Memory::Heap(&heap), SOURCE);
        assert_eq!((heap.stats().live, heap.stats().objects), (0, 0), "left behind with {bytes} bytes");
        if end == expected {
            enough += 1;
            if enough == 16 {
                return refused;
            }
        } else {
            assert_eq!(end, End::NoMemory, "with {bytes} bytes");
            refused += 1;
        }
    }
    unreachable!()
}

// soundness S31. A collector that is refused a shrink goes round for ever in Lua 5.3; a child that does is killed.
#[test]
fn every_limit_in_steps_of_512_bytes_is_an_error_or_enough() {
    in_child(|| {
        let refused = until_enough(512, |bytes| HeapArena::builder().limit(bytes).build().unwrap());
        assert!((40..2000).contains(&refused), "{refused} heaps were too small");
    });
}

// soundness S31
#[test]
fn every_reservation_is_an_error_or_enough() {
    in_child(|| {
        let refused = until_enough(64 << 10, |bytes| HeapArena::builder().reservation(bytes).build().unwrap());
        assert!((4..200).contains(&refused), "{refused} heaps were too small");
    });
}
