//! Code: what the machine executes. It lies in the code arena, or in a region of the heap if it was evaluated, and never changes.

use crate::op::Op;
use permacode::{Permanent, Sites};

/// A function, a method, or the body of a module.
#[derive(Permanent)]
pub(crate) struct Code<'a> {
    pub(crate) name: &'a str,
    pub(crate) module: &'a str,
    pub(crate) ops: &'a [Op],
    pub(crate) numbers: &'a [Number],
    pub(crate) texts: &'a [&'a str],
    /// The names of globals, attributes and modules.
    pub(crate) names: &'a [&'a str],
    /// The functions within.
    pub(crate) inner: &'a [&'a Code<'a>],
    pub(crate) captures: &'a [Capture],
    /// Innermost first.
    pub(crate) guards: &'a [Guard],
    pub(crate) lines: &'a [Line],
    pub(crate) parameters: u8,
    /// Variables, `this` and parameters included.
    pub(crate) locals: u16,
    pub(crate) generator: bool,
    /// An inline cache for each operation that has one.
    pub(crate) caches: Sites,
    /// An object for each text.
    pub(crate) strings: Sites,
}

impl Code<'_> {
    /// The line of an operation.
    pub(crate) fn line(&self, op: usize) -> u32 {
        let behind = self.lines.partition_point(|line| line.from as usize <= op);
        behind.checked_sub(1).map_or(0, |at| self.lines[at].line)
    }

    /// The place that an exception of this operation goes to.
    pub(crate) fn guard(&self, op: usize) -> Option<usize> {
        let guard = self.guards.iter().find(|guard| (guard.from..guard.to).contains(&(op as u32)))?;
        Some(guard.target as usize)
    }
}

/// A number that does not fit an operation.
#[derive(Clone, Copy, Debug, PartialEq, Permanent)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

/// A variable of the function around that a function uses.
#[derive(Clone, Copy, Debug, PartialEq, Permanent)]
pub(crate) enum Capture {
    /// A boxed variable of the function around.
    Local(u16),
    /// A variable that the function around captured itself.
    Captured(u16),
}

/// Operations whose exceptions are caught.
#[derive(Clone, Copy, Debug, Permanent)]
pub(crate) struct Guard {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) target: u32,
}

/// From this operation on, code comes from this line.
#[derive(Clone, Copy, Debug, Permanent)]
pub(crate) struct Line {
    pub(crate) from: u32,
    pub(crate) line: u32,
}
