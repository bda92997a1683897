//! An interpreter whose functions hold their code by [`CodeSlot`](permacode::CodeSlot), and the session of the proposal replayed on it.
//!
//! The language is a small Python: functions, closures, generators, comprehensions, `eval`, `f.__code__ = g.__code__`, `getrefcount`. What
//! matters here is who holds code, and how:
//!
//! ```text
//!   source ─ parser ─ compiler ─▶ tree ─ lower ─┬─▶ a sealed module      permanent: nobody counts, nobody writes
//!                                               └─▶ a region of a heap   transient: each handle counts
//!
//!   function { CodeSlot }   generator { CodeRef, frame }   frame { CodeRef, … }   value { CodeProxy }
//! ```
//!
//! There is one lowering function, and one machine. A function's slot says which code is called next; a frame has a handle of its own and
//! runs what it borrows from that, whatever happens to the slot; a generator has one, and so has its frame, until the generator is
//! exhausted; a program sees code through proxies only. Inner functions are parts of the same region, each with a count of its own.
//! What changes lies beside the code, never in it: constants that are objects, made when they are first used, and inline caches.
//!
//! # Inline caches
//!
//! An instruction that looks up a global variable or an attribute does so by name once, and has the answer from then on:
//!
//! ```text
//!   code      ops ┄ Global(0) ┄ Attribute(1) ┄     sites ──┐       sealed or counted, never written to
//!                          │            │                  │
//!   frame     caches ──────┼────────────┼──────────────────┤       found once, when the frame is made
//!                          ▼            ▼                  ▼
//!   side table     ┄┄┤ version ▸ slot │ class ▸ attribute │ ┄┄    the process's own
//! ```
//!
//! * Global variables have slots. A name's slot is good for one [`Version`](permacode::side::Version), which changes when a variable comes or
//!   goes; its value may change. Assignments find slots likewise.
//! * What an attribute's name stands for depends on the class of the object. Classes do not change in this language.
//! * A function that gets other code finds the caches of that; frames that run the old code keep theirs.
//! * Site numbers of transient code are used again, and cleared before.
//! * A machine made without a table looks every name up each time, and gives the same. All tests run both ways.
//!
//! Of the session's 81 look-ups of global variables caches answer 31: it is mostly programs of one line that run once. In a loop that goes
//! round `n` times an instruction misses once.
//!
//! # The numbers
//!
//! `getrefcount` reads counts; none is written down anywhere. Of a code object it reads how many handles there are, and permanent code has
//! no such number. For each count the output names the holders, found by a walk over everything that a program can reach; that they are as
//! many as were counted is checked.
//!
//! `f1(f1), f1(f2), f2(f1), f2(f2)` give 6, 4, 4, 6. What is counted there are *functions*, although the proposal's text above that line
//! speaks of their code: `grc(obj)` counts the object it is given, and that is `f1` or `f2`. Four references there are always: the global
//! variable, the caller's argument, the parameter, and the argument of `getrefcount`. A function that is also the one that is called is
//! held twice more: by the caller's stack, as the callee, and by the call itself. In CPython the latter is `call_function`, which counted
//! the callee for the time of the call up to 3.7, as the proposal's numbers show; 3.8 to 3.10 do not and print 5, 4, 4, 5. Here it is the
//! frame, which finds captured variables through its function. Functions are objects of the heap, so these numbers are the same for both
//! kinds of code. What the text says is true too, and shown by the four calls added below them: a call of a function whose code is
//! transient counts that code once more.
//!
//! # From outside
//!
//! Both sessions run in an [`Engine`](permacode::Engine), and then in a forked child, with caches on, after all code was made; then the parent looks at the child's page table. Permanent
//! code: no page copied. Transient code, as a control: its pages are copied, because the counts lie on them.
//!
//! ```text
//! cargo run --release -p permacode-mini-python
//! ```
//!
//! | | | proposal | transient | permanent |
//! | --- | --- | --- | --- | --- |
//! | `grc(f1.__code__), grc(f2.__code__)` | | (2, 2) | (2, 2) | (None, None) |
//! | `f1(f1), f1(f2), f2(f1), f2(f2)` | functions | (6, 4, 4, 6) | (6, 4, 4, 6) | (6, 4, 4, 6) |
//! | `g1(g1), g1(g2), g2(g1), g2(g2)` | their code | | (3, 2, 2, 3) | (None, None, None, None) |
//! | `grc(f1.__code__)` | a generator function | 2 | 2 | None |
//! | | ten generators made | 22 | 22 | None |
//! | | one item taken from each | 22 | 22 | None |
//! | | all exhausted | 12 | 12 | None |
//! | | all dropped | 2 | 2 | None |
//! | pages of code, copied by the child | | | 7 of 7 | 0 of 2 |
//!
//! # What it leaves out
//!
//! Objects that refer to each other in a circle stay until their heap goes, as in CPython without its collector.
#![forbid(unsafe_code)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

mod attributes;
mod builtins;
mod caches;
mod census;
mod code;
mod compiler;
mod constants;
mod dismantle;
mod error;
mod expression;
mod frame;
mod globals;
mod look;
mod lower;
mod machine;
mod names;
mod operators;
#[cfg(target_os = "linux")]
mod outside;
mod parser;
mod report;
mod session;
mod show;
mod step;
mod syntax;
mod token;
mod tree;
mod value;
mod world;

use session::Kind;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (transient, permanent) = (session::in_engine(Kind::Transient)?, session::in_engine(Kind::Permanent)?);
    print!("{}", report::transcript("With transient code: handles are counted.", &transient));
    print!("{}", report::transcript("With permanent code: nobody counts handles.", &permanent));
    #[cfg(target_os = "linux")]
    {
        let (in_child, in_next) = (outside::watch(Kind::Transient)?, outside::watch(Kind::Permanent)?);
        if in_child.outcomes != transient || in_next.outcomes != permanent {
            return Err("a forked child computed something else".into());
        }
        print!("{}", report::table(&in_child, &in_next));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
