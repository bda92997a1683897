//! A tracing collector on a heap arena, cycles included: `cargo run --example collector`.
//!
//! The heap brings what a collector needs: a mark for each object, which lies out of line, and a sweep that frees what has none. What is
//! left to write is the root, and the way from an object to those that it refers to.
//!
//! ```text
//!   root ──▶ (a . ●)──▶ (b . ●)──▶ nil        (c . ●)◀─┐   nobody refers to this one:
//!                                                └─────┘   a cycle, which counts would keep for ever
//! ```
//!
//! The second half does the same where scripts evaluate code. Functions lie in the heap and hold transient code. A sweep drops nothing, so a
//! function that it frees never gives its code back: [`Transients::sweep`] does.
//!
//! ```text
//!   globals ──▶ function ─ captures ─▶ function          function     nobody's
//!                  │ CodeRef              │ CodeRef         │ CodeRef, never dropped
//!                  ▼                      ▼                 ▼
//!                code ─ sites ─▶ entry ─▶ string          code ─ sites ─▶ entry ─▶ string
//! ```

use permacode::heap::SweepReport;
use permacode::side::LazyConstant;
use permacode::stats::TransientStats;
use permacode::{CodeRef, DualArena, Error, HeapArena, Permanent, SideTable, Sites, Transients};
use std::alloc::Layout;
use std::cell::Cell;
use std::mem;

/// A value of a small Lisp, as long as the scope it was made in.
#[derive(Clone, Copy)]
pub(crate) enum Value<'m> {
    Nil,
    Int(i64),
    Pair(&'m Pair<'m>),
}

pub(crate) struct Pair<'m> {
    pub(crate) head: Cell<Value<'m>>,
    pub(crate) tail: Cell<Value<'m>>,
}

/// A heap with one root. What the root does not reach, a collection frees.
pub(crate) struct Machine {
    root: Cell<Value<'static>>,
    heap: HeapArena,
}

/// What a program sees of a machine. Values carry its lifetime, so they can neither leave it nor get into another machine; and while one
/// is open, nothing is collected.
pub(crate) struct Scope<'m> {
    pub(crate) root: &'m Cell<Value<'m>>,
    heap: &'m HeapArena,
}

impl<'m> Scope<'m> {
    pub(crate) fn pair(&self, head: Value<'m>, tail: Value<'m>) -> Result<&'m Pair<'m>, Error> {
        let place = self.heap.alloc(Layout::new::<Pair<'m>>())?.cast::<Pair<'m>>();
        // SAFETY: a new object of this layout. Only a collection frees it, and none happens during `'m`.
        Ok(unsafe {
            place.write(Pair { head: Cell::new(head), tail: Cell::new(tail) });
            place.as_ref()
        })
    }

    pub(crate) fn list(&self, numbers: impl DoubleEndedIterator<Item = i64>) -> Result<Value<'m>, Error> {
        numbers.rev().try_fold(Value::Nil, |tail, number| Ok(Value::Pair(self.pair(Value::Int(number), tail)?)))
    }
}

impl Machine {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { root: Cell::new(Value::Nil), heap: HeapArena::new()? })
    }

    /// Runs a program. Whatever lifetime it is given, it must cope with it: that is what keeps values inside.
    pub(crate) fn run<R>(&mut self, program: impl for<'m> FnOnce(Scope<'m>) -> R) -> R {
        // SAFETY: only the lifetime of the values changes. Those in the root live until a collection does not find them, which needs the
        // exclusive borrow that the scope holds; and the program, which knows nothing of `'m`, can put none but its own there.
        let root = unsafe { mem::transmute::<&Cell<Value<'static>>, &Cell<Value<'_>>>(&self.root) };
        program(Scope { root, heap: &self.heap })
    }

    /// Frees every pair that the root does not reach. Writes to no pair.
    pub(crate) fn collect(&mut self) -> SweepReport {
        let mut stack = vec![self.root.get()];
        while let Some(value) = stack.pop() {
            let Value::Pair(pair) = value else { continue };
            if self.heap.mark(pair) == Some(true) {
                stack.extend([pair.head.get(), pair.tail.get()]);
            }
        }
        // SAFETY: no scope is open, so values are in the root and in pairs only; what the root reaches is marked.
        unsafe { self.heap.sweep() }
    }

    pub(crate) fn heap(&self) -> &HeapArena {
        &self.heap
    }
}

/// The numbers of a list.
pub(crate) fn numbers(mut list: Value<'_>) -> Vec<i64> {
    let mut numbers = Vec::new();
    while let Value::Pair(pair) = list {
        if let Value::Int(number) = pair.head.get() {
            numbers.push(number);
        }
        list = pair.tail.get();
    }
    numbers
}

/// Code that a script evaluated.
#[derive(Permanent)]
pub(crate) struct Code<'a> {
    text: &'a str,
    /// Of the heap object that stands for the text, which a side table has.
    string: Sites,
}

/// A function of a script: an object of the heap. It is swept and not dropped.
pub(crate) struct Function<'t> {
    code: CodeRef<'t, Code<'t>>,
    captured: Option<&'t Function<'t>>,
}

/// What this small machine has for a string of the heap: how long the text is.
type Length = usize;

/// An evaluator, and the functions that its scripts can still name.
pub(crate) struct Evaluator<'t> {
    transients: &'t Transients<'t>,
    strings: &'t SideTable<'t, LazyConstant<Length>>,
    pub(crate) globals: [Cell<Option<&'t Function<'t>>>; 4],
}

impl<'t> Evaluator<'t> {
    pub(crate) fn new(transients: &'t Transients<'t>, strings: &'t SideTable<'t, LazyConstant<Length>>) -> Self {
        Self { transients, strings, globals: Default::default() }
    }

    /// Makes a function of text, which may capture another one.
    pub(crate) fn eval(&self, text: &str, captured: Option<&'t Function<'t>>) -> Result<&'t Function<'t>, Error> {
        let code: CodeRef<'t, Code<'t>> = CodeRef::transient(self.transients, |loader| {
            loader.alloc(Code { text: loader.alloc_str(text)?, string: loader.sites(1)? })
        })?;
        let place = self.transients.heap().alloc(Layout::new::<Function<'t>>())?.cast::<Function<'t>>();
        // SAFETY: a new object of this layout. Only a collection frees it, whose caller promises that nobody uses it any more.
        Ok(unsafe {
            place.write(Function { code, captured });
            place.as_ref()
        })
    }

    /// Runs a function: how long its text is, and that of all that it captured. A string is made once for each code object.
    pub(crate) fn run(&self, function: &Function<'t>) -> Result<usize, Error> {
        let code = function.code.get();
        let string = self.strings.of(code.string)?[0].get_or_try_make(|| {
            let string = self.transients.heap().alloc(Layout::new::<Length>())?.cast::<Length>();
            // SAFETY: a new object of this layout.
            unsafe { string.write(code.text.len()) };
            Ok::<_, Error>(string)
        })?;
        // SAFETY: an object that was made above, now or earlier. A collection takes entries for roots, unless their code is gone.
        let length = unsafe { string.read() };
        Ok(length + function.captured.map_or(Ok(0), |captured| self.run(captured))?)
    }

    /// Frees every function that the globals do not lead to, its code, and strings of code that was gone before.
    ///
    /// # Safety
    ///
    /// No function is used any more that the globals do not lead to.
    pub(crate) unsafe fn collect(&self) -> SweepReport {
        let heap = self.transients.heap();
        // Before entries are roots: those of code that is gone are none.
        self.transients.clear_free();
        for (_, entry) in self.strings.walk(|entry| entry.get().is_some()) {
            entry.get().iter().for_each(|string| _ = heap.mark(string.as_ptr()));
        }
        let mut stack: Vec<_> = self.globals.iter().filter_map(Cell::get).collect();
        while let Some(function) = stack.pop() {
            if heap.mark(function) == Some(true) {
                function.code.mark();
                stack.extend(function.captured);
            }
        }
        // SAFETY: the caller's promise. All that is used is marked, code too, and there are no other transients on this heap.
        unsafe { self.transients.sweep() }
    }

    pub(crate) fn stats(&self) -> TransientStats {
        self.transients.stats()
    }
}

/// Evaluates 10,000 texts and keeps the latest four functions, each of which captured the one before.
fn evaluations() -> Result<(), Error> {
    let arenas = DualArena::new()?;
    let strings: SideTable<'_, LazyConstant<Length>> = SideTable::new(&arenas.code)?;
    let forget = |sites: Sites| strings.present(sites).iter().for_each(|entry| _ = entry.take());
    let transients = Transients::new(&arenas.code, &arenas.heap).clearing(&forget);
    let evaluator = Evaluator::new(&transients, &strings);
    let mut objects = 0;
    for number in 0..10_000_usize {
        let before = evaluator.globals[number.wrapping_sub(1) % 4].get().filter(|_| number % 4 != 0);
        let function = evaluator.eval(&format!("text {number}"), before)?;
        evaluator.run(function)?;
        evaluator.globals[number % 4].set(Some(function));
        if number % 500 == 499 {
            // SAFETY: what is used after this is what the globals lead to.
            objects += unsafe { evaluator.collect() }.objects;
        }
    }
    let stats = evaluator.stats();
    println!(
        "10,000 evaluations: {objects} objects freed, code of {} functions and {} site numbers in use",
        stats.regions,
        stats.sites - stats.free_sites
    );
    Ok(())
}

fn report(what: &str, swept: SweepReport, machine: &Machine) {
    println!("{what}: {} pairs freed, {} bytes; {} live", swept.objects, swept.bytes, machine.heap().stats().objects);
}

fn main() -> Result<(), Error> {
    let mut machine = Machine::new()?;
    machine.run(|scope| {
        scope.root.set(scope.list(1..=1000)?);
        scope.list(1..=500)?; // nobody keeps it
        for number in 0..100 {
            let ring = scope.pair(Value::Int(number), Value::Nil)?;
            ring.tail.set(Value::Pair(scope.pair(Value::Int(-number), Value::Pair(ring))?));
        }
        Ok::<_, Error>(())
    })?;
    let swept = machine.collect();
    report("a list that nobody kept and a hundred rings", swept, &machine);

    machine.run(|scope| {
        println!("the root's list is still {} numbers long", numbers(scope.root.get()).len());
        if let Value::Pair(first) = scope.root.get() {
            first.tail.set(scope.root.get()); // the root is a ring of its own now, and the rest of its list is lost
        }
    });
    let swept = machine.collect();
    report("all but the first of the root's list", swept, &machine);

    machine.run(|scope| scope.root.set(Value::Nil));
    let swept = machine.collect();
    report("the root's ring", swept, &machine);
    evaluations()
}
