//! `f.__code__ = g.__code__` while the old code runs.

use super::{run, with_vm};
use crate::compiler::compile;
#[cfg(target_os = "linux")]
use permacode::{CodeArena, DualArena, HeapArena};

#[test]
fn a_function_replaced_ten_thousand_times_while_it_runs_runs_to_its_end() {
    with_vm(|vm| {
        let source = "def f():\n    i = 0\n    while i < 10000:\n        f.__code__ = eval('lambda: 7').__code__\n        i = i + 1\n    return i";
        run(vm, source);
        let before = vm.world.home.stats();
        assert_eq!(run(vm, "f(), f()"), "(10000, 7)");
        let after = vm.world.home.stats();
        // The region of the old code is gone, that of the last lambda is there.
        assert_eq!((after.regions, after.made - before.made), (before.regions, 10_001));
        // Numbers for a few programs at a time, not for ten thousand.
        assert!(after.sites <= 64, "{after:?}");
        assert_eq!(run(vm, "getrefcount(f.__code__)"), "2");
    });
}

#[test]
fn suspended_generators_and_frames_run_the_code_they_began_with() {
    with_vm(|vm| {
        run(vm, "def new():\n    yield 'new'\ndef f():\n    yield 'old'\n    yield 'still old'\nold = f.__code__");
        run(vm, "gens = [f() for i in range(1000)]\nfirst = [next(g) for g in gens]");
        run(
            vm,
            "def swap(n):\n    for i in range(n): f.__code__ = eval('def new():\\n    yield 1\\nnew').__code__\nswap(10000)",
        );
        // Each generator twice, `old`, and the argument; the function itself no more.
        assert_eq!(run(vm, "getrefcount(old)"), "2002");
        assert_eq!(run(vm, "len([g for g in gens if next(g) == 'still old'])"), "1000");
        assert_eq!(run(vm, "next(f())"), "1");
        assert_eq!(run(vm, "ends = [next(g, None) for g in gens]; getrefcount(old)"), "1002");
        run(vm, "del gens");
        assert_eq!(run(vm, "getrefcount(old)"), "2");
        run(vm, "del old; del swap; del new; del first; del ends; f.__code__ = (lambda: 1).__code__");
        assert_eq!(vm.world.home.stats().regions, 1);
    });
}

#[test]
fn a_deep_recursion_is_replaced_below_its_frames() {
    with_vm(|vm| {
        run(
            vm,
            "def down(n):\n    if n == 0:\n        down.__code__ = (lambda n: 'new').__code__\n        return 0\n    return 1 + down(n - 1)",
        );
        assert_eq!(run(vm, "down(900), down(900)"), "(900, 'new')");
    });
}

#[test]
fn permanent_and_transient_code_replace_each_other() {
    with_vm(|vm| {
        let tree = compile("m", "def f():\n    yield 'permanent'\n    yield 'permanent'").unwrap();
        let codes = vm.world.permanent("m", &[tree]).unwrap();
        vm.run(codes[0].clone()).unwrap();
        run(vm, "p = f.__code__; x = f(); next(x)\ndef t():\n    yield 'transient'\nf.__code__ = t.__code__; y = f()");
        assert_eq!(run(vm, "getrefcount(p), getrefcount(f.__code__)"), "(None, 5)");
        assert_eq!(run(vm, "next(x), next(y), f.__code__.permanent"), "('permanent', 'transient', False)");
        assert_eq!(run(vm, "f.__code__ = p; next(f()), getrefcount(t.__code__)"), "('permanent', 4)");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_replaces_and_evaluates_code_copies_no_page_of_permanent_code() {
    use crate::machine::Vm;
    use crate::outside::in_child;

    let code = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let arenas = DualArena { code, heap: HeapArena::new().unwrap() };
    let mut vm = Vm::new(&arenas).unwrap();
    let source = "def f():\n    yield 'f'\n    yield 'text'\ndef g(): yield 'g'\ndef adder(n): return lambda m: n + m\n\
                  def swap(n):\n    for i in range(n):\n        old = f.__code__\n        f.__code__ = g.__code__\n        g.__code__ = old\n\
                  x = f(); next(x)\nswap(1001)\nnext(f()), next(x), adder(1)(2), eval('f.__code__ = (lambda: 7).__code__; f()')";
    let codes = vm.world.permanent("m", &[compile("m", source).unwrap()]).unwrap();
    let seen = in_child(arenas.code.address_range(), || {
        let value = vm.run(codes[0].clone())?;
        let looked = vm.world.looked;
        let hits = (looked.globals.hits, looked.attributes.hits);
        Ok(format!("{}\n{hits:?}\n", crate::show::Shown(&value)))
    });
    let seen = seen.unwrap();
    assert_eq!(seen.outcomes[0].value, "('g', 'text', 3, 7)");
    // Four of each kind in the loop, which goes round 1,001 times.
    assert_eq!(seen.outcomes[1].value, "(4000, 4000)");
    assert_eq!((seen.copied, seen.private_dirty), (0, 0));
    assert!(seen.pages > 0);
}
