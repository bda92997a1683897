//! Code as the machine reads it: blocks that refer to each other directly, in the arena or in a counted region.

use crate::error::VmError;
use permacode::{Permanent, Sites};

#[derive(Permanent)]
pub enum Const<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Text, which becomes an object of the heap when it is first used; the object is kept outside, by a site behind those of instructions.
    Text(&'a str, u16),
    Code(&'a Code<'a>),
}

#[derive(Permanent)]
pub struct Code<'a> {
    pub name: &'a str,
    pub params: u16,
    /// Local variables, parameters included.
    pub locals: u16,
    /// Variables of enclosing functions that it uses.
    pub captured: u16,
    pub generator: bool,
    /// Locals that inner functions use.
    pub cells: &'a [u16],
    pub ops: &'a [Op],
    pub consts: &'a [Const<'a>],
    pub names: &'a [&'a str],
    /// For each instruction with a cache, the name that it looks up. The instruction says its place here, which is also that of its cache.
    pub named: &'a [u16],
    /// Numbers for what changes and so lies elsewhere: a cache for each of `named`, then the objects of constants.
    pub sites: Sites,
}

impl<'a> Code<'a> {
    pub fn name(&self, number: u16) -> Result<&'a str, VmError> {
        self.names.get(usize::from(number)).copied().ok_or(VmError::Code)
    }

    /// The name that an instruction with a cache looks up.
    pub fn name_at(&self, site: u16) -> Result<&'a str, VmError> {
        self.named.get(usize::from(site)).ok_or(VmError::Code).and_then(|name| self.name(*name))
    }

    /// The functions that lie in this one.
    pub fn functions(&self) -> impl Iterator<Item = &'a Code<'a>> {
        self.consts.iter().filter_map(|constant| match constant {
            Const::Code(code) => Some(*code),
            _ => None,
        })
    }
}

/// An instruction, four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Permanent)]
pub enum Op {
    Const(u16),
    Local(u16),
    SetLocal(u16),
    DeleteLocal(u16),
    /// A local that inner functions use too.
    Cell(u16),
    SetCell(u16),
    /// A variable of an enclosing function.
    Captured(u16),
    SetCaptured(u16),
    /// The variable itself, for a function that is about to be made.
    ShareCell(u16),
    ShareCaptured(u16),
    /// A global variable, at a site.
    Global(u16),
    SetGlobal(u16),
    /// By the number of its name: it changes the version, so a cache would never hit.
    DeleteGlobal(u16),
    /// Makes a function of constant `code` and so many shared variables.
    Function {
        code: u16,
        captured: u8,
    },
    /// An attribute, at a site.
    Attribute(u16),
    SetAttribute(u16),
    Index,
    Binary(Operator),
    Not,
    Negative,
    Pop,
    Jump(u16),
    JumpIfFalse(u16),
    /// For `and` and `or`: the value stays if the jump is taken.
    JumpIfFalseOrPop(u16),
    JumpIfTrueOrPop(u16),
    List(u16),
    Tuple(u16),
    /// One more item of the list in a local.
    Append(u16),
    Iterate,
    /// The next item of the iterator on the stack; without one, pops the iterator and jumps.
    For(u16),
    Call(u16),
    Return,
    Yield,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Permanent)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Is,
    IsNot,
}

const _: () = assert!(size_of::<Op>() == 4);
