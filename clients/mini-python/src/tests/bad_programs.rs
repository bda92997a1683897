//! Every mistake is a value, and the machine works on.

use super::{eval, run, with_vm};
use crate::error::VmError;
use crate::machine::DEEPEST;
use proptest::prelude::*;

#[test]
fn texts_that_are_no_programs_are_syntax_errors() {
    for source in [
        "(",
        ")",
        "1 +",
        "def",
        "def f(",
        "def f(a, a): pass",
        "if 1: pass\nelse",
        "x = ",
        "1 = 2",
        "a b",
        "'open",
        "'\\q'",
        "?",
        "  1\n 2",
        "def f():\nreturn 1",
        "[1 for",
        "lambda",
        "1 < 2 < 3",
        "f(1",
        "x.1",
        "99999999999999999999",
        "return 1",
        "yield 1",
        "nonlocal x",
        "def f():\n    nonlocal x",
        "for 1 in []: pass",
        "class X: pass",
        "def f():\n    x = 1\n    del x\n    lambda: x",
    ] {
        assert!(matches!(eval(source), Err(VmError::Syntax { .. })), "{source}: {:?}", eval(source));
    }
}

#[test]
fn trees_that_are_too_high_are_syntax_errors() {
    let n = 100_000;
    for source in [
        "(".repeat(n),
        "[".repeat(n),
        "-".repeat(n) + "1",
        "not ".repeat(n) + "1",
        "1".to_owned() + &"+1".repeat(n),
        "1".to_owned() + &" or 1".repeat(n),
        "f".to_owned() + &"()".repeat(n),
        "f".to_owned() + &".a".repeat(n),
        "lambda: ".repeat(n) + "1",
        "1 if 1 else ".repeat(n) + "1",
        (0..n.min(2000)).map(|i| " ".repeat(i) + "if 1:\n").collect(),
        "x\n".repeat(n),
    ] {
        assert!(matches!(eval(&source), Err(VmError::Syntax { .. })), "{}", &source[..20]);
    }
}

#[test]
fn operations_on_the_wrong_kind_of_value_are_type_errors() {
    for source in [
        "1 + 'a'",
        "None < 1",
        "1()",
        "len(1)",
        "[1]['a']",
        "-'a'",
        "(lambda a: a)()",
        "for i in 5: pass",
        "next(1)",
        "eval(1)",
        "range('a')",
        "getrefcount()",
        "(lambda: 1).__code__()",
        "f = lambda: 1\nf.__code__ = 1",
    ] {
        assert!(matches!(eval(source), Err(VmError::Type(_))), "{source}: {:?}", eval(source));
    }
}

#[test]
fn unknown_names_and_wrong_values_are_errors_of_their_own() {
    for source in
        ["x", "del x", "def f():\n    return x\n    x = 1\nf()", "1 .a", "def f(): f = f\nf()", "(lambda: 1).a"]
    {
        assert!(matches!(eval(source), Err(VmError::Name(_))), "{source}: {:?}", eval(source));
    }
    for source in [
        "1 // 0",
        "1 % 0",
        "[1][5]",
        "9223372036854775807 + 1",
        "-9223372036854775807 - 2",
        "(-9223372036854775807 - 1) // -1",
        "def f(a): return lambda: a\ng = lambda: 1\ng.__code__ = f(1).__code__",
        "def g(): yield next(x)\nx = g(); next(x)",
    ] {
        assert!(matches!(eval(source), Err(VmError::Value(_))), "{source}: {:?}", eval(source));
    }
    assert_eq!(eval("def g(): yield 1\nx = g(); next(x); next(x)"), Err(VmError::Exhausted));
}

#[test]
fn calls_too_deep_are_an_error_and_the_machine_works_on() {
    with_vm(|vm| {
        run(vm, "def down(n): return 0 if n == 0 else 1 + down(n - 1)\ndef gen(n):\n    for i in gen(n): yield i");
        for source in ["down(2000)", "next(gen(1))", "def e(): return eval('e()')\ne()"] {
            assert_eq!(vm.eval(source).map(drop), Err(VmError::Depth), "{source}");
        }
        let deep = DEEPEST - 2;
        assert_eq!(run(vm, &format!("down({deep})")), deep.to_string());
    });
}

#[test]
fn a_generator_that_failed_is_finished() {
    with_vm(|vm| {
        run(vm, "def g():\n    yield 1\n    yield 1 // 0\nx = g(); next(x)");
        assert!(matches!(vm.eval("next(x)"), Err(VmError::Value(_))));
        assert_eq!(run(vm, "next(x, 'over'), getrefcount(g.__code__)"), "('over', 3)");
    });
}

#[test]
fn chains_of_a_hundred_thousand_objects_go_without_a_deep_stack() {
    for link in ["[x]", "(lambda y: lambda: y)(x)", "g(x)"] {
        let source =
            format!("def g(v): yield v\nx = None\ni = 0\nwhile i < 100000:\n    x = {link}\n    i = i + 1\nx = None");
        assert_eq!(eval(&source).as_deref(), Ok("None"), "{link}");
    }
    assert!(eval("x = 1\nfor i in range(1000): x = [x]\nx").is_ok_and(|shown| shown.contains("...")));
    let compared = "def nest():\n    x = 1\n    for i in range(1000): x = [x]\n    return x\nnest() == nest()";
    assert_eq!(eval(compared), Err(VmError::Depth));
}

const WORDS: [&str; 44] = [
    "f",
    "g",
    "x",
    "1",
    "2",
    "'t'",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    ".",
    "=",
    "==",
    "+",
    "-",
    "//",
    "<",
    "\n",
    "\n ",
    "\n  ",
    " def ",
    " if ",
    " else ",
    " for ",
    " in ",
    " return ",
    " yield ",
    " lambda ",
    " del ",
    " not ",
    " and ",
    " is ",
    " None ",
    " next",
    " range",
    " eval",
    " getrefcount",
    " __code__ ",
    " nonlocal ",
    ";",
    "def f(x): ",
    "f(x)",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_row_of_words_stops_the_machine(words in proptest::collection::vec(0..WORDS.len(), 0..40)) {
        let source: String = words.into_iter().map(|word| WORDS[word]).collect();
        with_vm(|vm| {
            let _ = vm.eval(&source);
            assert_eq!(run(vm, "1 + 1"), "2");
        });
    }
}
