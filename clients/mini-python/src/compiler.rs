//! From a parsed program to instructions.

use crate::code::Op;
use crate::error::VmError;
use crate::names::Names;
use crate::parser::parse;
use crate::syntax::{Expr, Function, RESULT, Statement};
use crate::tree::{Code, Const};
use std::collections::BTreeSet;

/// Compiles a program. Its value is that of its last statement, if that is an expression.
pub fn compile(name: &str, source: &str) -> Result<Code, VmError> {
    let program = parse(source)?;
    let names = Names::in_block(&program);
    if names.yields || names.returns || !names.nonlocal.is_empty() {
        return error("`yield`, `return` and `nonlocal` belong into functions");
    }
    let mut compiler = Compiler { code: Code { name: name.to_owned(), ..Code::default() }, ..Compiler::default() };
    match program.split_last() {
        Some((Statement::Expr(last), before)) => {
            compiler.block(before)?;
            compiler.expr(last)?;
        }
        _ => {
            compiler.block(&program)?;
            compiler.constant(Const::None)?;
        }
    }
    compiler.emit(Op::Return)?;
    Ok(compiler.code)
}

fn error<T>(message: impl Into<String>) -> Result<T, VmError> {
    Err(VmError::Syntax { line: 0, message: message.into() })
}

fn small<N: TryFrom<usize>>(number: usize, what: &str) -> Result<N, VmError> {
    N::try_from(number).or_else(|_| error(format!("too many {what}")))
}

/// A function while it is compiled; the program around all functions has no locals.
#[derive(Default)]
struct Compiler<'p> {
    code: Code,
    locals: Vec<&'p str>,
    /// Those of the locals that inner functions use.
    cells: BTreeSet<&'p str>,
    /// Variables of functions around it, in the order in which it gets them.
    captured: Vec<&'p str>,
}

/// Where a variable is.
enum Place {
    Local(u16),
    Cell(u16),
    Captured(u16),
    Global(u16),
}

impl<'p> Compiler<'p> {
    fn emit(&mut self, op: Op) -> Result<usize, VmError> {
        let at = self.code.ops.len();
        small::<u16>(at, "instructions")?;
        self.code.ops.push(op);
        Ok(at)
    }

    /// Where the next instruction comes.
    fn here(&self) -> Result<u16, VmError> {
        small(self.code.ops.len(), "instructions")
    }

    /// Lets a jump lead to the next instruction.
    fn land(&mut self, jump: usize, op: fn(u16) -> Op) -> Result<(), VmError> {
        let here = self.here()?;
        self.code.ops[jump] = op(here);
        Ok(())
    }

    fn constant(&mut self, constant: Const) -> Result<(), VmError> {
        let number = small(self.code.consts.len(), "constants")?;
        self.code.consts.push(constant);
        self.emit(Op::Const(number)).map(drop)
    }

    fn name(&mut self, name: &str) -> Result<u16, VmError> {
        let known = self.code.names.iter().position(|known| known == name);
        if known.is_none() {
            self.code.names.push(name.to_owned());
        }
        small(known.unwrap_or(self.code.names.len() - 1), "names")
    }

    /// A site for an instruction that looks up a name.
    fn site(&mut self, name: u16) -> Result<u16, VmError> {
        let site = small(self.code.named.len(), "names looked up")?;
        self.code.named.push(name);
        Ok(site)
    }

    fn place(&mut self, name: &str) -> Result<Place, VmError> {
        if let Some(local) = self.locals.iter().position(|local| *local == name) {
            let local = small(local, "variables")?;
            return Ok(if self.cells.contains(name) { Place::Cell(local) } else { Place::Local(local) });
        }
        match self.captured.iter().position(|captured| *captured == name) {
            Some(captured) => Ok(Place::Captured(small(captured, "variables")?)),
            None => Ok(Place::Global(self.name(name)?)),
        }
    }

    fn store(&mut self, name: &str) -> Result<(), VmError> {
        let op = match self.place(name)? {
            Place::Local(n) => Op::SetLocal(n),
            Place::Cell(n) => Op::SetCell(n),
            Place::Captured(n) => Op::SetCaptured(n),
            Place::Global(n) => Op::SetGlobal(self.site(n)?),
        };
        self.emit(op).map(drop)
    }

    fn block(&mut self, block: &'p [Statement]) -> Result<(), VmError> {
        block.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &'p Statement) -> Result<(), VmError> {
        match statement {
            Statement::Pass | Statement::Nonlocal(_) | Statement::Global(_) => Ok(()),
            Statement::Expr(value) => {
                self.expr(value)?;
                self.emit(Op::Pop).map(drop)
            }
            Statement::Assign(name, value) => {
                self.expr(value)?;
                self.store(name)
            }
            Statement::SetAttribute(object, name, value) => {
                self.expr(value)?;
                self.expr(object)?;
                let name = self.name(name)?;
                let site = self.site(name)?;
                self.emit(Op::SetAttribute(site)).map(drop)
            }
            Statement::Delete(name) => {
                let op = match self.place(name)? {
                    Place::Local(n) => Op::DeleteLocal(n),
                    Place::Global(n) => Op::DeleteGlobal(n),
                    _ => return error(format!("`{name}` is used by an inner function")),
                };
                self.emit(op).map(drop)
            }
            Statement::Return(value) => {
                self.expr(value)?;
                self.emit(Op::Return).map(drop)
            }
            Statement::If(cases, otherwise) => self.condition(cases, otherwise),
            Statement::While(condition, block) => {
                let start = self.here()?;
                self.expr(condition)?;
                let end = self.emit(Op::JumpIfFalse(0))?;
                self.block(block)?;
                self.emit(Op::Jump(start))?;
                self.land(end, Op::JumpIfFalse)
            }
            Statement::For(name, source, block) => {
                self.expr(source)?;
                self.emit(Op::Iterate)?;
                let start = self.here()?;
                let next = self.emit(Op::For(0))?;
                self.store(name)?;
                self.block(block)?;
                self.emit(Op::Jump(start))?;
                self.land(next, Op::For)
            }
            Statement::Function(function) => {
                self.function(function)?;
                self.store(&function.name)
            }
            Statement::Append(item) => {
                self.expr(item)?;
                match self.place(RESULT)? {
                    Place::Local(list) => self.emit(Op::Append(list)).map(drop),
                    _ => error("only comprehensions append"),
                }
            }
        }
    }

    fn condition(&mut self, cases: &'p [(Expr, Vec<Statement>)], otherwise: &'p [Statement]) -> Result<(), VmError> {
        let mut ends = Vec::new();
        for (condition, block) in cases {
            self.expr(condition)?;
            let next = self.emit(Op::JumpIfFalse(0))?;
            self.block(block)?;
            ends.push(self.emit(Op::Jump(0))?);
            self.land(next, Op::JumpIfFalse)?;
        }
        self.block(otherwise)?;
        ends.into_iter().try_for_each(|end| self.land(end, Op::Jump))
    }

    fn expr(&mut self, expr: &'p Expr) -> Result<(), VmError> {
        match expr {
            Expr::None => return self.constant(Const::None),
            Expr::Bool(bool) => return self.constant(Const::Bool(*bool)),
            Expr::Int(int) => return self.constant(Const::Int(*int)),
            Expr::Text(text) => {
                let site = self.code.texts;
                self.code.texts = small(usize::from(site) + 1, "texts")?;
                return self.constant(Const::Text(text.clone(), site));
            }
            Expr::Name(name) => {
                let op = match self.place(name)? {
                    Place::Local(n) => Op::Local(n),
                    Place::Cell(n) => Op::Cell(n),
                    Place::Captured(n) => Op::Captured(n),
                    Place::Global(n) => Op::Global(self.site(n)?),
                };
                self.emit(op)?;
            }
            Expr::List(items) => {
                items.iter().try_for_each(|item| self.expr(item))?;
                self.emit(Op::List(small(items.len(), "items")?))?;
            }
            Expr::Tuple(items) => {
                items.iter().try_for_each(|item| self.expr(item))?;
                self.emit(Op::Tuple(small(items.len(), "items")?))?;
            }
            Expr::Lambda(function) => return self.function(function),
            Expr::Call(callee, args) => {
                self.expr(callee)?;
                args.iter().try_for_each(|arg| self.expr(arg))?;
                self.emit(Op::Call(small(args.len(), "arguments")?))?;
            }
            Expr::Attribute(value, name) => {
                self.expr(value)?;
                let name = self.name(name)?;
                let site = self.site(name)?;
                self.emit(Op::Attribute(site))?;
            }
            Expr::Index(value, index) => self.operands(value, index, Op::Index)?,
            Expr::Binary(operator, a, b) => self.operands(a, b, Op::Binary(*operator))?,
            Expr::Not(value) => {
                self.expr(value)?;
                self.emit(Op::Not)?;
            }
            Expr::Negative(value) => {
                self.expr(value)?;
                self.emit(Op::Negative)?;
            }
            Expr::And(a, b) => return self.either(a, b, Op::JumpIfFalseOrPop),
            Expr::Or(a, b) => return self.either(a, b, Op::JumpIfTrueOrPop),
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.expr(condition)?;
                let next = self.emit(Op::JumpIfFalse(0))?;
                self.expr(then)?;
                let end = self.emit(Op::Jump(0))?;
                self.land(next, Op::JumpIfFalse)?;
                self.expr(otherwise)?;
                self.land(end, Op::Jump)?;
            }
            Expr::Yield(value) => {
                self.expr(value)?;
                self.emit(Op::Yield)?;
                // What `yield` gives when the generator goes on.
                return self.constant(Const::None);
            }
        }
        Ok(())
    }

    fn operands(&mut self, a: &'p Expr, b: &'p Expr, op: Op) -> Result<(), VmError> {
        self.expr(a)?;
        self.expr(b)?;
        self.emit(op).map(drop)
    }

    fn either(&mut self, a: &'p Expr, b: &'p Expr, op: fn(u16) -> Op) -> Result<(), VmError> {
        self.expr(a)?;
        let end = self.emit(op(0))?;
        self.expr(b)?;
        self.land(end, op)
    }

    /// Compiles an inner function, and what makes it when the program comes to it.
    fn function(&mut self, function: &'p Function) -> Result<(), VmError> {
        let names = Names::of(function);
        let visible = |name: &&str| self.locals.contains(name) || self.captured.contains(name);
        let captured: Vec<&str> = names.free().into_iter().filter(visible).collect();
        if let Some(name) = names.nonlocal.iter().find(|name| !captured.contains(name)) {
            return error(format!("no function around it has a `{name}`"));
        }
        let mut cells = names.free_inside();
        cells.retain(|name| names.locals.contains(name));
        let position = |name: &&str| names.locals.iter().position(|local| local == name);
        let cell_numbers = cells.iter().filter_map(position).map(|local| small(local, "variables"));
        let code = Code {
            name: function.name.clone(),
            params: small(function.params.len(), "parameters")?,
            locals: small(names.locals.len(), "variables")?,
            captured: small(captured.len(), "variables")?,
            generator: names.yields,
            cells: cell_numbers.collect::<Result<_, _>>()?,
            ..Code::default()
        };
        let count = small(captured.len(), "variables of other functions")?;
        let mut inner = Compiler { code, locals: names.locals, cells, captured };
        inner.block(&function.body)?;
        inner.constant(Const::None)?;
        inner.emit(Op::Return)?;
        for name in inner.captured {
            let op = match self.place(name)? {
                Place::Cell(n) => Op::ShareCell(n),
                Place::Captured(n) => Op::ShareCaptured(n),
                _ => return error(format!("`{name}` is not shared")),
            };
            self.emit(op)?;
        }
        let number = small(self.code.consts.len(), "constants")?;
        self.code.consts.push(Const::Code(Box::new(inner.code)));
        self.emit(Op::Function { code: number, captured: count }).map(drop)
    }
}
