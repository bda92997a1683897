//! Programs that want more memory than there is.

use super::run;
use crate::caches::Caches;
use crate::error::VmError;
use crate::machine::Vm;
use permacode::{CodeArena, HeapArena};

/// Programs without end, each of which fills the heap with something else.
const GREEDY: [&str; 7] = [
    "while True: x = [x]",
    "x = 'text'\nwhile True: x = x + x",
    "x = [1]\nwhile True: x = x + x",
    "def g(v): yield v\nwhile True: x = g(x)",
    "while True: x = (lambda y: lambda: y)(x)",
    "while True: x = [x, eval('lambda: 1')]",
    "x = [n for n in range(1000000000)]",
];

#[test]
fn a_program_that_fills_the_heap_fails_and_the_machine_works_on() {
    for (greedy, cached) in GREEDY.into_iter().flat_map(|greedy| [(greedy, true), (greedy, false)]) {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::builder().limit(2 << 20).build().unwrap());
        let caches = Caches::new(&arena).unwrap();
        let home = caches.home(&heap).unwrap();
        let mut vm = Vm::at(home, cached.then_some(caches), &heap);
        run(&mut vm, "x = None");
        let failed = vm.eval(greedy).map(drop);
        assert!(matches!(failed, Err(VmError::Arena(_))), "{greedy}: {failed:?}");
        vm.world.globals.delete("x").unwrap();
        assert_eq!(run(&mut vm, "def f(n): return [i for i in range(n)]\nf(3)"), "[0, 1, 2]");
        drop(vm);
        assert_eq!((home.stats().regions, heap.stats().live), (0, 0), "{greedy}");
    }
}

#[test]
fn code_that_fits_into_no_heap_or_arena_is_an_error() {
    let (arena, heap) = (CodeArena::builder().reservation(1 << 20).build().unwrap(), HeapArena::new().unwrap());
    let small = HeapArena::builder().limit(1 << 20).build().unwrap();
    let caches = Caches::new(&arena).unwrap();
    let home = caches.home(&small).unwrap();
    let mut vm = Vm::at(home, Some(caches), &heap);
    let large = format!("'{}'", "x".repeat(2 << 20));
    assert!(matches!(vm.eval(&large).map(drop), Err(VmError::Arena(_))));
    let tree = crate::compiler::compile("m", &large).unwrap();
    assert!(matches!(vm.world.permanent("m", &[tree]).map(drop), Err(VmError::Arena(_))));
    assert_eq!((home.stats().regions, small.stats().live), (0, 0));
    assert_eq!(run(&mut vm, "1 + 1"), "2");
}
