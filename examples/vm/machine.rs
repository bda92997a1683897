//! The machine: it reads code through plain references and writes none of it.

use crate::code::{Code, Const, Op};
use crate::lower::lower;
use crate::tree;
use permacode::kit::Machine;
use permacode::{CodeArena, DualArena};

#[derive(Debug)]
pub enum VmError {
    Syntax(String),
    Arena(permacode::Error),
    /// The call stack is too deep, or an operation overflows.
    Run(&'static str),
}

impl std::fmt::Display for VmError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(message) => write!(f, "syntax: {message}"),
            Self::Arena(error) => write!(f, "arena: {error}"),
            Self::Run(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for VmError {}

impl From<permacode::Error> for VmError {
    fn from(error: permacode::Error) -> Self {
        Self::Arena(error)
    }
}

/// An interpreter: one lifetime for everything.
#[derive(Clone, Copy)]
pub struct Vm<'a> {
    code: &'a CodeArena,
}

/// What a call gave, and how often each call site was passed.
#[derive(Debug)]
pub struct Outcome {
    pub value: i64,
    pub calls: u64,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} after {} calls", self.value, self.calls)
    }
}

impl<'a> Vm<'a> {
    pub fn new(code: &'a CodeArena) -> Self {
        Self { code }
    }

    /// Loads a module and seals it.
    pub fn import(&self, name: &str, tree: &tree::Code) -> Result<&'a Code<'a>, VmError> {
        let loader = self.code.load(name)?;
        let code = lower(&loader, tree)?;
        loader.seal()?;
        Ok(code)
    }

    /// Calls a function of one parameter.
    pub fn call(&self, code: &'a Code<'a>, argument: i64) -> Result<Outcome, VmError> {
        let mut run = Run { stack: vec![argument], counts: vec![0; self.code.stats().sites], depth: 0 };
        let value = run.call(code)?;
        Ok(Outcome { value, calls: run.counts.iter().sum() })
    }
}

/// All that changes while code runs: one for each thread that runs it.
struct Run {
    stack: Vec<i64>,
    /// The side table: a counter for each site of the arena.
    counts: Vec<u64>,
    depth: usize,
}

impl Run {
    /// Calls `code`, whose arguments are on the stack, and takes them from it.
    fn call<'a>(&mut self, code: &'a Code<'a>) -> Result<i64, VmError> {
        let base = self.stack.len().checked_sub(code.params.into()).ok_or(VmError::Run("too few arguments"))?;
        self.depth += 1;
        if self.depth > 500 {
            return Err(VmError::Run("the call stack is too deep"));
        }
        let result = self.run(code, base);
        self.depth -= 1;
        self.stack.truncate(base);
        result
    }

    fn run<'a>(&mut self, code: &'a Code<'a>, base: usize) -> Result<i64, VmError> {
        let mut ops = code.ops.iter().copied();
        loop {
            let op = ops.next().and_then(Op::decode).ok_or(VmError::Run("no such instruction"))?;
            let mut operand = || ops.next().map(usize::from).ok_or(VmError::Run("no operand"));
            match op {
                Op::Const => match code.consts[operand()?] {
                    Const::Int(int) => self.stack.push(int),
                    Const::Code(_) => return Err(VmError::Run("a function is no value")),
                },
                Op::Local => self.stack.push(self.stack[base + operand()?]),
                Op::Add => self.binary(i64::checked_add)?,
                Op::Subtract => self.binary(i64::checked_sub)?,
                Op::Less => self.binary(|a, b| Some(i64::from(a < b)))?,
                Op::Jump => skip(&mut ops)?,
                Op::JumpIfZero if self.pop()? == 0 => skip(&mut ops)?,
                Op::JumpIfZero => _ = operand()?,
                Op::CallConst | Op::CallSelf | Op::CallParent => {
                    let (constant, site) = (operand()?, operand()?);
                    let callee = match (op, code.consts.get(constant)) {
                        (Op::CallConst, Some(Const::Code(callee))) => *callee,
                        (Op::CallParent, _) => code.parent.get().ok_or(VmError::Run("no parent"))?,
                        _ => code,
                    };
                    self.counts[code.sites.range().start + site] += 1;
                    let value = self.call(callee)?;
                    self.stack.push(value);
                }
                Op::Return => return self.pop(),
            }
        }
    }

    fn pop(&mut self) -> Result<i64, VmError> {
        self.stack.pop().ok_or(VmError::Run("the stack is empty"))
    }

    fn binary(&mut self, operation: impl FnOnce(i64, i64) -> Option<i64>) -> Result<(), VmError> {
        let (b, a) = (self.pop()?, self.pop()?);
        self.stack.push(operation(a, b).ok_or(VmError::Run("overflow"))?);
        Ok(())
    }
}

/// Reads an operand and skips as many bytes.
fn skip(ops: &mut impl Iterator<Item = u8>) -> Result<(), VmError> {
    let length = ops.next().ok_or(VmError::Run("no operand"))?;
    ops.take(length.into()).for_each(drop);
    Ok(())
}

/// A machine with its program. It borrows the arena.
pub struct Program<'a> {
    vm: Vm<'a>,
    main: &'a Code<'a>,
}

impl Machine for Program<'_> {
    type At<'a> = Program<'a>;
}

/// An interpreter that owns its arena: a value like any other, to be moved, stored and dropped. Its heap is not used.
pub type Engine = permacode::Engine<Program<'static>>;

/// Makes an arena, and loads and seals a program in it.
pub fn start(tree: &tree::Code) -> Result<Engine, VmError> {
    Engine::new(DualArena::new()?, |arenas| {
        let vm = Vm::new(&arenas.code);
        Ok(Program { vm, main: vm.import("main", tree)? })
    })
}

impl Program<'_> {
    /// Calls the program.
    pub fn call(&self, argument: i64) -> Result<Outcome, VmError> {
        self.vm.call(self.main, argument)
    }
}
