//! The proposal's session: what was typed, what it printed, and what it prints here.

use crate::code::Code;
use crate::compiler::compile;
use crate::error::VmError;
use crate::machine::Vm;
use crate::show::Shown;
use crate::tree;
use crate::world::World;
use permacode::{CodeRef, DualArena, Engine};

/// One line of the session.
pub struct Step {
    pub source: &'static str,
    /// What happened before, or what is counted, where the line alone does not say it.
    pub when: &'static str,
    pub proposal: Expected,
}

/// What the proposal says of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Value(&'static str),
    /// It prints nothing.
    Nothing,
    /// The step is not the proposal's.
    Added,
}

/// What a step gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub value: String,
    /// For each count that the step read, who was found to hold what it counts.
    pub holders: Vec<String>,
}

const fn step(source: &'static str, proposal: Expected) -> Step {
    Step { source, when: "", proposal }
}

const fn count(when: &'static str, proposal: &'static str) -> Step {
    Step { source: "grc(f1.__code__)", when, proposal: Expected::Value(proposal) }
}

use Expected::{Added, Nothing, Value as Gave};

/// In the order of the proposal; `grc` is `sys.getrefcount`.
pub const STEPS: [Step; 19] = [
    step("grc = getrefcount", Nothing),
    step("def f1(obj): return grc(obj)", Nothing),
    step("def f2(obj): return grc(obj)", Nothing),
    step("f1.__code__ is f2.__code__", Gave("False")),
    step("grc(f1.__code__), grc(f2.__code__)", Gave("(2, 2)")),
    Step { source: "f1(f1), f1(f2), f2(f1), f2(f2)", when: "counts functions", proposal: Gave("(6, 4, 4, 6)") },
    // The calls above count functions. These count their code, of which the proposal's text speaks.
    step("def g1(obj): return grc(obj.__code__)", Nothing),
    step("def g2(obj): return grc(obj.__code__)", Nothing),
    Step { source: "g1(g1), g1(g2), g2(g1), g2(g2)", when: "counts their code", proposal: Added },
    step("def f1(): yield True", Nothing),
    count("a generator function", "2"),
    step("iterables = [f1() for i in range(10)]", Nothing),
    count("ten generators made", "22"),
    step("[next(i) for i in iterables]", Gave("[True, True, True, True, True, True, True, True, True, True]")),
    count("one item taken from each", "22"),
    step(
        "[next(i, False) for i in iterables]",
        Gave("[False, False, False, False, False, False, False, False, False, False]"),
    ),
    count("all exhausted", "12"),
    step("del iterables", Nothing),
    count("all dropped", "2"),
];

/// The kind of the session's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transient,
    Permanent,
}

/// Each step is a program of its own, as at a prompt.
pub fn compiled() -> Result<Vec<tree::Code>, VmError> {
    STEPS.iter().map(|step| compile("<session>", step.source)).collect()
}

/// The steps' code. Permanent code is one sealed module.
pub fn programs<'a>(kind: Kind, world: &mut World<'a>) -> Result<Vec<CodeRef<'a, Code<'a>>>, VmError> {
    let trees = compiled()?;
    match kind {
        Kind::Permanent => world.permanent("session", &trees),
        Kind::Transient => trees.iter().map(|tree| world.transient(tree)).collect(),
    }
}

/// Runs the session in an engine of its own, and drops that: only the outcomes are left.
pub fn in_engine(kind: Kind) -> Result<Vec<Outcome>, VmError> {
    let mut engine = Engine::<Vm<'_>>::new(DualArena::new()?, |arenas| Vm::new(arenas))?;
    engine.enter(|vm| {
        let programs = programs(kind, &mut vm.world)?;
        replay(vm, programs)
    })
}

/// Runs the steps. Each program's code is let go when it has run, as at a prompt.
///
/// It is an error if a count is not that of the holders that are found.
pub fn replay<'a>(vm: &mut Vm<'a>, programs: Vec<CodeRef<'a, Code<'a>>>) -> Result<Vec<Outcome>, VmError> {
    let mut outcomes = Vec::new();
    for program in programs {
        vm.censuses = Some(Vec::new());
        let value = vm.run(program)?;
        let censuses = vm.censuses.take().unwrap_or_default();
        if !censuses.iter().all(|census| census.is_complete()) {
            return Err(VmError::Value("a count is not that of the holders"));
        }
        outcomes.push(Outcome {
            value: Shown(&value).to_string(),
            holders: censuses.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(outcomes)
}
