//! A tracing collector on the kit, cycles and evaluated code included: `cargo run --example collector`.
//!
//! A machine keeps lists and functions by name. Lists are pairs on the heap, functions hold code that a script evaluated. What no name leads to
//! any more is freed, rings of pairs too, and the code of functions that are freed ends.
//!
//! ```text
//!   globals ──▶ function ─ captured ─▶ function          function     no name leads here
//!      │           │ CodeRef              │ CodeRef         │ CodeRef, never dropped
//!      │           ▼                      ▼                 ▼
//!      │         code ─ sites ─▶ entry ─▶ string          code ─ sites ─▶ entry ─▶ string
//!      └──────▶ pair ──▶ pair ──▶ pair ─┐
//!                         ▲─────────────┘
//! ```
//!
//! The one `unsafe` call says where the roots are: in the globals, on the stack of values, and in a side table. No method hands a value
//! out, so nobody can hold one when the machine collects.

use permacode::heap::SweepReport;
use permacode::kit::{Collect, Pacer};
use permacode::stats::TransientStats;
use permacode::{CodeRef, DualArena, Error, Gc, HeapArena, Permanent, SideTable, Sites, Transients};
use std::cell::Cell;
use std::collections::HashMap;

/// A value of a script.
#[derive(Clone, Copy, Collect)]
enum Value<'t> {
    Nil,
    Int(i64),
    Pair(Gc<'t, Pair<'t>>),
    Function(Gc<'t, Function<'t>>),
}

#[derive(Collect)]
struct Pair<'t> {
    head: Value<'t>,
    tail: Cell<Value<'t>>,
}

#[derive(Collect)]
struct Function<'t> {
    code: CodeRef<'t, Code<'t>>,
    captured: Value<'t>,
}

/// Code that a script evaluated.
#[derive(Permanent)]
struct Code<'a> {
    text: &'a str,
    /// Of the string that stands for the text, which a side table has.
    string: Sites,
}

/// The strings of code objects, each made when it is first asked for.
pub(crate) type Strings<'h> = SideTable<'h, Cell<Option<Gc<'h, str>>>>;

/// A machine. Arenas live for `'h`, tables of them and transient code for `'t`.
pub(crate) struct Machine<'t, 'h> {
    transients: &'t Transients<'t>,
    heap: &'h HeapArena,
    strings: &'t Strings<'h>,
    globals: HashMap<String, Value<'t>>,
    /// Values that a method is at work with: each of them, whenever it allocates.
    stack: Vec<Value<'t>>,
    pacer: Pacer,
    freed: SweepReport,
}

impl<'t, 'h: 't> Machine<'t, 'h> {
    pub(crate) fn new(arenas: &'h DualArena, transients: &'t Transients<'t>, strings: &'t Strings<'h>) -> Self {
        let (heap, pacer) = (&arenas.heap, Pacer::new().floor(64 << 10));
        Self {
            transients,
            heap,
            strings,
            globals: HashMap::new(),
            stack: Vec::new(),
            pacer,
            freed: SweepReport::default(),
        }
    }

    // ── what scripts do ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Gives a name to a list.
    pub(crate) fn list(&mut self, name: &str, numbers: impl DoubleEndedIterator<Item = i64>) -> Result<(), Error> {
        self.stack.push(Value::Nil);
        for number in numbers.rev() {
            self.safepoint()?;
            let tail = self.pop();
            let pair = Gc::new(self.heap, Pair { head: Value::Int(number), tail: Cell::new(tail) })?;
            self.stack.push(Value::Pair(pair));
        }
        self.define(name);
        Ok(())
    }

    /// Lets a list go on from its second element to its first again: a ring, and the rest of the list is lost.
    pub(crate) fn tie(&mut self, name: &str) {
        let Some(Value::Pair(first)) = self.globals.get(name) else { return };
        if let Value::Pair(second) = first.tail.get() {
            second.tail.set(Value::Pair(*first));
        }
    }

    /// Gives a name to a function of some text, which captures another one.
    pub(crate) fn eval(&mut self, name: &str, text: &str, captured: &str) -> Result<(), Error> {
        self.safepoint()?;
        let code = CodeRef::transient(self.transients, |loader| {
            loader.alloc(Code { text: loader.alloc_str(text)?, string: loader.sites(1)? })
        })?;
        let captured = self.globals.get(captured).copied().unwrap_or(Value::Nil);
        self.stack.push(Value::Function(Gc::new(self.heap, Function { code, captured })?));
        self.define(name);
        Ok(())
    }

    /// Runs a function: the length of its text and of all that it captured.
    pub(crate) fn run(&mut self, name: &str) -> Result<usize, Error> {
        let (mut next, mut length) = (self.globals.get(name).copied(), 0);
        while let Some(Value::Function(function)) = next {
            let code = function.code.get();
            let string = &self.strings.of(code.string)?[0];
            if string.get().is_none() {
                string.set(Some(Gc::copy_str(self.heap, code.text)?));
            }
            length += string.get().map_or(0, |string| string.len());
            next = Some(function.captured);
        }
        Ok(length)
    }

    /// The numbers of a list, once round if it is a ring.
    pub(crate) fn numbers(&self, name: &str) -> Vec<i64> {
        let (mut next, mut numbers) = (self.globals.get(name).copied(), Vec::new());
        let first = next;
        while let Some(Value::Pair(pair)) = next {
            if let Value::Int(number) = pair.head {
                numbers.push(number);
            }
            next = Some(pair.tail.get()).filter(|tail| match (tail, first) {
                (Value::Pair(tail), Some(Value::Pair(first))) => !Gc::ptr_eq(*tail, first),
                _ => true,
            });
        }
        numbers
    }

    /// Takes a name away.
    pub(crate) fn forget(&mut self, name: &str) {
        self.globals.remove(name);
    }

    fn define(&mut self, name: &str) {
        let value = self.pop();
        self.globals.insert(name.to_owned(), value);
    }

    fn pop(&mut self) -> Value<'t> {
        self.stack.pop().unwrap_or(Value::Nil)
    }

    // ── collecting ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Collects if it is due. A method calls it where each value that it needs afterwards is on the stack.
    fn safepoint(&mut self) -> Result<(), Error> {
        if self.pacer.is_due(self.heap) {
            self.collect()?;
        }
        Ok(())
    }

    /// Frees what no name leads to, and ends its code.
    pub(crate) fn collect(&mut self) -> Result<SweepReport, Error> {
        // SAFETY:
        // 1. Values are in globals, on the stack, in objects and in the table. No method hands one out, and those that collect hold none
        //    but on the stack.
        // 2. The closure only traces.
        // 3. The machine's transients are the only ones of its heap.
        let swept = unsafe {
            self.transients.collect(|marker| {
                marker.trace_all(self.globals.values());
                marker.trace(&self.stack[..]);
                marker.trace(self.strings);
            })
        };
        self.pacer.collected(self.heap);
        let swept = swept?;
        self.freed.objects += swept.objects;
        self.freed.bytes += swept.bytes;
        Ok(swept)
    }

    /// All that was freed so far.
    pub(crate) fn freed(&self) -> SweepReport {
        self.freed
    }

    pub(crate) fn stats(&self) -> TransientStats {
        self.transients.stats()
    }
}

fn main() -> Result<(), Error> {
    let arenas = DualArena::new()?;
    let strings = Strings::new(&arenas.code)?;
    let forget = |sites: Sites| strings.present(sites).iter().for_each(|entry| entry.set(None));
    let transients = Transients::new(&arenas.code, &arenas.heap).clearing(&forget);
    let mut machine = Machine::new(&arenas, &transients, &strings);

    machine.list("numbers", 1..=1000)?;
    machine.list("lost", 1..=500)?;
    machine.forget("lost");
    for ring in 0..100 {
        machine.list("ring", [ring, -ring].into_iter())?;
        machine.tie("ring"); // each is lost to the next one
    }
    let swept = machine.collect()?;
    println!("a list without a name and 99 rings: {} pairs freed, {} bytes", swept.objects, swept.bytes);
    println!("the list that has one is still {} numbers long", machine.numbers("numbers").len());
    machine.tie("numbers");
    println!("all but two of it: {} pairs freed", machine.collect()?.objects);

    // 100,000 evaluations, of which four functions have a name at a time, and each captures the one before.
    for number in 0..100_000 {
        let before = if number % 4 == 0 { String::new() } else { format!("f{}", (number - 1) % 4) };
        let name = format!("f{}", number % 4);
        machine.eval(&name, &format!("text {number}"), &before)?;
        machine.run(&name)?;
    }
    machine.collect()?;
    let (stats, freed) = (machine.stats(), machine.freed());
    println!(
        "100,000 evaluations: {} objects freed in all, code of {} functions and {} site numbers in use",
        freed.objects,
        stats.regions,
        stats.sites - stats.free_sites
    );
    Ok(())
}
