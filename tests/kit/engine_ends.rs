//! Engines that are refused, that panic, that end: nothing is lost, and what is dropped finds what it borrows.

use crate::engine::{Log, Vm, Whole, arenas, engine, gone};
use permacode::Error;
use permacode::testing::Pages;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

// soundness S16
#[test]
fn an_engine_that_cannot_be_made_leaves_nothing_whichever_call_is_refused() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    drop(engine(&pages, &log));
    let calls = pages.calls();
    assert!(calls > 6, "{calls}");
    let mut refused = 0;
    for nth in 0..calls {
        pages.fail_nth(nth);
        match engine(&pages, &log) {
            Ok(mut engine) => {
                pages.relent();
                engine.enter(|vm| vm.work()).unwrap();
            }
            Err(error) => {
                assert!(matches!(error, Error::Pages(_)), "{error}");
                refused += 1;
            }
        }
        pages.relent();
        gone(&pages);
    }
    assert!(refused >= 6, "{refused} of {calls}");
}

#[test]
fn an_error_of_make_is_returned_as_it_is_and_the_arenas_are_gone() {
    #[derive(Debug, PartialEq)]
    enum Wrong {
        Syntax { line: u32 },
    }
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let made = Whole::new(arenas(&pages).unwrap(), |arenas| {
        let vm = Vm::new(arenas, &pages, &log).unwrap();
        if vm.main.number == 1 { Err(Wrong::Syntax { line: 7 }) } else { Ok(vm) }
    });
    assert_eq!(made.err(), Some(Wrong::Syntax { line: 7 }));
    assert_eq!(log.dropped.load(SeqCst), 1, "the machine that was there was dropped");
    gone(&pages);
}

// ── panics ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

// soundness S8 here and below
#[test]
fn a_panic_in_make_drops_the_arenas() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    for with_machine in [false, true] {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let made = Whole::new(arenas(&pages).unwrap(), |arenas| {
                let _vm = if with_machine { Some(Vm::new(arenas, &pages, &log)?) } else { None };
                panic!("in make")
            });
            made.map_err(|error: Error| error)
        }));
        assert!(panicked.is_err());
        gone(&pages);
    }
    assert_eq!(log.dropped.load(SeqCst), 1);
}

#[test]
fn a_panic_in_enter_leaves_the_machine_as_it_is() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let mut engine = engine(&pages, &log).unwrap();
    let before = engine.enter(|vm| vm.work()).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        engine.enter(|vm| {
            vm.work().unwrap();
            assert_eq!(vm.main.number, 2, "in enter");
        })
    }));
    assert!(panicked.is_err());
    assert!(engine.enter(|vm| vm.work()).unwrap() > before);
    drop(engine);
    assert_eq!(log.dropped.load(SeqCst), 1);
    gone(&pages);
}

#[test]
fn a_panic_in_a_machines_drop_drops_the_arenas() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    for takes_arenas in [false, true] {
        let mut engine = engine(&pages, &log).unwrap();
        engine.enter(|vm| vm.work()).unwrap();
        log.panics.store(1, SeqCst);
        let panicked =
            catch_unwind(AssertUnwindSafe(|| if takes_arenas { drop(engine.into_arenas()) } else { drop(engine) }));
        assert!(panicked.is_err());
        gone(&pages);
    }
    assert_eq!(log.dropped.load(SeqCst), 0);
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

// soundness S41
#[test]
fn a_machines_drop_finds_everything_that_it_borrows() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    // `Vm`'s destructor evaluates, collects, and looks at all of it.
    drop(engine(&pages, &log).unwrap());
    let mut used = engine(&pages, &log).unwrap();
    used.enter(|vm| vm.work()).unwrap();
    drop(used);
    drop(engine(&pages, &log).unwrap().into_arenas());
    assert_eq!(log.dropped.load(SeqCst), 3);
    gone(&pages);
}

#[test]
fn arenas_that_are_taken_back_serve_the_next_machine() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let mut arenas = arenas(&pages).unwrap();
    let loaded = std::ptr::from_ref(arenas.code.load("text").unwrap().alloc_str("a text").unwrap());
    let mut sums = Vec::new();
    for round in 1..=5 {
        let mut engine = Whole::new(arenas, |arenas| Vm::new(arenas, &pages, &log)).unwrap();
        sums.push(engine.enter(|vm| vm.work()).unwrap());
        arenas = engine.into_arenas();
        assert_eq!((log.dropped.load(SeqCst), arenas.code.stats().modules), (round, 1 + round));
        assert_eq!(pages.live(), 2 + 2 * round, "what each machine kept");
        assert_eq!(arenas.code.locate(loaded).unwrap().module.name(), "text");
    }
    assert!(sums.iter().all(|sum| *sum == sums[0]));
    // And a machine for a block.
    let mut vm = Vm::new(&arenas, &pages, &log).unwrap();
    assert_eq!(vm.work(), Ok(sums[0]));
    drop(vm);
    drop(arenas);
    gone(&pages);
}

#[test]
#[cfg(all(target_os = "linux", not(miri)))]
fn an_engine_that_is_forgotten_keeps_its_pages_and_nothing_else_breaks() {
    // In a child, so that nothing is lost here.
    permacode_witness::in_child(|| {
        let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
        let mut forgotten = engine(&pages, &log).unwrap();
        let sum = forgotten.enter(|vm| vm.work());
        mem::forget(forgotten);
        assert_eq!((pages.live(), log.dropped.load(SeqCst)), (4, 0));
        assert_eq!(engine(&pages, &log).unwrap().enter(|vm| vm.work()), sum);
        assert_eq!((pages.live(), log.dropped.load(SeqCst)), (4, 1));
    });
}
