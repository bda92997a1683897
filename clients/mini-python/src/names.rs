//! Which names of a function are its own, and which are those of functions around it.

use crate::syntax::{Expr, Function, Statement};
use std::collections::BTreeSet;

/// The names that a function's own text mentions, without what lies in inner functions.
#[derive(Default)]
pub struct Names<'p> {
    /// Parameters first, each once.
    pub locals: Vec<&'p str>,
    pub nonlocal: BTreeSet<&'p str>,
    global: BTreeSet<&'p str>,
    used: BTreeSet<&'p str>,
    inner: Vec<&'p Function>,
    pub yields: bool,
    pub returns: bool,
}

impl<'p> Names<'p> {
    pub fn of(function: &'p Function) -> Self {
        let mut names = Self::in_block(&function.body);
        let assigned = std::mem::take(&mut names.locals);
        names.locals = function.params.iter().map(String::as_str).collect();
        for name in assigned {
            let elsewhere = names.nonlocal.contains(name) || names.global.contains(name);
            if !elsewhere && !names.locals.contains(&name) {
                names.locals.push(name);
            }
        }
        names
    }

    pub fn in_block(block: &'p [Statement]) -> Self {
        let mut names = Self::default();
        names.block(block);
        names
    }

    /// What it takes from functions around it, if they have it: for itself and for inner functions.
    pub fn free(&self) -> BTreeSet<&'p str> {
        let mut free = &self.used | &self.nonlocal;
        free.append(&mut self.free_inside());
        free.retain(|name| !self.locals.contains(name) && !self.global.contains(name));
        free
    }

    /// What inner functions take from around them.
    pub fn free_inside(&self) -> BTreeSet<&'p str> {
        self.inner.iter().flat_map(|inner| Names::of(inner).free()).collect()
    }

    fn block(&mut self, block: &'p [Statement]) {
        block.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &'p Statement) {
        match statement {
            Statement::Pass => {}
            Statement::Expr(value) | Statement::Append(value) => self.expr(value),
            Statement::Assign(name, value) => {
                self.locals.push(name);
                self.expr(value);
            }
            Statement::SetAttribute(object, _, value) => {
                self.expr(value);
                self.expr(object);
            }
            Statement::Delete(name) => self.locals.push(name),
            Statement::Return(value) => {
                self.returns = true;
                self.expr(value);
            }
            Statement::If(cases, otherwise) => {
                for (condition, block) in cases {
                    self.expr(condition);
                    self.block(block);
                }
                self.block(otherwise);
            }
            Statement::While(condition, block) => {
                self.expr(condition);
                self.block(block);
            }
            Statement::For(name, source, block) => {
                self.locals.push(name);
                self.expr(source);
                self.block(block);
            }
            Statement::Function(function) => {
                self.locals.push(&function.name);
                self.inner.push(function);
            }
            Statement::Nonlocal(name) => _ = self.nonlocal.insert(name),
            Statement::Global(name) => _ = self.global.insert(name),
        }
    }

    fn expr(&mut self, expr: &'p Expr) {
        match expr {
            Expr::None | Expr::Bool(_) | Expr::Int(_) | Expr::Text(_) => {}
            Expr::Name(name) => _ = self.used.insert(name),
            Expr::List(items) | Expr::Tuple(items) => items.iter().for_each(|item| self.expr(item)),
            Expr::Lambda(function) => self.inner.push(function),
            Expr::Call(callee, args) => {
                self.expr(callee);
                args.iter().for_each(|arg| self.expr(arg));
            }
            Expr::Attribute(value, _) | Expr::Not(value) | Expr::Negative(value) => self.expr(value),
            Expr::Index(a, b) | Expr::Binary(_, a, b) | Expr::And(a, b) | Expr::Or(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            Expr::If(parts) => parts.iter().for_each(|part| self.expr(part)),
            Expr::Yield(value) => {
                self.yields = true;
                self.expr(value);
            }
        }
    }
}
