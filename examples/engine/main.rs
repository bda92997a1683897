//! An interpreter as one value: `cargo run --example engine`.
//!
//! A session is an engine: two arenas, and a machine that borrows them. It is made in one function, stored in a vector, and moved into another
//! function. The machine evaluates text, so its code is transient. Its values lie in the heap, and a collector frees them. Each call
//! remembers in a side table the function that it found.
//!
//! ```text
//!   Engine │ Vm { functions, stack, frames } ──▶ heap: pairs, functions ──▶ transient code ─ sites ─┐
//!          │  ├──▶ Transients ─▶ closure ─▶ SideTable ◀────────────────────────────────────────────────┘
//!          │ home ─▶ DualArena { code: the prelude, sealed; and what the machine keeps │ heap }
//! ```
//!
//! The language has numbers, words and definitions: `: double dup + ; 21 double`. A word with a question mark before it is called if the
//! number on top is above zero.

use permacode::kit::{Collect, Machine, Pacer};
use permacode::{
    CodeRef, DualArena, Engine, Error, Gc, HeapArena, Loader, Permanent, SideTable, Sites, Transients,
    stats::TransientStats,
};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

// ── code ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Clone, Copy, Permanent)]
enum Op {
    Number(i64),
    Add,
    Duplicate,
    Pair,
    /// The sum of a list.
    Sum,
    Call(u16),
    CallIfPositive(u16),
}

#[derive(Permanent)]
struct Code<'a> {
    ops: &'a [Op],
    /// The words that it calls, and as many sites.
    names: &'a [&'a str],
    found: Sites,
}

/// What the compiler makes of some text: a mistake up to here costs no arena memory.
#[derive(Default)]
struct Draft<'t> {
    ops: Vec<Op>,
    names: Vec<&'t str>,
}

impl<'t> Draft<'t> {
    fn word(&mut self, word: &'t str) {
        let op = match word {
            "+" => Op::Add,
            "dup" => Op::Duplicate,
            "pair" => Op::Pair,
            "sum" => Op::Sum,
            _ => match (word.parse(), word.strip_prefix('?')) {
                (Ok(number), _) => Op::Number(number),
                (_, Some(name)) => Op::CallIfPositive(self.name(name)),
                _ => Op::Call(self.name(word)),
            },
        };
        self.ops.push(op);
    }

    fn name(&mut self, name: &'t str) -> u16 {
        self.names.push(name);
        (self.names.len() - 1) as u16
    }
}

/// Copies a draft into a module, or into the memory of an evaluation: the loader knows which.
fn lower<'x>(loader: &Loader<'x>, draft: &Draft<'_>) -> Result<&'x Code<'x>, Error> {
    loader.alloc(Code {
        ops: loader.alloc_slice_copy(&draft.ops)?,
        names: loader.alloc_slice_try_fill_with(draft.names.len(), |at| loader.intern(draft.names[at]))?,
        found: loader.sites(draft.names.len())?,
    })
}

// ── the machine ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Clone, Copy, Collect)]
enum Value<'a> {
    Number(i64),
    Pair(Gc<'a, (Value<'a>, Value<'a>)>),
}

#[derive(Collect)]
struct Function<'a> {
    code: CodeRef<'a, Code<'a>>,
}

/// The function that a call found last.
type Found<'a> = SideTable<'a, Cell<Option<Gc<'a, Function<'a>>>>>;

/// A mistake in a script, or a refusal.
#[derive(Debug, PartialEq)]
enum Trouble {
    Unknown(String),
    Unfinished,
    TooLong,
    TooDeep,
    Empty,
    NoNumber,
    Refused(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Calls within each other, at most.
const DEEPEST: usize = 500;
/// Words of a text, at most.
const LONGEST: usize = 10_000;

/// The machine. Nothing in it needs a variable outside: what it borrows lies in the arenas.
struct Vm<'a> {
    arenas: &'a DualArena,
    transients: &'a Transients<'a>,
    found: &'a Found<'a>,
    functions: HashMap<String, Gc<'a, Function<'a>>>,
    stack: Vec<Value<'a>>,
    /// The code that runs, so that a collection finds it.
    frames: Vec<CodeRef<'a, Code<'a>>>,
    pacer: Pacer,
}

impl Machine for Vm<'_> {
    type At<'a> = Vm<'a>;
}

impl<'a> Vm<'a> {
    /// The one constructor, whether the arenas are a local variable's, an engine's, or the process's.
    fn new(arenas: &'a DualArena, prelude: &str) -> Result<Self, Trouble> {
        let found = Found::new(&arenas.code)?.keep()?;
        let forget =
            arenas.code.keep(move |sites: Sites| found.present(sites).iter().for_each(|found| found.set(None)))?;
        let transients = Transients::new(&arenas.code, &arenas.heap).clearing(forget).keep()?;
        let pacer = Pacer::new().floor(256 << 10);
        let mut vm =
            Self { arenas, transients, found, functions: HashMap::new(), stack: Vec::new(), frames: Vec::new(), pacer };
        // The prelude is there for good, so it is permanent: the same lowering, another loader.
        let module = arenas.code.load("prelude")?;
        vm.define_all(prelude, |draft| Ok(CodeRef::new(lower(&module, draft)?)))?;
        module.seal()?;
        Ok(vm)
    }

    fn heap(&self) -> &'a HeapArena {
        &self.arenas.heap
    }

    /// Takes the definitions of some text, and returns the rest of it.
    fn define_all<'t>(
        &mut self,
        text: &'t str,
        make: impl Fn(&Draft<'_>) -> Result<CodeRef<'a, Code<'a>>, Error>,
    ) -> Result<Draft<'t>, Trouble> {
        let (mut rest, mut words, mut count) = (Draft::default(), text.split_whitespace(), 0);
        let mut next = || {
            count += 1;
            if count > LONGEST { Err(Trouble::TooLong) } else { Ok(words.next()) }
        };
        while let Some(word) = next()? {
            if word != ":" {
                rest.word(word);
                continue;
            }
            let (name, mut body) = (next()?.ok_or(Trouble::Unfinished)?, Draft::default());
            loop {
                match next()?.ok_or(Trouble::Unfinished)? {
                    ";" => break,
                    word => body.word(word),
                }
            }
            let function = Gc::new(self.heap(), Function { code: make(&body)? })?;
            self.functions.insert(name.to_owned(), function);
            self.forget_found(); // calls that found another function look again
        }
        Ok(rest)
    }

    /// Evaluates some text, and returns the number on top of the stack.
    fn eval(&mut self, text: &str) -> Result<i64, Trouble> {
        let outcome = self.run_text(text);
        self.stack.clear();
        self.frames.clear();
        outcome
    }

    fn run_text(&mut self, text: &str) -> Result<i64, Trouble> {
        let transients = self.transients;
        let make = |draft: &Draft<'_>| CodeRef::transient(transients, |loader| lower(loader, draft));
        let rest = self.define_all(text, make)?;
        self.run(make(&rest)?)?;
        match self.stack.last() {
            None => Ok(0),
            Some(Value::Number(number)) => Ok(*number),
            Some(Value::Pair(_)) => Err(Trouble::NoNumber),
        }
    }

    fn run(&mut self, code: CodeRef<'a, Code<'a>>) -> Result<(), Trouble> {
        if self.frames.len() == DEEPEST {
            return Err(Trouble::TooDeep);
        }
        self.frames.push(code.clone());
        for op in code.get().ops {
            match *op {
                Op::Number(number) => self.stack.push(Value::Number(number)),
                Op::Add => {
                    let sum = self.number()?.wrapping_add(self.number()?);
                    self.stack.push(Value::Number(sum));
                }
                Op::Duplicate => self.stack.push(*self.stack.last().ok_or(Trouble::Empty)?),
                Op::Pair => {
                    self.safepoint()?; // both values are still on the stack
                    let (tail, head) = (self.pop()?, self.pop()?);
                    self.stack.push(Value::Pair(Gc::new(self.heap(), (head, tail))?));
                }
                Op::Sum => {
                    let (mut sum, mut list) = (0_i64, self.pop()?);
                    while let Value::Pair(pair) = list {
                        let Value::Number(number) = pair.0 else { return Err(Trouble::NoNumber) };
                        (sum, list) = (sum.wrapping_add(number), pair.1);
                    }
                    self.stack.push(Value::Number(sum));
                }
                Op::Call(at) => self.call(code.get(), at)?,
                Op::CallIfPositive(at) => {
                    if self.number()? > 0 {
                        self.call(code.get(), at)?;
                    }
                }
            }
        }
        self.frames.pop();
        Ok(())
    }

    fn call(&mut self, code: &Code<'_>, at: u16) -> Result<(), Trouble> {
        let (at, table) = (usize::from(at), self.found);
        let found = &table.of(code.found)?[at];
        if found.get().is_none() {
            let name = code.names[at];
            found.set(Some(*self.functions.get(name).ok_or_else(|| Trouble::Unknown(name.to_owned()))?));
        }
        match found.get() {
            Some(function) => self.run(function.code.clone()),
            None => Ok(()),
        }
    }

    fn pop(&mut self) -> Result<Value<'a>, Trouble> {
        self.stack.pop().ok_or(Trouble::Empty)
    }

    fn number(&mut self) -> Result<i64, Trouble> {
        match self.pop()? {
            Value::Number(number) => Ok(number),
            Value::Pair(_) => Err(Trouble::NoNumber),
        }
    }

    /// Collects if it is due, where every value that is needed is on the stack.
    fn safepoint(&mut self) -> Result<(), Error> {
        if self.pacer.is_due(self.heap()) {
            self.collect()?;
        }
        Ok(())
    }

    /// Frees what neither the stack nor a word leads to. What calls found is looked up again, else a function that calls itself would stay.
    fn collect(&mut self) -> Result<(), Error> {
        self.forget_found();
        // SAFETY:
        // 1. Values are on the stack, in functions and in objects. Code that runs is in `frames`. The table is empty. No method that
        //    collects holds another value.
        // 2. The closure only traces.
        // 3. The machine's transients are the only ones of its heap.
        let swept = unsafe {
            self.transients.collect(|marker| {
                marker.trace(&self.stack[..]);
                marker.trace_all(self.functions.values());
                marker.trace(&self.frames[..]);
            })
        };
        self.pacer.collected(self.heap());
        swept.map(drop)
    }

    fn forget_found(&self) {
        self.found.walk(|found| found.get().is_some()).for_each(|(_, found)| found.set(None));
    }

    fn stats(&self) -> TransientStats {
        self.transients.stats()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "no word {name}: define it by `: {name} .. ;`"),
            Self::Unfinished => f.write_str("a definition without an end: write `;`"),
            Self::TooLong => write!(f, "more than {LONGEST} words"),
            Self::TooDeep => write!(f, "more than {DEEPEST} calls within each other"),
            Self::Empty => f.write_str("too few values on the stack"),
            Self::NoNumber => f.write_str("a list where a number should be"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Trouble {}

// ── the host ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// An interpreter that its host can do with what it does with any other value. No lifetime.
type Session = Engine<Vm<'static>>;

const PRELUDE: &str = "
    : double dup + ;
    : list dup -1 + dup ?list pair ;
    : triangle list sum ;
";

fn start() -> Result<Session, Trouble> {
    Session::new(DualArena::new()?, |arenas| Vm::new(arenas, PRELUDE))
}

/// Takes a session by value, and gives it back.
fn serve(mut session: Session, texts: &[&str]) -> Session {
    for text in texts {
        match session.enter(|vm| vm.eval(text)) {
            Ok(number) => println!("  {text} → {number}"),
            Err(trouble) => println!("  {text} → error: {trouble}"),
        }
    }
    session
}

fn main() -> Result<(), Trouble> {
    let mut sessions: Vec<Session> = Vec::new();
    for _ in 0..3 {
        sessions.push(start()?); // the vector grows, and moves them
    }
    println!("each session has words of its own:");
    let first =
        serve(sessions.remove(0), &["21 double", ": double dup dup + + ; 21 double", "100 triangle", "9 halve"]);
    sessions.push(serve(first, &["14 double"]));
    sessions = sessions.into_iter().map(|session| serve(session, &["14 double"])).collect();

    let mut busy = sessions.swap_remove(2);
    for number in 0..100_000 {
        let text = format!(": last {number} ; last 3 list sum +");
        assert_eq!(busy.enter(|vm| vm.eval(&text))?, number + 6);
    }
    busy.enter(|vm| vm.collect())?;
    let (stats, live) = (busy.enter(|vm| vm.stats()), busy.arenas().heap.stats().live);
    let sites = stats.sites - stats.free_sites;
    println!(
        "100,000 evaluations: {} code objects, {sites} site numbers and {live} bytes of the heap are in use",
        stats.regions
    );
    Ok(()) // sessions end here, each with its arenas
}

#[cfg(test)]
mod tests;
