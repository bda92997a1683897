//! A tracing collector on a heap arena, cycles included: `cargo run --example collector`.
//!
//! The heap brings what a collector needs: a mark for each object, which lies out of line, and a sweep that frees what has none. What is
//! left to write is the root, and the way from an object to those that it refers to.
//!
//! ```text
//!   root ──▶ (a . ●)──▶ (b . ●)──▶ nil        (c . ●)◀─┐   nobody refers to this one:
//!                                                └─────┘   a cycle, which counts would keep for ever
//! ```

use permacode::{Error, HeapArena, Swept};
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
    pub(crate) fn collect(&mut self) -> Swept {
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

fn report(what: &str, swept: Swept, machine: &Machine) {
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
    Ok(())
}
