//! Site numbers outlive whoever recycles them: the next owner of transient code in the arena goes on with them.
#![allow(clippy::disallowed_types)] // no arena waits for this lock

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use permacode::owned::SharedHome;
use permacode::{CodeArena, CodeRef, Error, Owned, Sites, Transients};
use permacode_witness::handles::{arena, heap};
use permacode_witness::in_child;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

type Handle<'t> = CodeRef<'t, Sites>;

fn eval<'t>(home: &'t Transients<'t>, count: usize) -> Handle<'t> {
    CodeRef::transient(home, |loader| loader.alloc(loader.sites(count)?))
        .unwrap_or_else(|error: Error| panic!("{error}"))
}

/// The first number that was never given to anybody.
fn next_number(arena: &CodeArena) -> usize {
    arena.load("asks").unwrap().sites(0).unwrap().range().start
}

#[test]
fn owners_one_after_another_use_the_same_numbers() {
    let (arena, heap) = (arena(), heap());
    for round in 0..2000 {
        let home = Transients::new(&arena, &heap);
        let codes = [eval(&home, 10), eval(&home, 100), eval(&home, 16)];
        assert!(codes.iter().all(|code| code.get().range().end <= 160), "round {round}");
        assert_eq!((home.stats().sites, home.stats().free_sites), (160, 0));
    }
    assert_eq!(next_number(&arena), 160);
}

// Some live long, and take a pool each that is larger than what they need.
#[test]
fn there_are_no_more_numbers_than_owners_at_once_needed() {
    let arena = arena();
    let heaps: Vec<_> = (0..5).map(|_| heap()).collect();
    let homes = |many: usize| heaps[..many].iter().map(|heap| Transients::new(&arena, heap)).collect::<Vec<_>>();
    for _ in 0..50 {
        let long = homes(1);
        let _code = eval(&long[0], 1);
        for _ in 0..10 {
            let homes = homes(4);
            homes.iter().for_each(|home| drop([eval(home, 16), eval(home, 16), eval(home, 16)]));
        }
    }
    assert!(next_number(&arena) <= 5 * 3 * 16, "{}", next_number(&arena));
}

// What is clear in the tables of one is not in another's.
#[test]
fn the_next_owner_clears_numbers_that_the_last_one_had_cleared() {
    let (arena, heap) = (arena(), heap());
    let [first, second] = [(); 2].map(|()| RefCell::new(Vec::new()));
    let clear = |seen: &RefCell<Vec<usize>>, sites: Sites| seen.borrow_mut().push(sites.range().start);
    let (clear_first, clear_second) = (|sites| clear(&first, sites), |sites| clear(&second, sites));
    let home = Transients::new(&arena, &heap).clearing(&clear_first);
    drop(eval(&home, 1));
    home.clear_free();
    assert_eq!(*first.borrow(), [0]);
    drop(eval(&home, 1));
    assert_eq!(*first.borrow(), [0], "clear already");
    home.clear_free();
    drop(home);
    let home = Transients::new(&arena, &heap).clearing(&clear_second);
    let code = eval(&home, 1);
    assert_eq!((code.get().range(), &*second.borrow()), (0..1, &vec![0]));
    let new = eval(&home, 1);
    assert_eq!((new.get().range(), second.borrow().len()), (16..17, 1), "new numbers need no clearing");
}

// soundness S27
#[test]
fn numbers_of_a_lost_region_are_nobodys() {
    let (arena, heap) = (arena(), heap());
    let home = Transients::new(&arena, &heap);
    let kept = eval(&home, 1);
    core::mem::forget(eval(&home, 1));
    assert_eq!((kept.get().range(), next_number(&arena)), (0..1, 32));
    drop(kept);
    drop(home);
    let home = Transients::new(&arena, &heap);
    let codes = [eval(&home, 1), eval(&home, 1)];
    assert_eq!(codes.each_ref().map(|code| code.get().range().start), [0, 32]);
    assert_eq!(home.stats().sites, 32, "the lost ones do not count as in use");
}

// soundness S23
#[test]
fn threads_that_come_and_go_never_share_a_number() {
    const THREADS: usize = 4;
    let arena = arena();
    let used: Vec<AtomicBool> = (0..THREADS * 32).map(|_| AtomicBool::new(false)).collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let heap = heap();
                for _ in 0..if cfg!(miri) { 10 } else { 500 } {
                    let home = Transients::new(&arena, &heap);
                    let codes = [eval(&home, 16), eval(&home, 16)];
                    for start in codes.each_ref().map(|code| code.get().range().start) {
                        assert!(!used[start].swap(true, Relaxed), "{start} is another's");
                    }
                    codes.iter().for_each(|code| used[code.get().range().start].store(false, Relaxed));
                }
            });
        }
    });
    assert!(next_number(&arena) <= THREADS * 32);
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_child_goes_on_without_the_numbers_of_a_thread_that_it_lacks() {
    let arena = arena();
    let (has_numbers, child_ended) = (Barrier::new(2), Barrier::new(2));
    let spare = heap();
    {
        let homes = [Transients::new(&arena, &spare), Transients::new(&arena, &spare)];
        homes.iter().for_each(|home| drop(eval(home, 1)));
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            let heap = heap();
            let home = Transients::new(&arena, &heap);
            let code = eval(&home, 1);
            has_numbers.wait();
            child_ended.wait();
            assert_eq!(code.get().range().start, 0);
        });
        has_numbers.wait();
        let body = || {
            for _ in 0..100 {
                let homes = [Transients::new(&arena, &spare), Transients::new(&arena, &spare)];
                let codes = homes.each_ref().map(|home| eval(home, 1));
                assert_eq!(codes.each_ref().map(|code| code.get().range().start), [16, 32]);
            }
        };
        let end = catch_unwind(AssertUnwindSafe(|| in_child(body)));
        child_ended.wait(); // or the thread waits for ever
        end.unwrap();
    });
}

#[test]
fn an_owner_without_a_record_in_a_full_arena_works_as_others_do() {
    let arena = CodeArena::builder().reservation(256 << 10).build().unwrap();
    let heap = heap();
    let loader = arena.load("fills").unwrap();
    let names = (0..).map(|number| loader.intern(&format!("name {number}"))).take_while(Result::is_ok).count();
    assert!(names > 100 && arena.load("one more").is_err(), "there is room for no record");
    for round in 0..3 {
        let home = Transients::new(&arena, &heap);
        drop(eval(&home, 1));
        assert_eq!(eval(&home, 1).get().range().start, 16 * round, "its numbers go with it");
    }
}

// ── homes of threads ────────────────────────────────────────────────────────────────────────────────────────────────────────────

fn eval_shared(home: &Arc<SharedHome>, count: usize) -> Owned<Sites> {
    Owned::transient(home, |loader| loader.alloc(loader.sites(count)?)).unwrap_or_else(|error: Error| panic!("{error}"))
}

#[test]
fn homes_of_threads_one_after_another_use_the_same_numbers() {
    let arena = Arc::new(arena());
    for round in 0..if cfg!(miri) { 20 } else { 2000 } {
        let home = Arc::new(SharedHome::new(arena.clone()));
        let codes = [eval_shared(&home, 10), eval_shared(&home, 100), eval_shared(&home, 16)];
        assert!(codes.iter().all(|code| code.range().end <= 160), "round {round}");
        drop(home);
    }
    assert_eq!((next_number(&arena), Arc::strong_count(&arena)), (160, 1));
}

// More than one board has places for, of every length.
#[test]
fn homes_of_either_kind_use_each_others_numbers_and_clear_them_before() {
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let arena = Arc::new(arena());
    let heap = heap();
    let counts = || (0..150).map(|at| 1 + at % 5 * 40);
    let mut starts: Vec<Vec<usize>> = Vec::new();
    for round in 0..6 {
        let mut of_round: Vec<usize> = if round % 2 == 0 {
            let cleared = seen.clone();
            let clear = move |sites: Sites| cleared.lock().unwrap().push(sites.range().start);
            let home = Arc::new(SharedHome::new(arena.clone()).clearing(clear).unwrap());
            let codes: Vec<_> = counts().map(|count| eval_shared(&home, count)).collect();
            codes.iter().map(|code| code.range().start).collect()
        } else {
            let clear = |sites: Sites| seen.lock().unwrap().push(sites.range().start);
            let home = Transients::new(&arena, &heap).clearing(&clear);
            let codes: Vec<_> = counts().map(|count| eval(&home, count)).collect();
            codes.iter().map(|code| code.get().range().start).collect()
        };
        of_round.sort_unstable();
        let mut cleared = std::mem::take(&mut *seen.lock().unwrap());
        cleared.sort_unstable();
        assert_eq!(cleared, starts.last().cloned().unwrap_or_default(), "what was somebody's is cleared, once");
        starts.push(of_round);
    }
    assert!(starts.iter().all(|of_round| *of_round == starts[0]));
}

// soundness S23: homes come and go on threads, and in each two threads make code.
#[test]
fn homes_of_threads_that_come_and_go_never_share_a_number() {
    const HOMES: usize = 3;
    let arena = Arc::new(arena());
    let used: Vec<AtomicBool> = (0..1 << 16).map(|_| AtomicBool::new(false)).collect();
    let make = |home: &Arc<SharedHome>| {
        let codes = [eval_shared(home, 16), eval_shared(home, 16)];
        for code in &codes {
            assert!(!used[code.range().start].swap(true, Relaxed), "{} is another's", code.range().start);
        }
        codes.iter().for_each(|code| used[code.range().start].store(false, Relaxed));
    };
    thread::scope(|scope| {
        for _ in 0..HOMES {
            scope.spawn(|| {
                for _ in 0..if cfg!(miri) { 3 } else { 300 } {
                    let home = Arc::new(SharedHome::new(arena.clone()));
                    thread::scope(|scope| {
                        scope.spawn(|| make(&home));
                        make(&home);
                    });
                }
            });
        }
    });
    // Each of two threads of a home has two ranges at once, and now and then one that went back behind the search.
    assert!(next_number(&arena) <= HOMES * 2 * 2 * 16 * 2, "{}", next_number(&arena));
}

#[test]
fn a_home_of_threads_without_a_record_in_a_full_arena_works_as_others_do() {
    let arena = Arc::new(CodeArena::builder().reservation(256 << 10).build().unwrap());
    let loader = arena.load("fills").unwrap();
    let names = (0..).map(|number| loader.intern(&format!("name {number}"))).take_while(Result::is_ok).count();
    assert!(names > 100 && arena.load("one more").is_err(), "there is room for no record");
    for round in 0..3 {
        let home = Arc::new(SharedHome::new(arena.clone()));
        drop(eval_shared(&home, 1));
        assert_eq!(eval_shared(&home, 1).range().start, 16 * round, "its numbers go with it");
    }
}
