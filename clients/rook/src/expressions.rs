//! From a tree to drafts: expressions.

use crate::code::Number;
use crate::compiler::{Compiler, Role};
use crate::op::Op;
use crate::syntax_error::SyntaxError;
use crate::tree::{Expr, ExprKind};

impl<'t> Compiler<'t> {
    /// Pushes the value of an expression.
    pub(crate) fn expr(&mut self, expr: &'t Expr) -> Result<(), SyntaxError> {
        let line = expr.line;
        let op = match &expr.kind {
            ExprKind::Nil => Op::Nil,
            ExprKind::Bool(true) => Op::True,
            ExprKind::Bool(false) => Op::False,
            ExprKind::Int(number) => match i32::try_from(*number) {
                Ok(number) => Op::Int(number),
                Err(_) => Op::Number(self.state().draft.number(line, Number::Int(*number))?),
            },
            ExprKind::Float(number) => Op::Number(self.state().draft.number(line, Number::Float(*number))?),
            ExprKind::Text(text) => Op::Text(self.state().draft.text(line, text)?),
            ExprKind::Name(name) => return self.load(line, name),
            ExprKind::List(elements) => return self.list(line, elements),
            ExprKind::Dict(entries) => return self.dict(line, entries),
            ExprKind::Unary(operator, operand) => {
                self.expr(operand)?;
                Op::Unary(*operator)
            }
            ExprKind::Binary(operator, operands) => {
                self.expr(&operands[0])?;
                self.expr(&operands[1])?;
                Op::Binary(*operator)
            }
            ExprKind::And(operands) => return self.either(line, operands, Op::And { to: 0 }),
            ExprKind::Or(operands) => return self.either(line, operands, Op::Or { to: 0 }),
            ExprKind::If(parts) => return self.conditional(line, parts),
            ExprKind::Attribute(object, name) => {
                self.expr(object)?;
                let draft = &mut self.state().draft;
                Op::Attribute { name: draft.name(line, name)?, cache: draft.cache(line)? }
            }
            ExprKind::Index(parts) => {
                self.expr(&parts[0])?;
                self.expr(&parts[1])?;
                Op::Index
            }
            ExprKind::Call(callee, arguments) => return self.call(line, callee, arguments),
            ExprKind::Super(name, arguments) => {
                self.load(line, "this")?;
                self.arguments(arguments)?;
                self.load(line, "super")?;
                Op::InvokeSuper { arguments: arguments.len() as u8, name: self.state().draft.name(line, name)? }
            }
            ExprKind::Fn(function) => return self.closure(function, Role::Function),
            ExprKind::Yield(value) => {
                self.expr(value)?;
                Op::Yield
            }
        };
        self.emit(line, op);
        Ok(())
    }

    fn arguments(&mut self, arguments: &'t [Expr]) -> Result<(), SyntaxError> {
        arguments.iter().try_for_each(|argument| self.expr(argument))
    }

    /// A call. That of an attribute finds the method without making a value of it.
    fn call(&mut self, line: u32, callee: &'t Expr, arguments: &'t [Expr]) -> Result<(), SyntaxError> {
        let count = arguments.len() as u8;
        let op = if let ExprKind::Attribute(object, name) = &callee.kind {
            self.expr(object)?;
            self.arguments(arguments)?;
            let draft = &mut self.state().draft;
            Op::Invoke { arguments: count, name: draft.name(line, name)?, cache: draft.cache(line)? }
        } else {
            self.expr(callee)?;
            self.arguments(arguments)?;
            Op::Call { arguments: count }
        };
        self.emit(line, op);
        Ok(())
    }

    fn list(&mut self, line: u32, elements: &'t [Expr]) -> Result<(), SyntaxError> {
        self.emit(line, Op::List);
        for element in elements {
            self.expr(element)?;
            self.emit(element.line, Op::Append);
        }
        Ok(())
    }

    fn dict(&mut self, line: u32, entries: &'t [(Expr, Expr)]) -> Result<(), SyntaxError> {
        self.emit(line, Op::Dict);
        for (key, value) in entries {
            self.expr(key)?;
            self.expr(value)?;
            self.emit(key.line, Op::Insert);
        }
        Ok(())
    }

    fn either(&mut self, line: u32, operands: &'t [Expr; 2], jump: Op) -> Result<(), SyntaxError> {
        self.expr(&operands[0])?;
        let end = self.emit(line, jump);
        self.expr(&operands[1])?;
        self.land(end);
        Ok(())
    }

    fn conditional(&mut self, line: u32, parts: &'t [Expr; 3]) -> Result<(), SyntaxError> {
        self.expr(&parts[0])?;
        let unless = self.emit(line, Op::JumpIfFalse { to: 0 });
        self.expr(&parts[1])?;
        let end = self.emit(line, Op::Jump { to: 0 });
        self.land(unless);
        self.expr(&parts[2])?;
        self.land(end);
        Ok(())
    }
}
