//! Engines on other threads and in forked children.

use crate::engine::{Code, Log, Whole, arenas, engine, gone};
use permacode::kit::Machine;
use permacode::testing::Pages;
use permacode::{DualArena, Engine, Error, SideTable};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

assert_impl_all!(Engine<Shared<'static>>: Send);
assert_not_impl_any!(Engine<Shared<'static>>: Sync);

/// A machine that is `Send`: code, and counters that threads may share.
struct Shared<'a> {
    main: &'a Code<'a>,
    hits: &'a SideTable<'a, AtomicU64>,
}

impl Machine for Shared<'_> {
    type At<'a> = Shared<'a>;
}

impl<'a> Shared<'a> {
    fn new(arenas: &'a DualArena, pages: &Arc<Pages>) -> Result<Self, Error> {
        let hits = SideTable::builder(&arenas.code).capacity(100).pages(pages.clone()).build()?.keep()?;
        // What is kept may be of one thread: only that one had a reference.
        arenas.code.keep(Cell::new(7))?.set(8);
        let module = arenas.code.load("main")?;
        let main = module.alloc(Code { number: 1, name: module.intern("main")?, sites: module.sites(1)? })?;
        module.seal()?;
        Ok(Self { main, hits })
    }
}

#[test]
fn an_engine_without_a_heap_is_made_here_used_there_and_dropped_elsewhere() {
    let pages = Pages::ordinary();
    let make = || Engine::<Shared<'_>>::new(arenas(&pages)?, |arenas| Shared::new(arenas, &pages));
    let mut engine: Engine<Shared<'static>> = make().unwrap();
    for round in 0..3 {
        engine = thread::spawn(move || {
            let hits = engine.enter(|vm| vm.hits.of(vm.main.sites).unwrap()[0].fetch_add(1, SeqCst));
            assert_eq!(hits, round);
            engine
        })
        .join()
        .unwrap();
    }
    thread::spawn(move || drop(engine)).join().unwrap();
    gone(&pages);
}

/// The whole of a machine that has a heap.
struct Isolate(Whole);

// SAFETY: what is not `Send` in a `Vm` are references to its own heap, objects there, its transients, and cells that only these lead to. All of
// it is in the arenas, which go along, and a closure of `enter` cannot take any of it out. Its log is `Send`.
unsafe impl Send for Isolate {}

// soundness S12
#[test]
fn an_isolate_with_a_heap_goes_from_thread_to_thread_as_a_whole() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let mut here = engine(&pages, &log).unwrap();
    let expected: Vec<u64> = (0..4).map(|_| here.enter(|vm| vm.work()).unwrap()).collect();
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (mut isolate, barrier, expected) =
                (Isolate(engine(&pages, &log).unwrap()), barrier.clone(), expected.clone());
            thread::spawn(move || {
                for expected in expected {
                    barrier.wait();
                    isolate = thread::spawn(move || {
                        let mut isolate = isolate;
                        assert_eq!(isolate.0.enter(|vm| vm.work()), Ok(expected));
                        isolate
                    })
                    .join()
                    .unwrap();
                }
                isolate
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    drop(here);
    assert_eq!(log.dropped.load(SeqCst), 5);
    gone(&pages);
}

// ── forks ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

// numbers N1
#[test]
#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
fn a_child_runs_and_drops_its_engine_and_copies_no_code() {
    use permacode_witness::{copied, in_child, watched};
    use std::cell::RefCell;
    let (pages, log) = (Pages::system(), Arc::new(Log::default()));
    let mut engine = engine(&pages, &log).unwrap();
    let first = engine.enter(|vm| vm.work()).unwrap();
    let code = engine.arenas().code.address_range();
    let engine = RefCell::new(Some(engine));
    let work = || engine.borrow_mut().as_mut().unwrap().enter(|vm| vm.work()).unwrap();
    let (mut sum, mut copies) = (0, None);
    watched(|| assert!(work() > first), |pid| copies = Some(copied(pid, [code.clone()])));
    assert_eq!(copies.unwrap().unwrap(), 0, "sealed code was written to");
    in_child(|| {
        assert!(work() > first);
        drop(engine.take());
        assert_eq!((pages.live(), log.dropped.load(SeqCst)), (0, 1));
    });
    for _ in 0..2 {
        sum = work();
    }
    assert!(sum > first);
    drop(engine);
    assert_eq!(log.dropped.load(SeqCst), 1, "a child's is its own");
    gone(&pages);
}
