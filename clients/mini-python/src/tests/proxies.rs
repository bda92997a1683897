//! What programs see of code.

use super::{run, with_vm};
use crate::compiler::compile;
use crate::error::VmError;
use crate::show::Shown;

const PROGRAM: &str = "def f(a): return 'text'\ndef g(): yield 1";

#[test]
fn proxies_of_one_code_object_are_the_same_one() {
    with_vm(|vm| {
        run(vm, PROGRAM);
        run(vm, "def makes(): return lambda: 1\na = makes(); b = makes()");
        let source = "f.__code__ is f.__code__, f.__code__ is g.__code__, f.__code__ == f.__code__, a is b, a.__code__ is b.__code__";
        assert_eq!(run(vm, source), "(True, False, True, False, True)");
        assert_eq!(run(vm, "f.__code__.id == f.__code__.id, f.__code__.id == g.__code__.id"), "(True, False)");
        assert_eq!(
            run(vm, "old = f.__code__.id; f.__code__ = g.__code__; f.__code__ is g.__code__, f.__code__.id == old"),
            "(True, False)"
        );
    });
}

#[test]
fn proxies_say_what_code_is_called_how_large_it_is_and_where_it_is_from() {
    let sizes = with_vm(|vm| {
        run(vm, PROGRAM);
        let seen = run(vm, "f.__code__.name, g.__code__.name, f.__code__.module, f.__code__.permanent");
        assert_eq!(seen, "('f', 'g', None, False)");
        run(vm, "f.__code__.size, g.__code__.size")
    });
    with_vm(|vm| {
        let codes = vm.world.permanent("library", &[compile("library", PROGRAM).unwrap()]).unwrap();
        vm.run(codes[0].clone()).unwrap();
        let seen = run(vm, "f.__code__.name, f.__code__.module, f.__code__.permanent, getrefcount(f.__code__)");
        assert_eq!(seen, "('f', 'library', True, None)");
        assert_eq!(run(vm, "f.__code__.size, g.__code__.size"), sizes);
    });
}

#[test]
fn a_proxy_keeps_what_it_shows_alive_and_counts_once_for_each_holder() {
    with_vm(|vm| {
        let before = vm.world.home.stats().regions;
        run(vm, "def f(): return 1\nc = f.__code__\ndel f");
        assert_eq!(run(vm, "c.name, getrefcount(c)"), "('f', 2)");
        assert_eq!(run(vm, "d = [c, c]; getrefcount(c)"), "4");
        run(vm, "del c; del d");
        assert_eq!(vm.world.home.stats().regions, before);
    });
}

#[test]
fn programs_can_neither_change_nor_run_code_that_they_see() {
    with_vm(|vm| {
        run(vm, PROGRAM);
        for source in ["f.__code__.name = 'x'", "f.__code__.ops", "f.__name__ = 'x'", "f.__code__.id = 1"] {
            assert!(
                matches!(vm.eval(source).map(|value| Shown(&value).to_string()), Err(VmError::Name(_))),
                "{source}"
            );
        }
        assert!(matches!(vm.eval("f.__code__(1)").map(drop), Err(VmError::Type(_))));
    });
}
