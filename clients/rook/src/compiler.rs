//! From a tree to drafts: functions and variables. `statements.rs`, `try_statement.rs` and `expressions.rs` have the rest.
//!
//! A variable that a function within mentions lies in a box, which both hold. All others lie in the frame. At the outermost level of a
//! module variables are its globals.

use crate::code::Capture;
use crate::draft::Draft;
use crate::op::Op;
use crate::syntax_error::SyntaxError;
use crate::tree::{Function, StatementKind};
use crate::try_statement::Finally;
use std::collections::HashSet;

/// The most variables that a function may have at once.
const MOST_LOCALS: u16 = 250;

/// Compiles the body of a module.
pub(crate) fn compile_module(tree: &Function) -> Result<Draft, SyntaxError> {
    Compiler { functions: Vec::new() }.function(tree, Role::Module)
}

/// Compiles the text of an `eval`: its value is that of its last expression.
pub(crate) fn compile_eval(tree: &Function) -> Result<Draft, SyntaxError> {
    Compiler { functions: Vec::new() }.function(tree, Role::Eval)
}

/// The kind of a function, for its `return`s and its variables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Module,
    Eval,
    Function,
    Method,
    /// It returns `this`.
    Init,
}

pub(crate) struct Compiler<'t> {
    /// The functions that are being compiled, innermost last.
    functions: Vec<State<'t>>,
}

/// A function that is being compiled.
pub(crate) struct State<'t> {
    pub(crate) draft: Draft,
    pub(crate) role: Role,
    mentioned: &'t HashSet<String>,
    locals: Vec<Local>,
    captured: Vec<String>,
    scopes: usize,
    pub(crate) loops: Vec<Loop>,
    /// The `finally` blocks that a jump out of here has to run.
    pub(crate) finals: Vec<Finally>,
}

struct Local {
    name: String,
    boxed: bool,
    scope: usize,
}

/// A loop around.
pub(crate) struct Loop {
    pub(crate) top: usize,
    pub(crate) breaks: Vec<usize>,
    /// The count of `finally` blocks that were open where it began.
    pub(crate) finals: usize,
}

/// The place of a variable.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Local(u16),
    Boxed(u16),
    Captured(u16),
    Global,
}

impl<'t> Compiler<'t> {
    pub(crate) fn state(&mut self) -> &mut State<'t> {
        self.functions.last_mut().expect("a function is being compiled")
    }

    pub(crate) fn emit(&mut self, line: u32, op: Op) -> usize {
        self.state().draft.emit(line, op)
    }

    pub(crate) fn land(&mut self, jump: usize) {
        self.state().draft.land(jump);
    }

    pub(crate) fn here(&mut self) -> usize {
        self.state().draft.ops.len()
    }

    /// Compiles a function.
    pub(crate) fn function(&mut self, tree: &'t Function, role: Role) -> Result<Draft, SyntaxError> {
        let line = tree.line;
        let draft = Draft { name: tree.name.clone(), generator: tree.generator, ..Draft::default() };
        let (mentioned, scopes) = (&tree.mentioned, usize::from(!matches!(role, Role::Module | Role::Eval)));
        let (locals, captured, loops, finals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.functions.push(State { draft, role, mentioned, locals, captured, scopes, loops, finals });
        let this = if matches!(role, Role::Method | Role::Init) { "this" } else { "" };
        self.parameter(line, this)?;
        for parameter in &tree.parameters {
            self.parameter(line, parameter)?;
        }
        self.state().draft.parameters =
            u8::try_from(tree.parameters.len()).map_err(|_| SyntaxError::new(line, "more than 255 parameters"))?;
        let (last, end) = match tree.body.statements.split_last() {
            Some((last, rest)) => {
                self.statements(rest)?;
                (Some(last), last.line)
            }
            None => (None, line),
        };
        match last.map(|last| &last.kind) {
            Some(StatementKind::Expr(value)) if role == Role::Eval => self.expr(value)?,
            _ => {
                last.map_or(Ok(()), |last| self.statement(last))?;
                self.emit_default_result(end);
            }
        }
        self.emit(end, Op::Return);
        Ok(self.functions.pop().expect("pushed above").draft)
    }

    /// Pushes what a function returns that does not say it.
    pub(crate) fn emit_default_result(&mut self, line: u32) {
        if self.state().role != Role::Init {
            self.emit(line, Op::Nil);
            return;
        }
        match self.resolve("this") {
            Place::Boxed(slot) => self.emit(line, Op::Boxed(slot)),
            _ => self.emit(line, Op::Local(0)),
        };
    }

    fn parameter(&mut self, line: u32, name: &str) -> Result<(), SyntaxError> {
        let slot = self.new_local(line, name)?;
        if self.is_boxed(slot) {
            self.emit(line, Op::NewBox(slot));
        }
        Ok(())
    }

    // ── variables ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Compiles what stands between braces, whose variables end with it.
    pub(crate) fn scope<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        self.state().scopes += 1;
        let result = body(self);
        let state = self.state();
        let scope = state.scopes;
        state.locals.retain(|local| local.scope < scope);
        state.scopes -= 1;
        result
    }

    /// Returns `true` if a variable that is declared here is the module's.
    pub(crate) fn is_global(&mut self) -> bool {
        self.state().scopes == 0
    }

    /// Makes a variable of the frame.
    pub(crate) fn new_local(&mut self, line: u32, name: &str) -> Result<u16, SyntaxError> {
        let state = self.state();
        let slot = state.locals.len() as u16;
        if slot == MOST_LOCALS {
            return Err(SyntaxError::new(line, format!("a function has more than {MOST_LOCALS} variables")));
        }
        let (boxed, scope) = (state.mentioned.contains(name), state.scopes);
        state.locals.push(Local { name: name.to_owned(), boxed, scope });
        state.draft.locals = state.draft.locals.max(slot + 1);
        Ok(slot)
    }

    fn is_boxed(&mut self, slot: u16) -> bool {
        self.state().locals[usize::from(slot)].boxed
    }

    /// Declares a variable and gives it the uppermost value, which is popped.
    pub(crate) fn define(&mut self, line: u32, name: &str) -> Result<(), SyntaxError> {
        if self.is_global() {
            let name = self.state().draft.name(line, name)?;
            self.emit(line, Op::DefineGlobal(name));
            return Ok(());
        }
        let slot = self.new_local(line, name)?;
        self.emit(line, Op::SetLocal(slot));
        if self.is_boxed(slot) {
            self.emit(line, Op::NewBox(slot));
        }
        Ok(())
    }

    /// Declares a variable whose value may refer to it: a function, a class.
    pub(crate) fn define_with(
        &mut self,
        line: u32,
        name: &str,
        value: impl FnOnce(&mut Self) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        if self.is_global() {
            value(self)?;
            return self.define(line, name);
        }
        self.emit(line, Op::Nil);
        self.define(line, name)?;
        value(self)?;
        self.assign(line, name)
    }

    /// Pushes the value of a variable.
    pub(crate) fn load(&mut self, line: u32, name: &str) -> Result<(), SyntaxError> {
        let op = match self.resolve(name) {
            Place::Local(slot) => Op::Local(slot),
            Place::Boxed(slot) => Op::Boxed(slot),
            Place::Captured(index) => Op::Captured(index),
            Place::Global => {
                let draft = &mut self.state().draft;
                Op::Global { name: draft.name(line, name)?, cache: draft.cache(line)? }
            }
        };
        self.emit(line, op);
        Ok(())
    }

    /// Gives a variable the uppermost value, which is popped.
    pub(crate) fn assign(&mut self, line: u32, name: &str) -> Result<(), SyntaxError> {
        let op = match self.resolve(name) {
            Place::Local(slot) => Op::SetLocal(slot),
            Place::Boxed(slot) => Op::SetBoxed(slot),
            Place::Captured(index) => Op::SetCaptured(index),
            Place::Global => {
                let draft = &mut self.state().draft;
                Op::SetGlobal { name: draft.name(line, name)?, cache: draft.cache(line)? }
            }
        };
        self.emit(line, op);
        Ok(())
    }

    fn resolve(&mut self, name: &str) -> Place {
        self.resolve_in(self.functions.len() - 1, name)
    }

    /// Finds a variable in a function, or in those around it, each of which captures it then.
    fn resolve_in(&mut self, function: usize, name: &str) -> Place {
        let state = &self.functions[function];
        if let Some(slot) = state.locals.iter().rposition(|local| local.name == name) {
            return if state.locals[slot].boxed { Place::Boxed(slot as u16) } else { Place::Local(slot as u16) };
        }
        if let Some(index) = state.captured.iter().position(|captured| captured == name) {
            return Place::Captured(index as u16);
        }
        if function == 0 {
            return Place::Global;
        }
        let capture = match self.resolve_in(function - 1, name) {
            Place::Boxed(slot) => Capture::Local(slot),
            Place::Captured(index) => Capture::Captured(index),
            Place::Local(_) => unreachable!("a function mentions `{name}`, so it is boxed"),
            Place::Global => return Place::Global,
        };
        let state = &mut self.functions[function];
        state.captured.push(name.to_owned());
        state.draft.captures.push(capture);
        Place::Captured(state.captured.len() as u16 - 1)
    }
}
