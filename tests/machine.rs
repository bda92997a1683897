//! A machine without a lifetime but on code itself: modules, values, threads, and a hook that is replaced while it is called. Ten thousand scripts
//! leave the process as large as a hundred do (soundness S27).
//!
//! One test in a file of its own: it measures its process, in which nobody else may do anything.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::handles::{CodeRc, Home};
use permacode::owned::{OwnedSideTable, OwnedSlot, SharedHome};
use permacode::pages::PooledPages;
use permacode::{CodeArena, Error, HeapArena, Loader, Owned, Permanent, Sites};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread;

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u32],
    sites: Sites,
    calls: Option<&'a Code<'a>>,
}

/// A value of the language.
#[derive(Clone)]
enum Value {
    Number(u64),
    Lambda(CodeRc<Code<'static>>),
    Function(Owned<Code<'static>>),
}

/// What threads share.
struct Shared {
    home: Arc<SharedHome>,
    caches: Arc<OwnedSideTable<AtomicUsize>>,
    hook: OwnedSlot<Code<'static>>,
    calls: AtomicUsize,
    done: AtomicBool,
}

struct Machine {
    shared: Arc<Shared>,
    home: Home,
    pages: Arc<PooledPages>,
    modules: HashMap<String, Owned<Code<'static>>>,
    globals: HashMap<Owned<str>, Value>,
}

fn lower<'x>(loader: &Loader<'x>, number: usize, calls: Option<&Owned<Code<'_>>>) -> Result<&'x Code<'x>, Error> {
    let calls = calls.map(|code| loader.at(code)).transpose()?;
    let (name, sites) = (loader.intern(&format!("script {number}"))?, loader.sites(1 + number % 9)?);
    loader.alloc(Code { name, ops: loader.alloc_slice_copy(&vec![number as u32; number % 500])?, sites, calls })
}

/// Runs code: what a frame does.
fn run(code: &Code<'_>, number: usize) -> u64 {
    assert_eq!((code.name, code.ops.len()), (&*format!("script {number}"), number % 500));
    assert!(code.ops.iter().all(|op| *op == number as u32));
    code.ops.len() as u64
}

/// Runs code that has the numbers of an evaluation: nobody used its caches before.
fn run_cold(shared: &Shared, code: &Code<'_>, number: usize) -> u64 {
    for cache in shared.caches.get().of(code.sites).unwrap() {
        assert_eq!(cache.swap(number + 1, Relaxed), 0, "a cache of other code");
    }
    run(code, number)
}

impl Shared {
    fn new() -> Arc<Self> {
        let arena = Arc::new(CodeArena::builder().reservation(8 << 20).build().unwrap());
        let table = OwnedSideTable::build(&arena, |builder| builder.capacity(100_000)).unwrap();
        let caches: Arc<OwnedSideTable<AtomicUsize>> = Arc::new(table);
        let table = caches.clone();
        let clear = move |sites: Sites| table.get().present(sites).iter().for_each(|cache| cache.store(0, Relaxed));
        let home = Arc::new(SharedHome::new(arena).clearing(clear).unwrap());
        let first = Owned::<Code<'_>>::transient(&home, |loader| lower(loader, 0, None));
        let hook = OwnedSlot::new(first.unwrap_or_else(|error: Error| panic!("{error}"))).unwrap();
        Arc::new(Self { home, caches, hook, calls: AtomicUsize::new(0), done: AtomicBool::new(false) })
    }

    fn eval(&self, number: usize, calls: Option<&Owned<Code<'_>>>) -> Owned<Code<'static>> {
        Owned::<Code<'_>>::transient(&self.home, |loader| lower(loader, number, calls))
            .unwrap_or_else(|error: Error| panic!("{number}: {error}"))
    }

    /// Calls the hook until the program is done, whoever replaces it.
    fn call_hook(&self) {
        while !self.done.load(Relaxed) {
            let frame = self.hook.get();
            let code = frame.get();
            assert!(code.ops.iter().all(|op| format!("script {op}") == code.name));
            self.calls.fetch_add(1, Relaxed);
            thread::yield_now();
        }
    }
}

impl Machine {
    fn new(shared: Arc<Shared>) -> Self {
        let heap = HeapArena::builder().reservation(8 << 20).build().unwrap();
        let table = shared.caches.clone();
        let clear = move |sites: Sites| table.get().present(sites).iter().for_each(|cache| cache.store(0, Relaxed));
        let home = Home::clearing(shared.home.arena().clone(), heap, clear).unwrap();
        let pages = Arc::new(PooledPages::new(16).unwrap());
        Self { shared, home, pages, modules: HashMap::new(), globals: HashMap::new() }
    }

    /// A module is loaded in the place of an older one, and evaluated code refers to it.
    fn script(&mut self, number: usize) {
        let arena = CodeArena::builder().reservation(1 << 20).pages(self.pages.clone()).build().unwrap();
        let module = Owned::<Code<'_>>::load_sealed(&Arc::new(arena), "m", |loader| lower(loader, number, None))
            .unwrap_or_else(|error: Error| panic!("{error}"));
        run(module.get(), number);
        self.modules.insert(format!("module {}", number % 5), module.clone());

        let lambda: Result<_, Error> = CodeRc::new(&self.home, |loader| lower(loader, number, Some(&module)));
        let lambda: CodeRc<Code<'static>> = lambda.unwrap();
        run_cold(&self.shared, lambda.get(), number);

        // Another thread runs a function, and gives back what it made of it; the hook is replaced meanwhile.
        let function = self.shared.eval(number, Some(&module));
        let (shared, called) = (self.shared.clone(), function.clone());
        let other = thread::spawn(move || {
            run_cold(&shared, called.get(), number);
            shared.eval(number + 1, Some(&called))
        });
        let old = self.shared.hook.replace(self.shared.eval(number, None)).unwrap();
        assert!(old.get().ops.len() < 500);
        let made = other.join().unwrap();
        run(made.get().calls.unwrap(), number);

        let name = |of: usize| format!("global {}", of % 7);
        let values = [Value::Lambda(lambda), Value::Function(made), Value::Number(number as u64)];
        for (at, value) in values.into_iter().enumerate() {
            let name = Owned::<str>::transient(&self.shared.home, |loader| loader.alloc_str(&name(number + at)));
            self.globals.insert(name.unwrap_or_else(|error: Error| panic!("{error}")), value);
        }
        match self.globals.get(&*name(number + 1)) {
            Some(Value::Function(code)) => assert_eq!(run(code.get(), number + 1), (number as u64 + 1) % 500),
            _ => panic!("the value is gone"),
        }
        match self.globals.get(&*name(number)).cloned() {
            Some(Value::Lambda(code)) => {
                assert_eq!(run(code.get(), number), run(self.modules[&format!("module {}", number % 5)].get(), number))
            }
            _ => panic!("the value is gone"),
        }
        assert!(matches!(self.globals.get(&*name(number + 2)), Some(Value::Number(found)) if *found == number as u64));
    }
}

/// Address space and resident bytes of this process.
fn held() -> [usize; 2] {
    [permacode_witness::status("VmSize"), permacode_witness::status("VmRSS")]
}

#[test]
fn ten_thousand_scripts_leave_the_process_as_large_as_a_hundred() {
    let shared = Shared::new();
    let callers = [(); 2].map(|()| {
        let shared = shared.clone();
        thread::spawn(move || shared.call_hook())
    });
    let mut machine = Machine::new(shared.clone());
    let mut early = None;
    for number in 1..=10_000 {
        machine.script(number);
        if number == 100 {
            early = Some((held(), shared.home.regions()));
        }
    }
    let (early, late) = (early.unwrap(), (held(), shared.home.regions()));
    let sites = shared.home.arena().stats().sites;
    println!(
        "address space, resident bytes, regions: {early:?} -> {late:?}; {sites} sites, {} calls",
        shared.calls.load(Relaxed)
    );
    assert!(late.0[0] <= early.0[0] + (1 << 20), "address space grew from {early:?} to {late:?}");
    assert!(late.0[1] <= early.0[1] + (1 << 20), "resident size grew from {early:?} to {late:?}");
    assert!(late.1 <= early.1 + 5 && sites < 2000, "{early:?}, {late:?}, {sites} sites");
    shared.done.store(true, Relaxed);
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert!(shared.calls.load(Relaxed) > 0);
    drop(machine);
    // The hook's code is all that is left.
    assert_eq!(shared.home.regions(), 1);
}
