//! An interpreter as one value: made by one function for each of its lives, moved, refused, in panics, on other threads, in children.

use permacode::kit::{Collect, Machine};
use permacode::testing::Pages;
use permacode::{
    CodeArena, CodeRef, CodeSlot, DualArena, Engine, Error, Gc, HeapArena, Permanent, SideTable, Sites, Transients,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

#[derive(Permanent)]
struct Code<'a> {
    number: u64,
    name: &'a str,
    sites: Sites,
}

#[derive(Collect)]
struct Object<'a> {
    next: Cell<Option<Gc<'a, Object<'a>>>>,
    code: CodeRef<'a, Code<'a>>,
}

/// What the test keeps of a machine that may be gone.
#[derive(Default)]
struct Log {
    /// Machines that were dropped and found everything as it should be.
    dropped: AtomicUsize,
    /// The next drop panics.
    panics: AtomicUsize,
}

/// One of everything that a machine may hold: invariant, with a destructor.
struct Vm<'a> {
    arenas: &'a DualArena,
    main: &'a Code<'a>,
    hits: &'a SideTable<'a, Cell<u64>>,
    names: &'a SideTable<'a, Cell<Option<Gc<'a, str>>>>,
    transients: &'a Transients<'a>,
    slot: CodeSlot<'a, Code<'a>>,
    objects: Vec<Gc<'a, Object<'a>>>,
    itself: Cell<Option<&'a Code<'a>>>,
    log: Arc<Log>,
}

impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

type Whole = Engine<Vm<'static>>;

assert_not_impl_any!(Whole: Send, Sync);
assert_impl_all!(Engine<Shared<'static>>: Send);
assert_not_impl_any!(Engine<Shared<'static>>: Sync);

const _: () = assert!(size_of::<Whole>() == size_of::<Vm<'static>>() + size_of::<usize>());

impl<'a> Vm<'a> {
    /// The one constructor. `pages` are those of the tables.
    fn new(arenas: &'a DualArena, pages: &Arc<Pages>, log: &Arc<Log>) -> Result<Self, Error> {
        let DualArena { code, heap } = arenas;
        let hits = SideTable::<Cell<u64>>::builder(code).capacity(10_000).pages(pages.clone()).build()?.keep()?;
        let names = SideTable::<Cell<Option<Gc<'_, str>>>>::builder(code)
            .capacity(10_000)
            .pages(pages.clone())
            .build()?
            .keep()?;
        let clear = code.keep(move |sites: Sites| {
            hits.present(sites).iter().for_each(|hits| hits.set(0));
            names.present(sites).iter().for_each(|name| name.set(None));
        })?;
        let transients = Transients::new(code, heap).clearing(clear).keep()?;
        let module = code.load("main")?;
        let main = module.alloc(Code { number: 1, name: module.intern("main")?, sites: module.sites(1)? })?;
        module.seal()?;
        let itself = Cell::new(None);
        let slot = CodeSlot::new(CodeRef::new(main));
        Ok(Self { arenas, main, hits, names, transients, slot, objects: Vec::new(), itself, log: log.clone() })
    }

    fn eval(&self, number: u64) -> Result<CodeRef<'a, Code<'a>>, Error> {
        CodeRef::transient(self.transients, |loader| {
            loader.alloc(Code { number, name: loader.intern("<eval>")?, sites: loader.sites(1)? })
        })
    }

    fn run(&self, code: &Code<'_>) -> Result<u64, Error> {
        let hits = &self.hits.of(code.sites)?[0];
        hits.set(hits.get() + 1);
        let name = &self.names.of(code.sites)?[0];
        if name.get().is_none() {
            name.set(Some(Gc::copy_str(&self.arenas.heap, code.name)?));
        }
        assert_eq!(name.get().as_deref(), Some(code.name));
        Ok(code.number * hits.get())
    }

    /// Evaluates, runs, stores, replaces and collects. What it returns depends on nothing but on how often it was called.
    fn work(&mut self) -> Result<u64, Error> {
        let mut sum = 0;
        for round in 0..200 {
            let code = self.eval(round)?;
            sum += self.run(code.get())? + self.run(self.main)?;
            let next = Cell::new(self.objects.last().copied());
            self.objects.push(Gc::new(&self.arenas.heap, Object { next, code })?);
            if round % 10 == 0 {
                self.slot.replace(self.eval(1000 + round)?);
                self.objects.drain(..self.objects.len() - 1);
                self.objects[0].next.set(Some(self.objects[0])); // a ring
                self.collect()?;
            }
            sum += self.run(self.slot.get().get())?;
        }
        self.itself.set(Some(self.main));
        Ok(sum)
    }

    fn collect(&mut self) -> Result<(), Error> {
        // SAFETY: all that is used afterwards is traced, and the closure only traces. There are no other transients.
        unsafe {
            self.transients.collect(|marker| {
                marker.trace(&self.objects[..]);
                marker.trace(&self.slot);
                marker.trace(self.names);
            })
        }?;
        assert!(self.transients.stats().regions <= 12, "{:?}", self.transients.stats());
        Ok(())
    }
}

impl Drop for Vm<'_> {
    /// Uses all that it borrows.
    fn drop(&mut self) {
        assert_eq!(self.itself.get().map_or("main", |main| main.name), "main");
        self.work().unwrap();
        self.collect().unwrap();
        let last = self.objects[0].code.clone();
        self.objects.clear();
        assert_eq!(last.get().name, "<eval>");
        assert!(self.arenas.code.locate(self.main).is_some_and(|at| at.module.name() == "main"));
        if self.log.panics.swap(0, SeqCst) == 1 {
            panic!("a machine's drop");
        }
        self.log.dropped.fetch_add(1, SeqCst);
    }
}

/// Small arenas, watched.
fn arenas(pages: &Arc<Pages>) -> Result<DualArena, Error> {
    let code = CodeArena::builder().reservation(4 << 20).pages(pages.clone()).build()?;
    Ok(DualArena { code, heap: HeapArena::builder().reservation(8 << 20).pages(pages.clone()).build()? })
}

fn engine(pages: &Arc<Pages>, log: &Arc<Log>) -> Result<Whole, Error> {
    Whole::new(arenas(pages)?, |arenas| Vm::new(arenas, pages, log))
}

fn gone(pages: &Pages) {
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// ── lives ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn one_constructor_makes_the_same_machine_for_a_block_for_a_value_and_for_the_process() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let in_block = {
        let arenas = arenas(&pages).unwrap();
        let mut vm = Vm::new(&arenas, &pages, &log).unwrap();
        [vm.work().unwrap(), vm.work().unwrap()]
    };
    let mut value = engine(&pages, &log).unwrap();
    assert_eq!([(); 2].map(|()| value.enter(|vm| vm.work()).unwrap()), in_block);
    drop(value);
    gone(&pages);
    let code = CodeArena::builder().reservation(4 << 20).build().unwrap();
    let heap = HeapArena::builder().reservation(8 << 20).build().unwrap();
    let arenas: &'static DualArena = DualArena { code, heap }.leak();
    let mut vm: Vm<'static> = Vm::new(arenas, &pages, &log).unwrap();
    assert_eq!([vm.work().unwrap(), vm.work().unwrap()], in_block);
    drop(vm);
    assert_eq!(log.dropped.load(SeqCst), 3);
    assert_eq!(arenas.code.stats().modules, 1);
}

#[test]
fn an_engine_is_a_value_that_can_be_moved_stored_and_swapped() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let mut first = Vec::new();
    let mut engines = Vec::new();
    for _ in 0..5 {
        let mut engine = engine(&pages, &log).unwrap();
        first.push(engine.enter(|vm| vm.work()).unwrap());
        engines.push(engine); // the vector grows, and moves them
    }
    assert!(first.iter().all(|sum| *sum == first[0]));
    let mut last = Box::new(engines.pop().unwrap());
    for engine in &mut engines {
        mem::swap(engine, &mut last);
        let sums = [engine.enter(|vm| vm.work()).unwrap(), last.enter(|vm| vm.work()).unwrap()];
        assert!(sums.iter().all(|sum| *sum > first[0]));
    }
    engines[1] = *last;
    assert_eq!(log.dropped.load(SeqCst), 1);
    drop(engines);
    assert_eq!(log.dropped.load(SeqCst), 5);
    gone(&pages);
}

#[test]
fn a_hundred_engines_at_once_and_a_thousand_one_after_another_leave_nothing() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let small = || -> Whole {
        let code = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
        let heap = HeapArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
        Whole::new(DualArena { code, heap }, |arenas| Vm::new(arenas, &pages, &log)).unwrap()
    };
    let mut engines: Vec<Whole> = (0..100).map(|_| small()).collect();
    assert_eq!(pages.live(), 400);
    engines.iter_mut().for_each(|engine| _ = engine.enter(|vm| vm.work()).unwrap());
    drop(engines);
    gone(&pages);
    for _ in 0..1000 {
        small().enter(|vm| assert_eq!(vm.run(vm.main), Ok(1)));
    }
    gone(&pages);
    assert_eq!(log.dropped.load(SeqCst), 1100);
}

/// A machine that borrows from its host too.
struct Hosted<'a, 'host> {
    arenas: &'a DualArena,
    texts: RefCell<Vec<&'a str>>,
    printed: &'host RefCell<Vec<String>>,
}

impl<'host> Machine for Hosted<'_, 'host> {
    type At<'a> = Hosted<'a, 'host>;
}

#[test]
fn a_machine_may_borrow_from_its_host_and_what_one_call_ties_the_next_finds() {
    let (pages, printed) = (Pages::ordinary(), RefCell::new(Vec::new()));
    {
        let made = Engine::<Hosted<'_, '_>>::new(arenas(&pages).unwrap(), |arenas| {
            Ok::<_, Error>(Hosted { arenas, texts: RefCell::default(), printed: &printed })
        });
        let mut engine = made.unwrap();
        for number in 0..10 {
            engine.enter(|vm| {
                let text = vm.arenas.code.load("m").unwrap().alloc_str(&format!("text {number}")).unwrap();
                vm.texts.borrow_mut().push(text);
            });
        }
        engine.enter(|vm| vm.printed.borrow_mut().extend(vm.texts.borrow().iter().map(|text| text.to_string())));
    }
    assert_eq!(printed.borrow().len(), 10);
    assert_eq!(printed.borrow()[9], "text 9");
    gone(&pages);
}

#[test]
fn a_second_call_while_one_runs_is_refused_where_the_engine_is_shared() {
    let (pages, log) = (Pages::ordinary(), Arc::new(Log::default()));
    let shared = RefCell::new(engine(&pages, &log).unwrap());
    let refused = shared.borrow_mut().enter(|vm| {
        assert_eq!(vm.main.number, 1);
        shared.try_borrow_mut().is_err() && shared.try_borrow().is_err()
    });
    assert!(refused);
    assert!(format!("{:?}", shared.borrow()).starts_with("Engine { arenas: DualArena {"));
}

// ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── threads ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

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
