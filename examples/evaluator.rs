//! A whole machine in one file, from trees to forked workers: `cargo run --example evaluator`.
//!
//! It loads functions, evaluates text, replaces a function while it runs, promotes the new one, and forks a worker that copies no code. The
//! guide's `first_machine` explains these steps one by one. Here functions have a parameter and call themselves, too.
//!
//! ```text
//!   Expr ── compile ──▶ Draft ── lower ──▶ Code in the arena ◀── CodeRef ── CodeSlot ── functions of the machine
//!   (a tree)            (vectors)            │                                │
//!                                          Sites ──▶ SideTables: caches and counters, which change
//! ```

use permacode::side::{CallCounter, InlineCache, Version};
use permacode::{
    CodeArena, CodeRef, CodeSlot, Error, HeapArena, Link, Loader, Name, Permanent, SideTable, Sites, Transients,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// What a parser would give: boxes and strings, and nothing of arenas.
enum Expr {
    Number(i64),
    Argument,
    Add(Box<Expr>, Box<Expr>),
    /// The second, if the first is above zero, else the third.
    IfPositive(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(&'static str, Box<Expr>),
    /// A call of the function that it stands in.
    Recur(Box<Expr>),
    /// Redefines `scale` as three times its argument, while it runs. Its value is 0.
    Redefine,
}

/// Constructors without `Box::new`.
fn add(a: Expr, b: Expr) -> Expr {
    Expr::Add(Box::new(a), Box::new(b))
}

fn call(name: &'static str, argument: Expr) -> Expr {
    Expr::Call(name, Box::new(argument))
}

/// An operation. Its operand is an index or the place to go on at.
#[derive(Permanent, Clone, Copy)]
enum Op {
    Number(u16),
    Argument,
    Add,
    JumpUnlessPositive(u16),
    Jump(u16),
    Call(u16),
    Recur,
    Redefine,
    Return,
}

/// What the compiler makes of a tree. A mistake up to here costs no arena memory.
#[derive(Default)]
struct Draft {
    name: String,
    ops: Vec<Op>,
    numbers: Vec<i64>,
    names: Vec<&'static str>,
}

impl Draft {
    fn compile(name: &str, body: &Expr) -> Self {
        let mut draft = Self { name: name.to_owned(), ..Self::default() };
        draft.expr(body);
        draft.ops.push(Op::Return);
        draft
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Number(number) => {
                self.ops.push(Op::Number(self.numbers.len() as u16));
                self.numbers.push(*number);
            }
            Expr::Argument => self.ops.push(Op::Argument),
            Expr::Add(a, b) => {
                self.expr(a);
                self.expr(b);
                self.ops.push(Op::Add);
            }
            Expr::IfPositive(condition, then, otherwise) => {
                self.expr(condition);
                let unless = self.hole();
                self.expr(then);
                let end = self.hole();
                self.ops[unless] = Op::JumpUnlessPositive(self.ops.len() as u16);
                self.expr(otherwise);
                self.ops[end] = Op::Jump(self.ops.len() as u16);
            }
            Expr::Call(name, argument) => {
                self.expr(argument);
                self.ops.push(Op::Call(self.names.len() as u16));
                self.names.push(name);
            }
            Expr::Recur(argument) => {
                self.expr(argument);
                self.ops.push(Op::Recur);
            }
            Expr::Redefine => self.ops.push(Op::Redefine),
        }
    }

    /// Leaves room for a jump whose target is not known yet.
    fn hole(&mut self) -> usize {
        self.ops.push(Op::Jump(0));
        self.ops.len() - 1
    }
}

/// What the machine reads: references, and nothing that changes.
#[derive(Permanent)]
struct Code<'a> {
    name: Name<'a>,
    ops: &'a [Op],
    numbers: &'a [i64],
    names: &'a [Name<'a>],
    /// The function itself: a cycle, so it is set when the block exists.
    itself: Link<'a, Code<'a>>,
    /// An inline cache for each name that is called.
    calls: Sites,
    /// One counter.
    runs: Sites,
}

/// Copies a draft into a module, or into the memory of an evaluation: the loader knows which.
fn lower<'x>(loader: &Loader<'x>, draft: &Draft) -> Result<&'x Code<'x>, Error> {
    let code = loader.alloc(Code {
        name: loader.intern_name(&draft.name)?,
        ops: loader.alloc_slice_copy(&draft.ops)?,
        numbers: loader.alloc_slice_copy(&draft.numbers)?,
        names: loader.alloc_slice_try_fill_with(draft.names.len(), |k| loader.intern_name(draft.names[k]))?,
        itself: Link::unset(),
        calls: loader.sites(draft.names.len())?,
        runs: loader.sites(1)?,
    })?;
    loader.link(&code.itself, code)?;
    Ok(code)
}

struct Machine<'a> {
    transients: &'a Transients<'a>,
    numbers: RefCell<HashMap<String, usize>>,
    functions: RefCell<Vec<CodeSlot<'a, Code<'a>>>>,
    caches: &'a SideTable<'a, InlineCache<usize>>,
    counters: &'a SideTable<'a, CallCounter>,
    version: Cell<Version>,
}

impl<'a> Machine<'a> {
    /// Defines a function, or replaces its code. A frame that runs the old code keeps it.
    fn define(&self, code: CodeRef<'a, Code<'a>>) {
        let known = self.numbers.borrow().get(code.get().name.as_str()).copied();
        if let Some(number) = known {
            self.functions.borrow()[number].replace(code);
            return;
        }
        self.numbers.borrow_mut().insert(code.get().name.to_string(), self.functions.borrow().len());
        self.functions.borrow_mut().push(CodeSlot::new(code));
        self.version.set(self.version.get().next()); // a name means something else: all caches miss
    }

    /// Makes transient code, for an evaluation or a new function.
    fn evaluate(&self, name: &str, body: &Expr) -> Result<CodeRef<'a, Code<'a>>, Error> {
        let draft = Draft::compile(name, body);
        CodeRef::transient(self.transients, |loader| lower(loader, &draft))
    }

    fn call(&self, name: &str, argument: i64) -> Result<i64, Error> {
        let number = self.numbers.borrow()[name];
        self.call_number(number, argument)
    }

    fn call_number(&self, number: usize, argument: i64) -> Result<i64, Error> {
        let frame = self.functions.borrow()[number].get(); // a handle of its own, and no borrow of the table
        self.run(frame.get(), argument)
    }

    /// Returns the number of the function that `code` calls by its name k.
    fn find(&self, code: &Code<'_>, k: usize) -> Result<usize, Error> {
        let (cache, now) = (&self.caches.of(code.calls)?[k], self.version.get());
        if let Some(number) = cache.get(0, now) {
            return Ok(number);
        }
        let number = self.numbers.borrow()[code.names[k].as_str()];
        cache.set(0, now, number);
        Ok(number)
    }

    fn run(&self, code: &Code<'_>, argument: i64) -> Result<i64, Error> {
        self.counters.of(code.runs)?[0].hit(u32::MAX);
        let (mut stack, mut at) = (Vec::new(), 0);
        let pop = |stack: &mut Vec<i64>| stack.pop().expect("the compiler pushes before it pops");
        loop {
            at += 1;
            match code.ops[at - 1] {
                Op::Number(k) => stack.push(code.numbers[usize::from(k)]),
                Op::Argument => stack.push(argument),
                Op::Add => {
                    let sum = pop(&mut stack) + pop(&mut stack);
                    stack.push(sum);
                }
                Op::JumpUnlessPositive(to) => {
                    if pop(&mut stack) <= 0 {
                        at = usize::from(to);
                    }
                }
                Op::Jump(to) => at = usize::from(to),
                Op::Call(k) => {
                    let argument = pop(&mut stack);
                    stack.push(self.call_number(self.find(code, usize::from(k))?, argument)?);
                }
                Op::Recur => {
                    let argument = pop(&mut stack);
                    stack.push(self.run(code.itself.get().expect("set when it was lowered"), argument)?);
                }
                Op::Redefine => {
                    let thrice = add(Expr::Argument, add(Expr::Argument, Expr::Argument));
                    self.define(self.evaluate("scale", &thrice)?);
                    stack.push(0);
                }
                Op::Return => return Ok(pop(&mut stack)),
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The order matters: each part borrows from those above it.
    let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    let (caches, counters) = (SideTable::new(&arena)?, SideTable::new(&arena)?);
    let clear = |sites: Sites| {
        caches.present(sites).iter().for_each(InlineCache::clear);
        counters.present(sites).iter().for_each(CallCounter::clear);
    };
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    let machine = Machine {
        transients: &transients,
        numbers: RefCell::default(),
        functions: RefCell::default(),
        caches: &caches,
        counters: &counters,
        version: Cell::new(Version::FIRST),
    };

    // Load: `scale` changes its own meaning. `sum` adds the numbers up to its argument.
    let module = arena.load("program")?;
    let below = add(Expr::Argument, Expr::Number(-1));
    let more = add(Expr::Argument, Expr::Recur(Box::new(below)));
    let sum = Expr::IfPositive(Box::new(Expr::Argument), Box::new(more), Box::new(Expr::Number(0)));
    let scale = add(Expr::Redefine, add(Expr::Argument, Expr::Argument));
    for (name, body) in [("sum", sum), ("scale", scale), ("main", call("scale", call("sum", Expr::Argument)))] {
        machine.define(CodeRef::new(lower(&module, &Draft::compile(name, &body))?));
    }
    module.seal()?;

    // Evaluate: the last handle frees the code.
    let eval = machine.evaluate("<eval>", &add(call("sum", Expr::Number(3)), Expr::Number(1)))?;
    println!("eval:     sum(3) + 1 = {}", machine.run(eval.get(), 0)?);
    drop(eval);
    assert_eq!(transients.stats().regions, 0);

    // Replace: the first call runs to its end in the code that it began with.
    println!("replaced: main(10) = {}, then {}", machine.call("main", 10)?, machine.call("main", 10)?);
    assert_eq!(transients.stats().regions, 1); // the new `scale`

    // Promote: calls of the new `scale` would write its count, and so would workers.
    let module = arena.load("promoted")?;
    let number = machine.numbers.borrow()["scale"];
    let scale = machine.functions.borrow()[number].get();
    println!("promoted: scale, which ran {} time(s)", counters.of(scale.get().runs)?[0].count());
    let stays = scale.promote(&module)?;
    drop(scale);
    module.seal()?;
    machine.define(CodeRef::new(stays));
    assert_eq!(transients.stats().regions, 0);

    fork(&arena, &machine)
}

/// Forks a worker that runs the code and asks the kernel what it copied.
#[cfg(target_os = "linux")]
fn fork(arena: &CodeArena, machine: &Machine<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let before = arena.stats();
    // SAFETY: there is one thread. The child runs what stands in its arm, and ends without a return.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error().into()),
        0 => {
            let right = machine.call("main", 10) == Ok(165);
            let clean = match arena.residency() {
                Ok(memory) => matches!(memory.copied(), (0, sealed) if sealed > 0) && memory.check_clean().is_ok(),
                Err(_) => false,
            };
            // SAFETY: ends the child at once; destructors and buffers are the parent's.
            unsafe { libc::_exit(if right && clean { 0 } else { 1 }) }
        }
        worker => {
            let mut status = 0;
            // SAFETY: a child of this process, and a place for its status.
            unsafe { libc::waitpid(worker, &mut status, 0) };
            assert_eq!(status, 0, "the worker copied code, or it computed something else");
            println!("worker:   main(10) = 165, 0 of {} code pages copied", before.pages);
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn fork(_: &CodeArena, machine: &Machine<'_>) -> Result<(), Box<dyn std::error::Error>> {
    println!("no worker: main(10) = {}", machine.call("main", 10)?);
    Ok(())
}
