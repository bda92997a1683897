//! Transient code comes and goes, and nothing grows.

use super::run;
use crate::caches::Caches;
use crate::machine::Vm;
use permacode::{CodeArena, HeapArena};

/// How many functions are made: a million without debug assertions, or if `REFCOUNTS_MILLION` is set.
fn many() -> usize {
    let million = !cfg!(debug_assertions) || std::env::var_os("REFCOUNTS_MILLION").is_some();
    if million { 1_000_000 } else { 100_000 }
}

#[test]
fn functions_that_are_made_called_and_dropped_leave_everything_as_it_was() {
    let (arena, code_heap, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap(), HeapArena::new().unwrap());
    let caches = Caches::new(&arena).unwrap();
    let home = caches.home(&code_heap).unwrap();
    let mut vm = Vm::at(home, Some(caches), &heap);
    let mut make = |number: usize| {
        // Numbers of seven digits, so that all are of one size.
        let n = 1_000_000 + number;
        let source = format!(
            "def work_{n}(a_{n}):\n    def inner(b): return b + a_{n} + {n}\n    return inner({n}), 'text {n}', 'more'\n\
             result = work_{n}(1)\ndel work_{n}\nresult[0]"
        );
        assert_eq!(run(&mut vm, &source), (2 * n + 1).to_string());
    };
    (0..1000).for_each(&mut make);
    let state = || {
        let stats = home.stats();
        let of_code = (stats.regions, stats.bytes, stats.sites, stats.free_sites);
        (of_code, code_heap.stats(), heap.stats(), arena.stats())
    };
    // Asking for what is resident is a system call, which is counted.
    let resident = heap.resident().unwrap() + code_heap.resident().unwrap();
    let before = state();
    (1000..many()).for_each(&mut make);
    assert_eq!(state(), before);
    assert_eq!(heap.resident().unwrap() + code_heap.resident().unwrap(), resident);
    assert_eq!(home.stats().made, many() as u64);
    assert_eq!((home.stats().regions, code_heap.stats().live), (0, 0));
    drop(vm);
    assert_eq!(heap.stats().live, 0);
}
