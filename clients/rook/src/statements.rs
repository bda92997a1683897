//! From a tree to drafts: statements.

use crate::compiler::{Compiler, Loop, Role};
use crate::op::Op;
use crate::syntax_error::SyntaxError;
use crate::tree::{Binary, Block, Class, Expr, ExprKind, Function, Statement, StatementKind};
use crate::try_statement::Exit;

impl<'t> Compiler<'t> {
    pub(crate) fn block(&mut self, block: &'t Block) -> Result<(), SyntaxError> {
        self.scope(|compiler| compiler.statements(&block.statements))
    }

    pub(crate) fn statements(&mut self, statements: &'t [Statement]) -> Result<(), SyntaxError> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    pub(crate) fn statement(&mut self, statement: &'t Statement) -> Result<(), SyntaxError> {
        let line = statement.line;
        match &statement.kind {
            StatementKind::Expr(value) => {
                self.expr(value)?;
                self.emit(line, Op::Pop);
                Ok(())
            }
            StatementKind::Let(name, value) => {
                self.expr(value)?;
                self.define(line, name)
            }
            StatementKind::Assign(target, operator, value) => self.assignment(line, target, *operator, value),
            StatementKind::If(condition, then, otherwise) => {
                self.expr(condition)?;
                let unless = self.emit(line, Op::JumpIfFalse { to: 0 });
                self.block(then)?;
                let end = self.emit(line, Op::Jump { to: 0 });
                self.land(unless);
                self.block(otherwise)?;
                self.land(end);
                Ok(())
            }
            StatementKind::While(condition, body) => self.while_loop(line, condition, body),
            StatementKind::For(name, over, body) => self.scope(|compiler| compiler.for_loop(line, name, over, body)),
            StatementKind::Break => self.leave_loop(line, "break", Exit::Break),
            StatementKind::Continue => self.leave_loop(line, "continue", Exit::Continue),
            StatementKind::Return(value) => self.return_value(line, value.as_ref()),
            StatementKind::Throw(value) => {
                self.expr(value)?;
                self.emit(line, Op::Throw);
                Ok(())
            }
            StatementKind::Fn(function) => {
                self.define_with(line, &function.name, |compiler| compiler.closure(function, Role::Function))
            }
            StatementKind::Class(class) => self.define_with(line, &class.name, |compiler| compiler.class(line, class)),
            StatementKind::Try(tree) => self.try_statement(line, tree),
            StatementKind::Import(module, name) => {
                let module = self.state().draft.name(line, module)?;
                self.emit(line, Op::Import(module));
                self.define(line, name)
            }
            StatementKind::Block(block) => self.block(block),
        }
    }

    fn assignment(
        &mut self,
        line: u32,
        target: &'t Expr,
        operator: Option<Binary>,
        value: &'t Expr,
    ) -> Result<(), SyntaxError> {
        match &target.kind {
            ExprKind::Name(name) => {
                if operator.is_some() {
                    self.load(line, name)?;
                }
                self.operand(line, operator, value)?;
                self.assign(line, name)
            }
            ExprKind::Attribute(object, name) => {
                self.expr(object)?;
                let name = self.state().draft.name(line, name)?;
                if operator.is_some() {
                    let cache = self.state().draft.cache(line)?;
                    self.emit(line, Op::Copy);
                    self.emit(line, Op::Attribute { name, cache });
                }
                self.operand(line, operator, value)?;
                let cache = self.state().draft.cache(line)?;
                self.emit(line, Op::SetAttribute { name, cache });
                Ok(())
            }
            ExprKind::Index(parts) => {
                self.expr(&parts[0])?;
                self.expr(&parts[1])?;
                if operator.is_some() {
                    self.emit(line, Op::CopyTwo);
                    self.emit(line, Op::Index);
                }
                self.operand(line, operator, value)?;
                self.emit(line, Op::SetIndex);
                Ok(())
            }
            _ => Err(SyntaxError::new(line, "this cannot be assigned to")),
        }
    }

    fn operand(&mut self, line: u32, operator: Option<Binary>, value: &'t Expr) -> Result<(), SyntaxError> {
        self.expr(value)?;
        if let Some(operator) = operator {
            self.emit(line, Op::Binary(operator));
        }
        Ok(())
    }

    // ── loops ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn while_loop(&mut self, line: u32, condition: &'t Expr, body: &'t Block) -> Result<(), SyntaxError> {
        let top = self.open_loop();
        self.expr(condition)?;
        let out = self.emit(line, Op::JumpIfFalse { to: 0 });
        self.block(body)?;
        self.emit(line, Op::Loop { to: top as u32 });
        self.land(out);
        self.close_loop();
        Ok(())
    }

    fn for_loop(&mut self, line: u32, name: &str, over: &'t Expr, body: &'t Block) -> Result<(), SyntaxError> {
        self.expr(over)?;
        self.emit(line, Op::CallIter);
        self.emit(line, Op::Iterator);
        let iterator = self.new_local(line, "")?;
        self.emit(line, Op::SetLocal(iterator));
        let top = self.open_loop();
        self.emit(line, Op::Next(iterator));
        let out = self.emit(line, Op::Jump { to: 0 });
        self.scope(|compiler| {
            compiler.define(line, name)?;
            compiler.block(body)
        })?;
        self.emit(line, Op::Loop { to: top as u32 });
        self.land(out);
        self.close_loop();
        Ok(())
    }

    fn open_loop(&mut self) -> usize {
        let (top, state) = (self.here(), self.state());
        let finals = state.finals.len();
        state.loops.push(Loop { top, breaks: Vec::new(), finals });
        top
    }

    fn close_loop(&mut self) {
        let closed = self.state().loops.pop();
        closed.into_iter().flat_map(|closed| closed.breaks).for_each(|jump| self.land(jump));
    }

    fn leave_loop(&mut self, line: u32, word: &str, exit: Exit) -> Result<(), SyntaxError> {
        if self.state().loops.is_empty() {
            return Err(SyntaxError::new(line, format!("`{word}` stands outside of a loop")));
        }
        self.exit(line, exit);
        Ok(())
    }

    fn return_value(&mut self, line: u32, value: Option<&'t Expr>) -> Result<(), SyntaxError> {
        match (self.state().role, value) {
            (Role::Module, _) => return Err(SyntaxError::new(line, "`return` stands outside of a function")),
            (Role::Init, Some(_)) => return Err(SyntaxError::new(line, "`init` returns `this`, and no other value")),
            (_, Some(value)) => self.expr(value)?,
            (_, None) => self.emit_default_result(line),
        }
        self.exit(line, Exit::Return);
        Ok(())
    }

    // ── functions and classes ───────────────────────────────────────────────────────────────────────────────────────────────

    /// Pushes a function.
    pub(crate) fn closure(&mut self, tree: &'t Function, role: Role) -> Result<(), SyntaxError> {
        let inner = self.function(tree, role)?;
        let inner = self.state().draft.inner(tree.line, inner)?;
        self.emit(tree.line, Op::Function(inner));
        Ok(())
    }

    /// Pushes a class. Its methods find the class that it inherits from in a variable of their own, `super`.
    fn class(&mut self, line: u32, class: &'t Class) -> Result<(), SyntaxError> {
        match &class.base {
            Some(base) => self.expr(base)?,
            None => {
                self.emit(line, Op::Nil);
            }
        }
        self.emit(line, Op::Copy);
        self.scope(|compiler| {
            compiler.define(line, "super")?;
            let name = compiler.state().draft.name(line, &class.name)?;
            compiler.emit(line, Op::Class(name));
            for method in &class.methods {
                let role = if method.name == "init" { Role::Init } else { Role::Method };
                compiler.closure(method, role)?;
                let name = compiler.state().draft.name(method.line, &method.name)?;
                compiler.emit(method.line, Op::Method(name));
            }
            Ok(())
        })
    }
}
