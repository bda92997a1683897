//! From a tree to drafts: `try`, and all that runs a `finally` on its way out.
//!
//! A `finally` block is compiled once. What brought the machine there is noted in two variables: a number, and a value.
//!
//! ```text
//!   number   0 the end of the block   1 an exception   2, 3, ..   a return, break or continue
//!   value                             the exception               what is returned
//! ```

use crate::code::Guard;
use crate::compiler::Compiler;
use crate::op::Op;
use crate::syntax_error::SyntaxError;
use crate::tree::{Binary, Catch, Try};

/// A way out of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Return,
    Break,
    Continue,
}

/// A `finally` block around what is being compiled.
pub(crate) struct Finally {
    /// The variable of the number; that of the value is the next one.
    number: u16,
    /// The ways out that lead through it.
    exits: Vec<Exit>,
    /// Jumps to its beginning.
    jumps: Vec<usize>,
}

impl<'t> Compiler<'t> {
    /// Leaves by the next `finally` block, if there is one on the way. The value of a return is on the stack.
    pub(crate) fn exit(&mut self, line: u32, exit: Exit) {
        let state = self.state();
        let outside = match exit {
            Exit::Return => 0,
            Exit::Break | Exit::Continue => state.loops.last().map_or(0, |around| around.finals),
        };
        if state.finals.len() > outside {
            return self.exit_by_finally(line, exit);
        }
        match exit {
            Exit::Return => {
                self.emit(line, Op::Return);
            }
            Exit::Break => {
                let jump = self.emit(line, Op::Jump { to: 0 });
                self.state().loops.last_mut().expect("checked by the caller").breaks.push(jump);
            }
            Exit::Continue => {
                let top = self.state().loops.last().expect("checked by the caller").top;
                self.emit(line, Op::Loop { to: top as u32 });
            }
        }
    }

    fn exit_by_finally(&mut self, line: u32, exit: Exit) {
        let finally = self.state().finals.last_mut().expect("there is one on the way");
        let number = finally.number;
        let known = finally.exits.iter().position(|known| *known == exit);
        let way = known.unwrap_or_else(|| {
            finally.exits.push(exit);
            finally.exits.len() - 1
        });
        if exit == Exit::Return {
            self.emit(line, Op::SetLocal(number + 1));
        }
        self.emit(line, Op::Int(way as i32 + 2));
        self.emit(line, Op::SetLocal(number));
        let jump = self.emit(line, Op::Jump { to: 0 });
        self.state().finals.last_mut().expect("as above").jumps.push(jump);
    }

    pub(crate) fn try_statement(&mut self, line: u32, tree: &'t Try) -> Result<(), SyntaxError> {
        let Some(block) = &tree.finally else { return self.try_catch(line, tree) };
        self.scope(|compiler| {
            let (number, value) = (compiler.new_local(line, "")?, compiler.new_local(line, "")?);
            compiler.state().finals.push(Finally { number, exits: Vec::new(), jumps: Vec::new() });
            let from = compiler.here();
            compiler.try_catch(line, tree)?;
            compiler.emit(line, Op::Int(0));
            compiler.emit(line, Op::SetLocal(number));
            let end = compiler.emit(line, Op::Jump { to: 0 });
            let finally = compiler.state().finals.pop().expect("pushed above");
            compiler.guard(from);
            compiler.emit(line, Op::SetLocal(value)); // the exception
            compiler.emit(line, Op::Int(1));
            compiler.emit(line, Op::SetLocal(number));
            compiler.land(end);
            finally.jumps.iter().for_each(|jump| compiler.land(*jump));
            compiler.block(block)?;
            compiler.if_number(line, number, 1, |compiler| {
                compiler.emit(line, Op::Local(value));
                compiler.emit(line, Op::Rethrow);
            });
            for (way, exit) in finally.exits.iter().enumerate() {
                compiler.if_number(line, number, way as i32 + 2, |compiler| {
                    if *exit == Exit::Return {
                        compiler.emit(line, Op::Local(value));
                    }
                    compiler.exit(line, *exit);
                });
            }
            Ok(())
        })
    }

    fn if_number(&mut self, line: u32, variable: u16, number: i32, then: impl FnOnce(&mut Self)) {
        self.emit(line, Op::Local(variable));
        self.emit(line, Op::Int(number));
        self.emit(line, Op::Binary(Binary::Equal));
        let unless = self.emit(line, Op::JumpIfFalse { to: 0 });
        then(self);
        self.land(unless);
    }

    /// Lets exceptions of what was compiled since then come to here.
    fn guard(&mut self, from: usize) {
        let to = self.here() as u32;
        self.state().draft.guards.push(Guard { from: from as u32, to, target: to });
    }

    fn try_catch(&mut self, line: u32, tree: &'t Try) -> Result<(), SyntaxError> {
        let from = self.here();
        self.block(&tree.body)?;
        if tree.catches.is_empty() {
            return Ok(());
        }
        let mut ends = vec![self.emit(line, Op::Jump { to: 0 })];
        self.guard(from);
        self.scope(|compiler| {
            let caught = compiler.new_local(line, "")?;
            compiler.emit(line, Op::SetLocal(caught));
            for clause in &tree.catches {
                compiler.catch(caught, clause, &mut ends)?;
            }
            compiler.emit(line, Op::Local(caught));
            compiler.emit(line, Op::Rethrow);
            Ok(())
        })?;
        ends.into_iter().for_each(|end| self.land(end));
        Ok(())
    }

    fn catch(&mut self, caught: u16, clause: &'t Catch, ends: &mut Vec<usize>) -> Result<(), SyntaxError> {
        let line = clause.line;
        let unless = match &clause.class {
            Some(class) => {
                self.emit(line, Op::Local(caught));
                self.expr(class)?;
                self.emit(line, Op::IsA);
                Some(self.emit(line, Op::JumpIfFalse { to: 0 }))
            }
            None => None,
        };
        self.scope(|compiler| {
            compiler.emit(line, Op::Local(caught));
            compiler.define(line, &clause.name)?;
            compiler.block(&clause.body)
        })?;
        ends.push(self.emit(line, Op::Jump { to: 0 }));
        unless.into_iter().for_each(|jump| self.land(jump));
        Ok(())
    }
}
