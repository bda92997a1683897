//! The functions that are called, held in every way.

use crate::Outcome;
use crate::code::{Code, lower, result};
use crate::harness::Clock;
use crate::holders::{Asked, Atomic, Counted, Ranged, calls};
use permacode::handles::AtomicCodeSlot;
use permacode::{CodeArena, CodeRef, CodeSlot, Transients};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

/// Functions that are called in turn.
pub(crate) const FUNCTIONS: usize = 16;
/// Calls in one sample.
const CALLS: usize = 160_000;
/// Calls of each thread in one sample of two: few, so that it fits between other programs' turns.
pub(crate) const SHARED_CALLS: usize = 40_000;

pub(crate) const HOLDERS: [&str; 12] = [
    "`&T`",
    "`CodeRef`, permanent",
    "`CodeRef`, transient",
    "`CodeSlot`, permanent",
    "`CodeSlot`, transient",
    "`CodeSlot::permanent`, then run",
    "`AtomicCodeSlot`",
    "address range, permanent",
    "count in the object",
    "`Rc<T>`",
    "`Arc<T>`",
    "atomic count in the object",
];

/// Those that threads can share; the slot is each thread's own, on the same code.
pub(crate) const SHARED: [&str; 5] =
    ["`&T`", "`AtomicCodeSlot`", "`CodeSlot` of each thread, permanent", "`Arc<T>`", "atomic count in the object"];

/// The same functions, held in every way.
pub(crate) struct Functions<'a> {
    codes: Vec<&'a Code<'a>>,
    permanent: Vec<CodeRef<'a, Code<'a>>>,
    transient: Vec<CodeRef<'a, Code<'a>>>,
    slots: Vec<CodeSlot<'a, Code<'a>>>,
    transient_slots: Vec<CodeSlot<'a, Code<'a>>>,
    asked: Vec<Asked<'a>>,
    atomic_slots: Vec<AtomicCodeSlot<'a, Code<'a>>>,
    ranged: Vec<Ranged<'a>>,
    #[expect(clippy::vec_box, reason = "a function points to its code object")]
    counted: Vec<Box<Counted<'a>>>,
    rcs: Vec<Rc<Code<'a>>>,
    arcs: Vec<Arc<Code<'a>>>,
    #[expect(clippy::vec_box, reason = "a function points to its code object")]
    atomics: Vec<Box<Atomic<'a>>>,
}

impl<'a> Functions<'a> {
    pub(crate) fn new(arena: &'a CodeArena, transients: &'a Transients<'a>) -> Outcome<Self> {
        let loader = arena.load("functions")?;
        let codes = (0..FUNCTIONS as u64).map(|seed| lower(&loader, seed)).collect::<Result<Vec<_>, _>>()?;
        loader.seal()?;
        let transient = (0..FUNCTIONS as u64)
            .map(|seed| CodeRef::transient(transients, |loader| lower(loader, seed)))
            .collect::<Result<Vec<CodeRef<'a, Code<'a>>>, permacode::Error>>()?;
        Ok(Self {
            permanent: codes.iter().map(|&code| CodeRef::new(code)).collect(),
            slots: slots(&codes),
            transient_slots: transient.iter().cloned().map(CodeSlot::new).collect(),
            asked: slots(&codes).into_iter().map(Asked).collect(),
            atomic_slots: codes.iter().map(|&code| AtomicCodeSlot::new(code)).collect(),
            ranged: codes.iter().map(|&code| Ranged { arena, code: NonNull::from(code) }).collect(),
            counted: codes.iter().map(|code| Counted::new(code.header())).collect(),
            rcs: codes.iter().map(|code| Rc::new(code.header())).collect(),
            arcs: codes.iter().map(|code| Arc::new(code.header())).collect(),
            atomics: codes.iter().map(|code| Atomic::new(code.header())).collect(),
            transient,
            codes,
        })
    }

    /// Calls every function `rounds` times.
    pub(crate) fn call(&self, kind: usize, rounds: usize) -> Outcome<()> {
        let sum = match kind {
            0 => calls(&self.codes, rounds),
            1 => calls(&self.permanent, rounds),
            2 => calls(&self.transient, rounds),
            3 => calls(&self.slots, rounds),
            4 => calls(&self.transient_slots, rounds),
            5 => calls(&self.asked, rounds),
            6 => calls(&self.atomic_slots, rounds),
            7 => calls(&self.ranged, rounds),
            8 => calls(&self.counted, rounds),
            9 => calls(&self.rcs, rounds),
            10 => calls(&self.arcs, rounds),
            _ => calls(&self.atomics, rounds),
        };
        if sum == expected(FUNCTIONS, rounds) { Ok(()) } else { Err("a call returned something else".into()) }
    }

    /// A call's share of the processor time of many calls.
    pub(crate) fn sample(&self, kind: usize) -> Outcome<[f64; 1]> {
        // What the processor learned from the holder before is not the holder's.
        self.call(kind, CALLS / FUNCTIONS / 8)?;
        let clock = Clock::start();
        self.call(kind, CALLS / FUNCTIONS)?;
        Ok([clock.elapsed().as_nanos() as f64 / CALLS as f64])
    }
}

/// What threads share of them.
pub(crate) struct Shared<'a> {
    codes: Vec<&'a Code<'a>>,
    atomic_slots: Vec<AtomicCodeSlot<'a, Code<'a>>>,
    arcs: Vec<Arc<Code<'a>>>,
    #[expect(clippy::vec_box, reason = "a function points to its code object")]
    atomics: Vec<Box<Atomic<'a>>>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(functions: &Functions<'a>) -> Self {
        let codes = functions.codes.clone();
        Self {
            atomic_slots: codes.iter().map(|&code| AtomicCodeSlot::new(code)).collect(),
            arcs: codes.iter().map(|code| Arc::new(code.header())).collect(),
            atomics: codes.iter().map(|code| Atomic::new(code.header())).collect(),
            codes,
        }
    }

    /// Calls the first `count` functions, [`SHARED_CALLS`] calls in all.
    pub(crate) fn call(&self, kind: usize, count: usize) {
        let rounds = SHARED_CALLS / count;
        let codes = &self.codes[..count];
        let sum = match kind {
            0 => calls(codes, rounds),
            1 => calls(&self.atomic_slots[..count], rounds),
            2 => calls(&slots(codes), rounds),
            3 => calls(&self.arcs[..count], rounds),
            _ => calls(&self.atomics[..count], rounds),
        };
        assert_eq!(sum, expected(count, rounds));
    }
}

fn slots<'a>(codes: &[&'a Code<'a>]) -> Vec<CodeSlot<'a, Code<'a>>> {
    codes.iter().map(|&code| CodeSlot::new(CodeRef::new(code))).collect()
}

/// What the calls of the first `count` functions return, added up.
fn expected(count: usize, rounds: usize) -> u64 {
    (0..count as u64).map(result).fold(0, u64::wrapping_add).wrapping_mul(rounds as u64)
}
