//! The machine of `examples/collector.rs`.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

#[allow(dead_code)] // its `main`
#[path = "../../examples/collector.rs"]
mod collector;

use collector::{Machine, Strings};
use permacode::{DualArena, Sites, Transients};

/// Runs something on a machine.
fn with_machine(body: impl for<'t, 'h> FnOnce(&mut Machine<'t, 'h>, &'h DualArena)) {
    let arenas = DualArena::new().unwrap();
    let strings = Strings::new(&arenas.code).unwrap();
    let forget = |sites: Sites| strings.present(sites).iter().for_each(|entry| entry.set(None));
    let transients = Transients::new(&arenas.code, &arenas.heap).clearing(&forget);
    body(&mut Machine::new(&arenas, &transients, &strings), &arenas);
}

#[test]
fn it_frees_rings_and_keeps_what_has_a_name() {
    with_machine(|machine, arenas| {
        machine.list("kept", 0..2000).unwrap();
        for round in 0..20 {
            for number in 0..500 {
                machine.list("ring", 0..2 + number % 7).unwrap();
                machine.tie("ring");
            }
            machine.collect().unwrap();
            assert_eq!(machine.numbers("ring"), [0, 1]);
            assert_eq!(arenas.heap.stats().objects, 2002, "round {round}");
            assert!(machine.numbers("kept").into_iter().eq(0..2000));
        }
        machine.tie("kept");
        assert_eq!(machine.collect().unwrap().objects, 1998);
        assert_eq!(machine.numbers("kept"), [0, 1]);
        machine.forget("kept");
        machine.forget("ring");
        machine.collect().unwrap();
        assert_eq!(arenas.heap.stats().live, 0);
    });
}

// soundness S27
#[test]
fn it_ends_the_code_of_functions_that_it_frees() {
    with_machine(|machine, arenas| {
        for round in 0..50 {
            // A function that captures another one is kept, and so is that; twenty are nobody's.
            machine.eval("captured", "captured", "").unwrap();
            let text = format!("round {round}");
            machine.eval("kept", &text, "captured").unwrap();
            machine.forget("captured");
            for _ in 0..20 {
                machine.eval("lost", "nobody's", "kept").unwrap();
                assert_eq!(machine.run("lost").unwrap(), "nobody's".len() + text.len() + "captured".len());
            }
            machine.forget("lost");
            machine.collect().unwrap();
            assert_eq!((machine.stats().regions, machine.run("kept")), (2, Ok("captured".len() + text.len())));
        }
        assert!(machine.stats().sites <= 50 * 16, "{:?}", machine.stats());
        machine.forget("kept");
        for _ in 0..2 {
            machine.collect().unwrap();
        }
        assert_eq!((machine.stats().regions, arenas.heap.stats().live), (0, 0));
    });
}
