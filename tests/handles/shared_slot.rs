//! A slot of owners: what is replaced while it is called.

use permacode::owned::{OwnedSlot, SharedHome};
use permacode::{CodeArena, Owned, Permanent};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::thread;

#[derive(Permanent)]
struct Code<'a> {
    number: usize,
    ops: &'a [usize],
}

fn code(home: &Arc<SharedHome>, number: usize) -> Owned<Code<'static>> {
    let made =
        Owned::transient(home, |loader| loader.alloc(Code { number, ops: loader.alloc_slice_copy(&[number; 30])? }));
    made.unwrap_or_else(|error: permacode::Error| panic!("{error}"))
}

/// Of either kind, in turn.
fn either(home: &Arc<SharedHome>, number: usize) -> Owned<Code<'static>> {
    match number % 100 {
        0 => code(home, number).promote("m").unwrap(),
        _ => code(home, number),
    }
}

#[test]
fn threads_call_what_others_replace_and_nothing_is_left() {
    let home = Arc::new(SharedHome::new(Arc::new(permacode_witness::handles::arena())));
    let slot = OwnedSlot::new(code(&home, 0)).unwrap();
    let (rounds, done) = (if cfg!(miri) { 50 } else { 20_000 }, AtomicBool::new(false));
    let mut replaced = thread::scope(|scope| {
        let callers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut calls = 0;
                while calls < 100 || !done.load(Relaxed) {
                    let frame = slot.get();
                    assert!(frame.get().ops.iter().all(|op| *op == frame.get().number));
                    calls += 1;
                }
            })
        });
        let replacers = [1, 2].map(|first| {
            let (home, slot) = (&home, &slot);
            scope.spawn(move || {
                let old = (0..rounds).map(|at| slot.replace(either(home, first + 2 * at)).unwrap());
                old.map(|old| old.get().number).collect::<Vec<_>>()
            })
        });
        let replaced = replacers.map(|thread| thread.join().unwrap()).concat();
        done.store(true, Relaxed);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        replaced
    });
    replaced.push(slot.get().get().number);
    replaced.sort_unstable();
    assert!(replaced.into_iter().eq(0..=2 * rounds), "each came out once, but for the one that is in");
    assert!(home.regions() <= 1);
    drop(slot);
    assert_eq!((home.regions(), Arc::strong_count(&home)), (0, 1));
}

#[test]
fn what_was_replaced_is_given_up_at_once_if_nobody_calls() {
    let arena = Arc::new(CodeArena::builder().reservation(1 << 20).build().unwrap());
    let load = |word: &'static str| Owned::<str>::load(&arena, "m", |loader| loader.alloc_str(word)).unwrap();
    let before = Arc::strong_count(&arena);
    let slot = OwnedSlot::new(load("one")).unwrap();
    let frame = slot.get();
    for word in ["two", "three", "four"] {
        drop(slot.replace(load(word)).unwrap());
        assert_eq!(Arc::strong_count(&arena), before + 2, "of the frame and of the slot");
        assert_eq!(&*slot.get(), word);
    }
    assert_eq!(&*frame, "one");
    drop((slot, frame));
    assert_eq!(Arc::strong_count(&arena), before);
}
