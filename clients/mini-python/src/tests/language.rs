//! What programs mean.

use super::{eval, run, with_vm};
use crate::compiler::compile;
use crate::show::Shown;

fn all_are(programs: &[(&str, &str)]) {
    for (source, value) in programs {
        assert_eq!(eval(source).as_deref(), Ok(*value), "{source}");
    }
}

#[test]
fn operators_bind_and_round_as_in_python() {
    all_are(&[
        ("1 + 2 * 3 - 4", "3"),
        ("(1 + 2) * 3", "9"),
        ("-7 // 2, -7 % 2, 7 // -2, 7 % -2", "(-4, 1, -4, -1)"),
        ("not 1 == 2 and 3 < 4", "True"),
        ("0 or 'text', 0 and 1, 1 if [] else 2", "('text', 0, 2)"),
        ("[1, 2] + [3] == [1, 2, 3], [1] is [1], (1,) == [1]", "(True, False, False)"),
        ("'a' + 'b' < 'b', len('añb')", "(True, 3)"),
        ("[1, 2, 3][-1], (4, 5)[0]", "(3, 4)"),
        ("x = [1]; x is x, x is not x", "(True, False)"),
        ("", "None"),
    ]);
}

#[test]
fn statements_do_what_python_does() {
    all_are(&[
        ("total = 0\nfor i in range(1, 5):\n    total = total + i\ntotal", "10"),
        ("i = 0\nwhile i < 3:\n    i = i + 1\ni", "3"),
        (
            "def sign(n):\n    if n < 0: return -1\n    elif n == 0: return 0\n    else: return 1\n[sign(n) for n in [-5, 0, 9]]",
            "[-1, 0, 1]",
        ),
        ("[i * i for i in range(6) if i % 2 == 1]", "[1, 9, 25]"),
        ("[[i + j for j in range(2)] for i in [10, 20]]", "[[10, 11], [20, 21]]"),
        ("# a comment\nx = (1,\n  2)  # goes on\nx", "(1, 2)"),
        ("x = 1\ndef f():\n    global x\n    x = 2\nf(); x", "2"),
    ]);
}

#[test]
fn functions_call_themselves_and_each_other() {
    all_are(&[
        ("def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(15)", "610"),
        (
            "def even(n): return True if n == 0 else odd(n - 1)\ndef odd(n): return False if n == 0 else even(n - 1)\neven(900)",
            "True",
        ),
        ("(lambda a, b: a - b)(5, 3)", "2"),
        ("def f(): pass\nf()", "None"),
    ]);
}

#[test]
fn closures_share_the_variables_they_capture() {
    all_are(&[
        ("def adder(n): return lambda m: m + n\nadder(2)(3)", "5"),
        (
            "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n = n + 1\n        return n\n    def now(): return n\n    return up, now\nc = counter(); c[0](); c[0](); c[1]()",
            "2",
        ),
        ("def f(a): return lambda b: lambda c: [a, b, c]\nf(1)(2)(3)", "[1, 2, 3]"),
        ("def f(x): return [(lambda: x + i)() for i in range(3)]\nf(10)", "[10, 11, 12]"),
    ]);
}

#[test]
fn generators_stop_and_go_on() {
    all_are(&[
        (
            "def g():\n    yield 1\n    yield 2\nx = g(); next(x), next(x), next(x, 'end'), next(x, 'end')",
            "(1, 2, 'end', 'end')",
        ),
        ("def up(n):\n    for i in range(n): yield i\n[i for i in up(4)]", "[0, 1, 2, 3]"),
        (
            "def outer():\n    for i in inner(): yield i * 10\ndef inner():\n    yield 1\n    yield 2\n[x for x in outer()]",
            "[10, 20]",
        ),
        ("def g():\n    x = yield 1\n    yield x\n[x for x in g()]", "[1, None]"),
        (
            "def naturals():\n    n = 0\n    while True:\n        yield n\n        n = n + 1\nn = naturals(); [next(n) for i in range(3)]",
            "[0, 1, 2]",
        ),
        ("r = range(2); next(r), next(r), next(r, None)", "(0, 1, None)"),
    ]);
}

#[test]
fn evaluated_text_is_code_like_any_other() {
    all_are(&[
        ("eval('1 + 2')", "3"),
        ("eval('def f(n): return n * 2\\nf')(21)", "42"),
        ("def f(s): return eval(s)\nf('eval(\"7\")')", "7"),
        ("x = 5; eval('x')", "5"),
    ]);
}

#[test]
fn text_constants_are_objects_made_once_and_per_code() {
    let source = "def f(): return 'text'\ndef g(): return 'text'\nf() is f(), f() is g(), f() == g(), getrefcount(f())";
    // The fourth: the table of constants, and the argument.
    assert_eq!(eval(source).as_deref(), Ok("(True, False, True, 2)"));
    with_vm(|vm| {
        let trees = [compile("m", source).unwrap()];
        let codes = vm.world.permanent("m", &trees).unwrap();
        let value = vm.run(codes[0].clone()).unwrap();
        assert_eq!(Shown(&value).to_string(), "(True, False, True, 2)");
    });
}

#[test]
fn numbers_that_code_used_before_bring_no_text_of_it() {
    with_vm(|vm| {
        for n in 0..100 {
            assert_eq!(run(vm, &format!("'text {n}'")), format!("'text {n}'"));
        }
        assert!(vm.world.home.stats().sites <= 32);
    });
}

#[test]
fn printed_text_is_kept_for_whoever_runs_the_machine() {
    with_vm(|vm| {
        run(vm, "print('a', 1, ['b'])\ndef f(): pass\nprint(f, f.__code__, print, (lambda: 1))");
        let expected = "a 1 ['b']\n<function f> <code f> <built-in function print> <function <lambda>>\n";
        assert_eq!(vm.world.output, expected);
    });
}
