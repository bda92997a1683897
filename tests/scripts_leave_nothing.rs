//! A machine that runs scripts for ever: modules that come and go, functions in values, breakpoints, caches. No type of it has a lifetime but its
//! code, and after ten thousand scripts the process is as large as after a hundred (soundness S27).
//!
//! One test in a file of its own: it measures its process, in which nobody else may do anything.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::cell::Cell;
use permacode::handles::{CodeRc, CodeRcSlot, Home};
use permacode::owned::OwnedSideTable;
use permacode::{CodeArena, Error, HeapArena, Loader, Owned, Permanent, Sites};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Permanent, Clone, Copy)]
enum Op<'a> {
    /// Adds a number.
    Add(u32),
    /// Runs code of a module.
    Call(&'a Code<'a>),
    /// Adds a number, and says that it came by.
    Break(u32),
}

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [Op<'a>],
    sites: Sites,
    /// Functions that the code defines.
    inner: &'a [&'a Code<'a>],
}

type Handle = CodeRc<Code<'static>>;
type Calls = OwnedSideTable<Cell<u32>>;

/// A value of the language.
#[derive(Clone)]
enum Value {
    Int(u32),
    Function(Rc<CodeRcSlot<Code<'static>>>),
    Module(Owned<Code<'static>>),
}

struct Machine {
    home: Home,
    modules: HashMap<String, Value>,
    globals: HashMap<String, Value>,
    calls: Rc<Calls>,
    stops: Cell<u32>,
}

impl Machine {
    fn new(arena: &Arc<CodeArena>) -> Result<Self, Error> {
        let calls = Rc::new(Calls::new(arena)?);
        let table = calls.clone();
        let clear = move |sites: Sites| table.get().present(sites).iter().for_each(|entry| entry.set(0));
        let home = Home::clearing(arena.clone(), HeapArena::new()?, clear)?;
        Ok(Self { home, modules: HashMap::new(), globals: HashMap::new(), calls, stops: Cell::new(0) })
    }

    /// Loads a module into an arena of its own. What was there goes when no code refers to it any more.
    fn import(&mut self, name: &str, adds: u32) -> Result<(), Error> {
        let arena = Arc::new(CodeArena::builder().reservation(1 << 20).build()?);
        let module = Owned::load_sealed(&arena, name, |loader| {
            let ops = loader.alloc_slice_copy(&[Op::Add(adds)])?;
            loader.alloc(Code { name: loader.intern(name)?, ops, sites: loader.sites(0)?, inner: &[] })
        })?;
        self.modules.insert(name.to_owned(), Value::Module(module));
        Ok(())
    }

    fn lower<'x>(&self, loader: &Loader<'x>, script: u32) -> Result<&'x Code<'x>, Error> {
        let Some(Value::Module(module)) = self.modules.get(&format!("module {}", script % 7)) else {
            return Err(Error::Foreign);
        };
        let code = |name: String, ops: &[Op<'x>], inner| {
            let (name, ops) = (loader.intern(&name)?, loader.alloc_slice_copy(ops)?);
            loader.alloc(Code { name, ops, sites: loader.sites(3)?, inner })
        };
        let callee = loader.at(module)?;
        let inner = loader.alloc_slice_try_fill_with(4, |at| {
            code(format!("function {at} of {script}"), &[Op::Add(at as u32), Op::Call(callee)], &[])
        })?;
        code(format!("script {script}"), &[Op::Call(inner[0]), Op::Call(callee), Op::Add(script % 3)], inner)
    }

    /// Runs code that whoever calls holds.
    fn run(&self, code: &Code<'_>) -> u32 {
        if let Ok([first, ..]) = self.calls.get().of(code.sites) {
            first.set(first.get() + 1);
        }
        let result = code.ops.iter().map(|op| match *op {
            Op::Add(number) => number,
            Op::Call(callee) => self.run(callee),
            Op::Break(number) => {
                self.stops.set(self.stops.get() + 1);
                number
            }
        });
        result.sum()
    }

    fn script(&mut self, script: u32) -> Result<u32, Error> {
        if script % 5 == 0 {
            self.import(&format!("module {}", script / 5 % 7), script)?;
        }
        let main: Handle = CodeRc::new(&self.home, |loader| self.lower(loader, script))?;
        assert_eq!(self.calls.get().of(main.get().sites)?[0].get(), 0, "the caches of new code are clear");
        for at in 0..4 {
            let function = main.project::<Code<'static>>(|code| code.inner.get(at).copied())?.ok_or(Error::Foreign)?;
            self.globals.insert(format!("global {at}"), Value::Function(Rc::new(CodeRcSlot::new(function))));
        }
        // A breakpoint, set in a function that another script calls until the next one replaces it.
        let Some(Value::Function(function)) = self.globals.get(&format!("global {}", script % 4)).cloned() else {
            return Err(Error::Foreign);
        };
        let frame = function.get();
        let stopping = frame.patched(|loader, code| {
            let ops = [Op::Break(1), code.ops[1]];
            loader.alloc(Code { ops: loader.alloc_slice_copy(&ops)?, ..*code })
        })?;
        let original = function.replace(stopping);
        assert!(original.same(&frame));
        let sum = self.run(main.get()) + self.run(function.get().get()) + self.run(frame.get());
        assert_eq!(frame.get().name, format!("function {} of {script}", script % 4));
        self.globals.insert("last".to_owned(), Value::Int(sum));
        if script % 500 == 0 {
            // Permanent code of the machine's arena refers to no module, because those are younger.
            assert_eq!(main.promote("main").err(), Some(Error::Younger));
            let hot: Handle = CodeRc::new(&self.home, |loader| {
                let ops = loader.alloc_slice_copy(&[Op::Add(script)])?;
                loader.alloc(Code { name: loader.intern("hot")?, ops, sites: loader.sites(1)?, inner: &[] })
            })?;
            self.modules.insert("hot".to_owned(), Value::Module(hot.promote("hot")?));
        }
        Ok(sum)
    }
}

/// Runs scripts up to this one, on a machine that is made anew at times.
fn run(machine: &mut Option<Machine>, arena: &Arc<CodeArena>, scripts: core::ops::RangeInclusive<u32>) -> u64 {
    let mut sum = 0;
    for script in scripts {
        if script % 50 == 1 {
            // Code of the last one outlives it for a moment.
            let last = machine.take().and_then(|mut machine| machine.globals.remove("global 1"));
            let new = machine.insert(Machine::new(arena).unwrap());
            (0..7).for_each(|number| new.import(&format!("module {number}"), number).unwrap());
            if let Some(Value::Function(function)) = last {
                assert_eq!(function.get().get().ops.len(), 2);
            }
        }
        let machine = machine.as_mut().unwrap();
        sum += u64::from(machine.script(script).unwrap());
        let Some(&Value::Int(last)) = machine.globals.get("last") else { panic!("no result") };
        assert!(last > 0 && machine.stops.get() > 0);
    }
    sum
}

/// The address space and the memory of this process.
fn held() -> [usize; 2] {
    ["VmSize", "VmRSS"].map(permacode_witness::status)
}

#[test]
fn ten_thousand_scripts_leave_the_process_as_large_as_a_hundred() {
    let arena = Arc::new(CodeArena::new().unwrap());
    let mut machine = None;
    let first = run(&mut machine, &arena, 1..=100);
    let before = held();
    let rest = run(&mut machine, &arena, 101..=10_000);
    let after = held();
    println!("VmSize and VmRSS after 100: {before:?}, after 10,000: {after:?}");
    assert!(first > 0 && rest > first);
    // AddressSanitizer has notes of its own.
    let others = if cfg!(permacode_asan) { 16 << 20 } else { 1 << 20 };
    for (before, after) in before.into_iter().zip(after) {
        assert!(after <= before + others, "grew from {before} to {after}");
    }
    drop(machine);
    assert_eq!(Arc::strong_count(&arena), 1, "no code of a machine is left");
}
