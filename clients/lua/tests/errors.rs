//! Whatever goes wrong in Lua is a value in Rust, and the state works on.

mod common;

use common::{place, programs, run};
use permacode::CodeArena;
use permacode_lua::{Chunk, LuaErrorKind, State, compile};
use std::fs;

fn errors(name: &str) -> Vec<u8> {
    fs::read(programs().join("errors").join(name)).unwrap()
}

#[test]
fn a_syntax_error_names_chunk_and_line() {
    let error = compile(&errors("syntax.lua"), "syntax.lua").unwrap_err();
    assert_eq!(error.kind(), LuaErrorKind::Syntax);
    assert_eq!(error.message(), "syntax.lua:7: 'then' expected near 'kind'");
    assert_eq!(error.traceback(), "");
}

#[test]
fn a_runtime_error_has_a_message_with_its_line_and_a_traceback_of_all_calls() {
    let error = run(&String::from_utf8(errors("runtime.lua")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), LuaErrorKind::Runtime);
    assert_eq!(error.message(), "test.lua:5: insufficient funds: 500 > 70");
    let lines: Vec<&str> = error.traceback().lines().map(str::trim).collect();
    assert_eq!(lines[0], "stack traceback:");
    for call in ["'check'", "'withdraw'", "'run'", "main chunk"] {
        assert!(lines.iter().any(|line| line.starts_with("test.lua:") && line.contains(call)), "{call} in {lines:?}");
    }
}

#[test]
fn line_numbers_are_right_far_down_a_chunk() {
    // Lua keeps an absolute line for every 128 instructions and for jumps of more than 127 lines; all lie in the arena.
    let source = "io.write('')\n".repeat(5000) + &"\n".repeat(300) + "error('here')";
    assert_eq!(run(&source).unwrap_err().message(), "test.lua:5301: here");
}

#[test]
fn an_error_that_is_no_string_has_a_message_too() {
    for (source, message) in [
        ("error({})", "table: 0x"),
        ("error(setmetatable({}, { __tostring = function() return 'shown' end }))", "shown"),
        ("error(nil)", "nil"),
        ("error(42)", "42"),
        ("error('')", ""),
        ("error('a\\0b', 0)", "a\0b"),
        ("error('\\xff', 0)", "\u{FFFD}"),
    ] {
        let error = run(source).unwrap_err();
        assert_eq!(error.kind(), LuaErrorKind::Runtime, "{source}");
        assert!(error.message().starts_with(message), "{source}: {error}");
    }
}

#[test]
fn an_error_while_an_error_is_reported_is_an_error() {
    for shown in ["function(x) error(x) end", "function(x) error('again') end", "function(x) return {} end"] {
        let error = run(&format!("error(setmetatable({{}}, {{ __tostring = {shown} }}))")).unwrap_err();
        assert!(matches!(error.kind(), LuaErrorKind::Runtime | LuaErrorKind::Handler), "{error:?}");
        assert!(!error.message().is_empty());
    }
}

#[test]
fn endless_recursion_is_an_error_and_the_state_works_on() {
    let arena = CodeArena::new().unwrap();
    let state = State::new().unwrap();
    let works = state.load(place(&arena, b"print('still here')", "works.lua")).unwrap();
    for source in [
        "local function f() return 1 + f() end f()",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 'x'] end return t.x",
        "local function f(s) return (s:gsub('.', f)) end f('x')",
        "local co co = function() return coroutine.wrap(co)() end co()",
        "local t = {} for i = 1, 1e7 do t[i] = i end return table.unpack(t)",
    ] {
        let error = state.load(place(&arena, source.as_bytes(), "deep.lua")).unwrap().run().unwrap_err();
        assert!(matches!(error.kind(), LuaErrorKind::Runtime | LuaErrorKind::Handler), "{source}: {error:?}");
        let known = ["stack overflow", "too many results"].iter().any(|text| error.message().contains(text));
        assert!(known, "{source}: {error}");
        assert_eq!(works.run().unwrap(), b"still here\n");
    }
}

#[test]
fn source_nested_too_deeply_is_a_syntax_error() {
    for nested in ["(", "do ", "{", "x = not ", "f(", "function() ", "if x then "] {
        let error = compile(nested.repeat(10_000).as_bytes(), "deep.lua").unwrap_err();
        assert_eq!(error.kind(), LuaErrorKind::Syntax, "{nested}");
        assert!(error.message().starts_with("deep.lua:"), "{nested}: {error}");
    }
}

#[test]
fn a_big_chunk_runs_in_place() {
    let mut source = String::from("local sum = 0\n");
    for i in 0..20_000 {
        source.push_str(&format!("do local function f(x) return x + {i} end sum = f(sum) end -- {i}\n"));
    }
    source.push_str(&format!("local long = '{}'\nprint(sum, #long)", "x".repeat(1 << 20)));
    let arena = CodeArena::new().unwrap();
    let program = place(&arena, source.as_bytes(), "big.lua");
    assert_eq!(arena.seal().unwrap().held, 0);
    assert!(program.bytes().len() > 2 << 20, "{} bytes", program.bytes().len());
    let state = State::new().unwrap();
    assert_eq!(state.load(program).unwrap().run().unwrap(), b"199990000\t1048576\n");
}

#[test]
fn source_that_is_bytecode_is_refused() {
    let chunk = compile(b"print(1)", "m.lua").unwrap();
    let error = compile(chunk.bytes(), "m.lua").unwrap_err();
    assert_eq!(error.kind(), LuaErrorKind::Syntax);
    assert!(error.message().contains("attempt to load a binary chunk"), "{error}");
}

#[test]
fn a_name_with_a_zero_byte_is_refused() {
    assert_eq!(compile(b"", "a\0b").unwrap_err().kind(), LuaErrorKind::Name);
}

#[test]
fn programs_cannot_load_bytecode() {
    let source = "
        local code = string.dump(function() return 1 end)
        print(load(code)) print(load(code, 'c', 'b')) print(load(code, 'c', 'bt')) print(load('return 1', 'c', 'b'))
        print(load(function() local c = code code = nil return c end))
        local name = os.tmpname()
        local file = io.open(name, 'wb') file:write(string.dump(function() return 1 end)) file:close()
        print((loadfile(name))) print((loadfile(name, 'b'))) print((pcall(dofile, name)))
        os.remove(name)";
    let output = run(source).unwrap();
    assert!(output.lines().count() == 8, "{output}");
    assert!(output.lines().all(|line| line.starts_with("nil") || line == "false"), "{output}");
}

#[test]
fn programs_can_load_text() {
    let source = "
        print(load('return 1 + 1')()) print(load('return x', 'c', 't', { x = 5 })()) print(load('return x', 'c', 'bt', { x = 6 })())
        local parts = { 'return ', '7' }
        print(load(function() return table.remove(parts, 1) end)())
        print(pcall(load('return x.y', 'c', 't', nil)))
        print(load('x ='))";
    assert_eq!(
        run(source).unwrap(),
        "2\n5\n6\n7\nfalse\t[string \"c\"]:1: attempt to index a nil value (upvalue '_ENV')\nnil\t[string \"x =\"]:1: unexpected symbol near <eof>\n"
    );
}

#[test]
fn programs_find_no_way_to_machine_code_or_the_registry() {
    assert_eq!(run("print(debug, package, require, os.setlocale)").unwrap(), "nil\tnil\tnil\tnil\n");
}

#[test]
fn what_is_vouched_for_but_no_chunk_of_this_lua_is_refused() {
    let good = compile(b"print('from elsewhere')", "m.lua").unwrap();
    let mut older = good.bytes().to_vec();
    older[4] = 0x54;
    for bytes in
        [&b"print(1)"[..], b"", b"\x1bLua", &older, &good.bytes()[..40], &good.bytes()[..good.bytes().len() - 1]]
    {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        // SAFETY: text, or bytes whose header or length Lua checks, and finds wrong, before anything is executed.
        let program = unsafe { Chunk::from_bytes("m.lua", bytes) }.unwrap().place(&loader).unwrap();
        let state = State::new().unwrap();
        for loaded in [state.load(program), state.load_copied(program)] {
            assert_eq!(loaded.unwrap_err().kind(), LuaErrorKind::Syntax, "{} bytes", bytes.len());
        }
    }
}

#[test]
fn a_chunk_that_is_vouched_for_runs() {
    let bytes = compile(b"print('from elsewhere')", "m.lua").unwrap().bytes().to_vec();
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    // SAFETY: the bytes of a chunk.
    let program = unsafe { Chunk::from_bytes("m.lua", &bytes) }.unwrap().place(&loader).unwrap();
    let state = State::new().unwrap();
    assert_eq!(state.load(program).unwrap().run().unwrap(), b"from elsewhere\n");
}

#[test]
fn an_arena_without_room_is_an_error_of_the_arena() {
    let arena = CodeArena::builder().limit(4096).build().unwrap();
    let chunk = compile(format!("return '{}'", "x".repeat(10_000)).as_bytes(), "m.lua").unwrap();
    let loader = arena.load("m").unwrap();
    assert!(matches!(chunk.place(&loader), Err(permacode::Error::Limit { .. })));
}
