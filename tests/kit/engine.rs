//! An interpreter as one value: made by one function for each of its lives, moved, stored, lent.

use permacode::kit::{Collect, Machine};
use permacode::testing::Pages;
use permacode::{
    CodeArena, CodeRef, CodeSlot, DualArena, Engine, Error, Gc, HeapArena, Permanent, SideTable, Sites, Transients,
};
use static_assertions::assert_not_impl_any;
use std::cell::{Cell, RefCell};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[derive(Permanent)]
pub(crate) struct Code<'a> {
    pub(crate) number: u64,
    pub(crate) name: &'a str,
    pub(crate) sites: Sites,
}

#[derive(Collect)]
struct Object<'a> {
    next: Cell<Option<Gc<'a, Object<'a>>>>,
    code: CodeRef<'a, Code<'a>>,
}

/// What the test keeps of a machine that may be gone.
#[derive(Default)]
pub(crate) struct Log {
    /// Machines that were dropped and found everything as it should be.
    pub(crate) dropped: AtomicUsize,
    /// The next drop panics.
    pub(crate) panics: AtomicUsize,
}

/// One of everything that a machine may hold: invariant, with a destructor.
pub(crate) struct Vm<'a> {
    pub(crate) arenas: &'a DualArena,
    pub(crate) main: &'a Code<'a>,
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

pub(crate) type Whole = Engine<Vm<'static>>;

assert_not_impl_any!(Whole: Send, Sync);

const _: () = assert!(size_of::<Whole>() == size_of::<Vm<'static>>() + size_of::<usize>());

impl<'a> Vm<'a> {
    /// The one constructor. `pages` are those of the tables.
    pub(crate) fn new(arenas: &'a DualArena, pages: &Arc<Pages>, log: &Arc<Log>) -> Result<Self, Error> {
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

    pub(crate) fn run(&self, code: &Code<'_>) -> Result<u64, Error> {
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
    pub(crate) fn work(&mut self) -> Result<u64, Error> {
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
pub(crate) fn arenas(pages: &Arc<Pages>) -> Result<DualArena, Error> {
    let code = CodeArena::builder().reservation(4 << 20).pages(pages.clone()).build()?;
    Ok(DualArena { code, heap: HeapArena::builder().reservation(8 << 20).pages(pages.clone()).build()? })
}

pub(crate) fn engine(pages: &Arc<Pages>, log: &Arc<Log>) -> Result<Whole, Error> {
    Whole::new(arenas(pages)?, |arenas| Vm::new(arenas, pages, log))
}

pub(crate) fn gone(pages: &Pages) {
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
