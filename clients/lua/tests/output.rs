//! What is collected is what the `lua` program would have printed.

mod common;

use common::{place, run};
use permacode::CodeArena;
use permacode_lua::State;

#[test]
fn print_separates_by_tabs_and_ends_the_line() {
    assert_eq!(
        run("print() print(nil) print(1, 2.0, 'x', true, -0.0, 1e100, 1 << 62)").unwrap(),
        format!("\nnil\n1\t2.0\tx\ttrue\t-0.0\t1e+100\t{}\n", 1u64 << 62)
    );
}

#[test]
fn trailing_nils_are_printed() {
    assert_eq!(
        run("print(nil, nil) print((nil)) print(table.unpack({}, 1, 3))").unwrap(),
        "nil\tnil\nnil\nnil\tnil\tnil\n"
    );
}

#[test]
fn print_asks_tostring_metamethods() {
    assert_eq!(run("print(setmetatable({}, { __tostring = function() return 'me' end }))").unwrap(), "me\n");
    let wrong = run("print(setmetatable({}, { __tostring = function() return {} end }))").unwrap_err();
    assert!(wrong.message().ends_with("'__tostring' must return a string"), "{wrong}");
}

#[test]
fn every_way_to_the_standard_output_is_collected_in_order() {
    let source = "io.write('a', 1, 2.5) io.stdout:write('b'):write('c') io.output():write('d') print('e')";
    assert_eq!(run(source).unwrap(), "a12.5bcde\n");
}

#[test]
fn what_is_not_a_string_cannot_be_written_and_the_message_is_as_ever() {
    let source = "io.write('x', {})";
    let error = run(source).unwrap_err();
    assert_eq!(error.message(), "test.lua:1: bad argument #2 to 'write' (string expected, got table)");
}

#[test]
fn bytes_that_are_not_text_are_collected_as_they_are() {
    let arena = CodeArena::new().unwrap();
    let program = place(&arena, b"io.write('\\0\\xff\\r\\n')", "m.lua");
    let state = State::new().unwrap();
    assert_eq!(state.load(program).unwrap().run().unwrap(), b"\0\xff\r\n");
}

#[test]
fn a_program_that_replaces_the_library_does_not_break_the_collection() {
    let source = "print('one') table.concat, tostring, select = nil, nil, nil print('two')";
    assert_eq!(run(source).unwrap(), "one\ntwo\n");
}

#[test]
fn other_files_are_written_to_as_ever() {
    let source = "
        local name = os.tmpname()
        local file = assert(io.open(name, 'w'))
        assert(file:write('to the file', 1) == file)
        file:close()
        io.output(name) io.write('then this') io.close() io.output(io.stdout)
        for line in io.lines(name) do print(line) end
        os.remove(name)";
    assert_eq!(run(source).unwrap(), "then this\n");
}

#[test]
fn what_an_earlier_run_printed_does_not_come_again() {
    let arena = CodeArena::new().unwrap();
    let fails = place(&arena, b"print('before the error') error('stop')", "fails.lua");
    let works = place(&arena, b"print('works')", "works.lua");
    let state = State::new().unwrap();
    assert!(state.load(fails).unwrap().run().is_err());
    assert_eq!(state.load(works).unwrap().run().unwrap(), b"works\n");
    assert_eq!(state.take_output().unwrap(), b"");
}
