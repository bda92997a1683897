//! What instructions remember, and when they forget it.

use super::{on_vm, run};
use crate::caches::{Caches, Looks};
use crate::compiler::compile;
use crate::look::Looked;
use crate::machine::Vm;
use crate::session::{Kind, programs, replay};
use crate::show::Shown;
use permacode::{CodeArena, HeapArena, SideTable, Transients};
use proptest::prelude::*;

fn with_caches<R>(test: impl for<'a> FnOnce(&mut Vm<'a>) -> R) -> R {
    on_vm(true, test)
}

/// What a program gives, and what its instructions looked up meanwhile.
fn looked(vm: &mut Vm<'_>, source: &str) -> (String, Looked) {
    let before = vm.world.looked;
    let value = run(vm, source);
    let less = |now: Looks, then: Looks| looks(now.hits - then.hits, now.misses - then.misses);
    let (now, then) = (vm.world.looked, before);
    (value, Looked { globals: less(now.globals, then.globals), attributes: less(now.attributes, then.attributes) })
}

fn looks(hits: u64, misses: u64) -> Looks {
    Looks { hits, misses }
}

/// `f(o, n)` looks one global variable and one attribute up, `n` times.
const LOOP: &str =
    "x = 1\ndef f(o, n):\n    i = 0\n    while i < n:\n        i = i + x\n        o.__name__\n    return i";

#[test]
fn a_loop_misses_once_and_hits_from_then_on() {
    with_caches(|vm| {
        run(vm, LOOP);
        // The program that calls it has two instructions that look `f` up.
        let expected = Looked { globals: looks(999, 1 + 2), attributes: looks(999, 1) };
        assert_eq!(looked(vm, "f(f, 1000)"), ("1000".to_owned(), expected));
        // What the loop found is still there. The program is new code.
        let expected = Looked { globals: looks(1000, 2), attributes: looks(1000, 0) };
        assert_eq!(looked(vm, "f(f, 1000)").1, expected);
    });
}

#[test]
fn permanent_code_remembers_as_transient_code_does_and_a_machine_without_caches_counts_nothing() {
    let calls = |cached| {
        on_vm(cached, |vm| {
            let codes = vm.world.permanent("m", &[compile("m", LOOP).unwrap()]).unwrap();
            vm.run(codes[0].clone()).unwrap();
            looked(vm, "f(f, 1000)")
        })
    };
    let expected = Looked { globals: looks(999, 1 + 2), attributes: looks(999, 1) };
    assert_eq!(calls(true), ("1000".to_owned(), expected));
    assert_eq!(calls(false), ("1000".to_owned(), Looked::default()));
}

#[test]
fn another_value_keeps_caches_and_a_variable_that_comes_or_goes_does_not() {
    with_caches(|vm| {
        run(vm, "x = 1; y = 2\ndef f(): return x");
        let (miss, hit) = (looks(0, 2), looks(1, 1));
        let mut call = |before: &str, value: &str, globals| {
            if !before.is_empty() {
                run(vm, before);
            }
            let (shown, looked) = looked(vm, "f()");
            assert_eq!((shown.as_str(), looked.globals), (value, globals), "{before}");
        };
        call("", "1", miss);
        call("", "1", hit);
        call("x = 3", "3", hit);
        call("z = 4", "3", miss);
        call("x = 5", "5", hit);
        // The last variable moves to where `y` was.
        call("del y", "5", miss);
        call("del z", "5", miss);
        call("z = 6; del z", "5", miss);
    });
}

#[test]
fn a_variable_hides_a_built_in_function_until_it_is_deleted() {
    with_caches(|vm| {
        run(vm, "def f(): return len([1, 2])");
        assert_eq!((run(vm, "f()"), run(vm, "f()")), ("2".to_owned(), "2".to_owned()));
        run(vm, "len = lambda list: 'hidden'");
        assert_eq!((run(vm, "f()"), run(vm, "f()")), ("'hidden'".to_owned(), "'hidden'".to_owned()));
        run(vm, "del len");
        assert_eq!(looked(vm, "f()"), ("2".to_owned(), Looked { globals: looks(0, 2), attributes: looks(0, 0) }));
    });
}

#[test]
fn a_variable_that_is_gone_is_an_error_also_where_it_was_found_before() {
    with_caches(|vm| {
        run(vm, "x = 1\ndef f(): return x\nf(); f(); del x");
        assert_eq!(vm.eval("f()").map(drop), Err(crate::error::VmError::Name("x".to_owned())));
        run(vm, "x = 2");
        assert_eq!(run(vm, "f()"), "2");
    });
}

#[test]
fn assignments_are_remembered_like_reads() {
    with_caches(|vm| {
        run(vm, "x = 0\ndef f(n):\n    global x\n    while x < n: x = x + 1");
        // Three instructions for `x`; the condition is looked at once more than the rest.
        let (_, looked) = looked(vm, "f(100)");
        assert_eq!(looked.globals, looks(100 + 99 + 99, 3 + 1));
        assert_eq!(run(vm, "x"), "100");
        // One that makes the variable remembers where, by the version that this brought.
        run(vm, "del x\ndef g(n):\n    global x\n    for i in range(n): x = i");
        run(vm, "g(3)");
        assert_eq!(run(vm, "x"), "2");
    });
}

#[test]
fn an_instruction_that_sees_two_classes_of_objects_finds_the_attribute_of_each() {
    with_caches(|vm| {
        run(vm, "def f(o): return o.name\ndef g(o): return o.__name__\ndef h(): pass");
        assert_eq!(run(vm, "f(h.__code__), g(h)"), "('h', 'h')");
        for source in ["f(h)", "g(h.__code__)", "g(1)", "f(None)"] {
            assert!(matches!(vm.eval(source).map(drop), Err(crate::error::VmError::Name(_))), "{source}");
        }
        assert_eq!(run(vm, "f(h.__code__), g(h)"), "('h', 'h')");
    });
}

#[test]
fn what_may_be_read_may_not_be_assigned_to_by_a_remembered_name() {
    with_caches(|vm| {
        run(vm, "def f(): pass\ndef g(o, c): o.__code__ = c\ndef h(): return 7\ng(f, h.__code__)");
        assert_eq!(run(vm, "g(f, h.__code__); f()"), "7");
        assert!(matches!(vm.eval("g(f.__code__, 1)").map(drop), Err(crate::error::VmError::Name(_))));
        assert!(matches!(vm.eval("g(f, 1)").map(drop), Err(crate::error::VmError::Type(_))));
        assert!(matches!(vm.eval("f.__name__ = 'x'").map(drop), Err(crate::error::VmError::Name(_))));
    });
}

#[test]
fn a_function_with_new_code_uses_the_caches_of_that_code() {
    with_caches(|vm| {
        run(vm, "x = 1; y = 2\ndef f(): return x\ndef g(): return y\nold = f.__code__\nf(); g()");
        assert_eq!(looked(vm, "f(), g()").1.globals, looks(2, 2));
        run(vm, "f.__code__ = g.__code__");
        // The site of `x` is not that of `y`, and `y` was found by `g`.
        assert_eq!(looked(vm, "f()"), ("2".to_owned(), Looked { globals: looks(1, 1), ..Looked::default() }));
        run(vm, "f.__code__ = old");
        assert_eq!(looked(vm, "f()"), ("1".to_owned(), Looked { globals: looks(1, 1), ..Looked::default() }));
    });
}

#[test]
fn frames_whose_function_gets_other_code_keep_their_caches() {
    with_caches(|vm| {
        run(vm, "x = 1; y = 2\ndef g():\n    yield y\n    yield y\ndef f():\n    yield x\n    yield x");
        run(vm, "a = f(); first = next(a); f.__code__ = g.__code__; b = f()");
        assert_eq!(run(vm, "first, next(b), next(a), next(b)"), "(1, 2, 1, 2)");
    });
}

#[test]
fn code_whose_numbers_were_used_before_finds_nothing_of_what_was_there() {
    with_caches(|vm| {
        run(vm, "x = 1; y = 2\ndef f(): return 'f'");
        for _ in 0..100 {
            for (source, value) in [("x", "1"), ("y", "2"), ("f", "<function f>"), ("len", "<built-in function len>")] {
                let expected = Looked { globals: looks(0, 1), ..Looked::default() };
                assert_eq!(looked(vm, source), (value.to_owned(), expected));
            }
            for (source, value) in
                [("f.__name__", "'f'"), ("f.__code__", "<code f>"), ("eval('x'), eval('y')", "(1, 2)")]
            {
                let (shown, looked) = looked(vm, source);
                assert_eq!((shown.as_str(), looked.globals.hits, looked.attributes.hits), (value, 0, 0));
            }
        }
        assert!(vm.world.home.stats().sites <= 64, "{:?}", vm.world.home.stats());
    });
}

#[test]
fn without_clearing_code_would_find_what_was_there() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let (caches, home) = (Caches::new(&arena).unwrap(), Transients::new(&arena, &heap));
    let mut vm = Vm::at(&home, Some(caches), &heap);
    run(&mut vm, "x = 1; y = 2");
    assert_eq!((run(&mut vm, "x"), run(&mut vm, "y")), ("1".to_owned(), "1".to_owned()));
}

#[test]
fn two_machines_share_code_and_a_table_and_find_their_own_variables() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let caches = Caches::new(&arena).unwrap();
    let home = caches.home(&heap).unwrap();
    let mut machines = [(); 2].map(|()| Vm::at(home, Some(caches), &heap));
    let program = compile("m", "def f(): return x\nx").unwrap();
    let codes = machines[0].world.permanent("m", &[program]).unwrap();
    // The same version in both, and other slots for the names.
    run(&mut machines[0], "x = 'one'; y = 1");
    run(&mut machines[1], "y = 2; x = 'two'");
    for _ in 0..3 {
        for (vm, value) in machines.iter_mut().zip(["'one'", "'two'"]) {
            let shown = vm.run(codes[0].clone()).map(|value| Shown(&value).to_string());
            assert_eq!(shown.as_deref(), Ok(value));
            assert_eq!(run(vm, "f()"), value);
        }
    }
}

#[test]
fn code_for_which_the_table_has_no_room_runs_without_caches() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let caches = Caches::build(SideTable::builder(&arena).capacity(4)).unwrap();
    let mut vm = Vm::at(caches.home(&heap).unwrap(), Some(caches), &heap);
    run(&mut vm, LOOP);
    let source = "f(f, 10), f(f, 10), [f.__name__, f.__code__.name, x, x, x]";
    for _ in 0..10 {
        assert_eq!(run(&mut vm, source), "(10, 10, ['f', 'f', 1, 1, 1])");
    }
}

#[test]
fn the_session_finds_as_much_in_caches_on_both_kinds_of_code() {
    let session = |kind: Kind, cached: bool| {
        on_vm(cached, |vm| {
            let programs = programs(kind, &mut vm.world).unwrap();
            let outcomes = replay(vm, programs).unwrap();
            (outcomes, vm.world.looked)
        })
    };
    for kind in [Kind::Transient, Kind::Permanent] {
        let (outcomes, looked) = session(kind, true);
        assert_eq!(looked, Looked { globals: looks(31, 50), attributes: looks(2, 11) });
        assert_eq!(session(kind, false), (outcomes, Looked::default()));
    }
}

/// Variables, one of which hides a built-in function; `reads_` and `writes_` functions of each are permanent.
const NAMES: [&str; 4] = ["a", "b", "c", "len"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_goes_and_changes_caches_give_what_is_found_without_them(
        steps in proptest::collection::vec((0..5_u8, 0..NAMES.len()), 0..60)
    ) {
        let play = |cached| on_vm(cached, |vm| {
            let define = |name: &&str| format!("def reads_{name}(): return {name}\ndef writes_{name}(n):\n    global {name}\n    {name} = n\n");
            let program = compile("m", &NAMES.iter().map(define).collect::<String>()).unwrap();
            let codes = vm.world.permanent("m", &[program]).unwrap();
            vm.run(codes[0].clone()).unwrap();
            let each = steps.iter().enumerate().map(|(number, (kind, name))| {
                let name = NAMES[*name];
                let source = match kind {
                    0 => format!("{name} = {number}"),
                    1 => format!("writes_{name}({number})"),
                    2 => format!("del {name}"),
                    3 => name.to_owned(),
                    _ => format!("reads_{name}()"),
                };
                vm.eval(&source).map(|value| Shown(&value).to_string())
            });
            each.collect::<Vec<_>>()
        });
        prop_assert_eq!(play(true), play(false));
    }
}
