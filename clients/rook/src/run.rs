//! The loop of the machine: one operation after the other.

use crate::class::{Bound, Class};
use crate::code::{Capture, Code, Number};
use crate::dict::Dict;
use crate::failure::Failure;
use crate::fault::{Fault, Kind, raise};
use crate::function::{Function, Variable};
use crate::list::List;
use crate::op::Op;
use crate::value::Value;
use crate::vm::Vm;
use permacode::Gc;
use std::cell::Cell;

impl<'a> Vm<'a> {
    /// Runs until so many frames are left, and returns the result of the last one that ended.
    pub(crate) fn run(&mut self, floor: usize) -> Result<Value<'a>, Failure> {
        let mut refused = false;
        while self.frames.len() > floor {
            let due = self.safepoint();
            let Some(frame) = self.frames.last_mut() else { break };
            let (function, at, base) = (frame.function, frame.at, frame.base);
            let code = function.code.get();
            frame.at += 1;
            let done = due
                .map_err(Fault::from)
                .and_then(|()| self.charge(1))
                .and_then(|()| self.step(code, code.ops[at], base));
            match done {
                Ok(()) => refused = false,
                Err(Fault::Refused(_)) if !refused => {
                    refused = true; // the operation changed nothing: once more, with all memory that can be had
                    self.collect().ok();
                    self.frames.last_mut().expect("the frame that was refused").at = at;
                }
                Err(fault) => {
                    refused = false;
                    self.handle(fault, floor)?;
                }
            }
        }
        Ok(self.pop())
    }

    fn step(&mut self, code: &Code<'_>, op: Op, base: usize) -> Result<(), Fault<'a>> {
        let heap = &self.arenas.heap;
        match op {
            Op::Nil => self.push(Value::Nil),
            Op::True => self.push(Value::Bool(true)),
            Op::False => self.push(Value::Bool(false)),
            Op::Int(number) => self.push(Value::Int(i64::from(number))),
            Op::Number(number) => self.push(match code.numbers[usize::from(number)] {
                Number::Int(number) => Value::Int(number),
                Number::Float(number) => Value::Float(number),
            }),
            Op::Text(number) => {
                let text = self.text(code, usize::from(number))?;
                self.push(text);
            }

            Op::Local(slot) => self.push(self.stack[base + usize::from(slot)]),
            Op::SetLocal(slot) => self.stack[base + usize::from(slot)] = self.pop(),
            Op::NewBox(slot) => {
                let place = base + usize::from(slot);
                let variable = Gc::new(heap, Variable { value: Cell::new(self.stack[place]) })?;
                self.stack[place] = Value::Variable(variable);
            }
            Op::Boxed(slot) => {
                let value =
                    boxed(self.stack[base + usize::from(slot)]).map_or(Value::Absent, |variable| variable.value.get());
                self.push(value);
            }
            Op::SetBoxed(slot) => {
                let value = self.pop();
                if let Some(variable) = boxed(self.stack[base + usize::from(slot)]) {
                    variable.value.set(value);
                }
            }
            Op::Captured(index) => self.push(self.captured(index).value.get()),
            Op::SetCaptured(index) => {
                let value = self.pop();
                self.captured(index).value.set(value);
            }
            Op::Global { name, cache } => {
                let value = self.global(code, name, cache)?;
                self.push(value);
            }
            Op::SetGlobal { name, cache } => self.set_global(code, name, cache)?,
            Op::DefineGlobal(name) => self.define_global(code, name)?,

            Op::Pop => _ = self.pop(),
            Op::Copy => self.push(self.peek(0)),
            Op::CopyTwo => {
                self.push(self.peek(1));
                self.push(self.peek(1));
            }

            Op::Unary(operator) => {
                let value = self.unary(operator, self.peek(0))?;
                self.replace(1, value);
            }
            Op::Binary(operator) => {
                let value = self.binary(operator, self.peek(1), self.peek(0))?;
                self.replace(2, value);
            }
            Op::IsA => {
                let is = self.is_a(self.peek(1), self.peek(0))?;
                self.replace(2, Value::Bool(is));
            }

            Op::Jump { to } | Op::Loop { to } => self.jump(to),
            Op::JumpIfFalse { to } => {
                if !self.pop().is_true() {
                    self.jump(to);
                }
            }
            Op::And { to } if !self.peek(0).is_true() => self.jump(to),
            Op::Or { to } if self.peek(0).is_true() => self.jump(to),
            Op::And { .. } | Op::Or { .. } => _ = self.pop(),

            Op::List => {
                let list = List::new(heap, &[])?;
                self.push(Value::List(list));
            }
            Op::Append => {
                if let Value::List(list) = self.peek(1) {
                    list.push(self.peek(0))?;
                }
                self.pop();
            }
            Op::Dict => {
                let dict = Dict::new(heap)?;
                self.push(Value::Dict(dict));
            }
            Op::Insert => {
                self.set_element(self.peek(2), self.peek(1), self.peek(0))?;
                self.stack.truncate(self.stack.len() - 2);
            }
            Op::Index => {
                let value = self.element(self.peek(1), self.peek(0))?;
                self.replace(2, value);
            }
            Op::SetIndex => {
                self.set_element(self.peek(2), self.peek(1), self.peek(0))?;
                self.stack.truncate(self.stack.len() - 3);
            }
            Op::Attribute { name, cache } => {
                let value = self.attribute(code, name, cache)?;
                self.replace(1, value);
            }
            Op::SetAttribute { name, cache } => {
                self.set_attribute(code, name, cache)?;
                self.stack.truncate(self.stack.len() - 2);
            }

            Op::Function(number) => {
                let function =
                    self.new_function(usize::from(number), code.inner[usize::from(number)].captures, base)?;
                self.push(Value::Function(function));
            }
            Op::Call { arguments } => self.call(self.peek(usize::from(arguments)), usize::from(arguments))?,
            Op::Invoke { arguments, name, cache } => self.invoke(code, usize::from(arguments), name, cache)?,
            Op::InvokeSuper { arguments, name } => {
                self.invoke_super(usize::from(arguments), code.names[usize::from(name)])?
            }
            Op::Class(name) => self.new_class(code.names[usize::from(name)])?,
            Op::Method(name) => {
                if let Value::Class(class) = self.peek(1) {
                    class.set_member(heap, code.names[usize::from(name)], self.peek(0))?;
                }
                self.pop();
            }
            Op::Return => self.return_value()?,
            Op::Yield => self.yield_value()?,
            Op::Import(name) => self.import(code.names[usize::from(name)])?,

            Op::CallIter => {
                if matches!(self.peek(0), Value::Instance(_)) {
                    self.invoke_named("iter", 0)?;
                }
            }
            Op::Iterator => {
                let iterator = self.iterator(self.peek(0))?;
                self.replace(1, iterator);
            }
            Op::Next(slot) => self.next_of(self.stack[base + usize::from(slot)])?,

            Op::Throw | Op::Rethrow => {
                let value = self.pop();
                return Err(Fault::Thrown(value));
            }
        }
        Ok(())
    }

    fn jump(&mut self, to: u32) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at = to as usize;
        }
    }

    fn captured(&self, index: u16) -> Gc<'a, Variable<'a>> {
        let frame = self.frames.last().expect("a frame runs");
        frame.function.captured[usize::from(index)]
    }

    /// Makes a function of the code within the code that runs.
    fn new_function(
        &mut self,
        number: usize,
        captures: &[Capture],
        base: usize,
    ) -> Result<Gc<'a, Function<'a>>, Fault<'a>> {
        let heap = &self.arenas.heap;
        let outer = self.frames.last().expect("a frame runs").function;
        let captured: Vec<Gc<'a, Variable<'a>>> = captures
            .iter()
            .filter_map(|capture| match *capture {
                Capture::Local(slot) => boxed(self.stack[base + usize::from(slot)]),
                Capture::Captured(index) => Some(outer.captured[usize::from(index)]),
            })
            .collect();
        let captured = Gc::copy_slice(heap, &captured)?;
        let code = outer.code.project::<Code<'_>>(|code| code.inner.get(number).copied())?;
        let code = code.expect("the compiler counts what is within");
        Ok(Gc::new(heap, Function { code, captured, module: outer.module })?)
    }

    /// Makes a class of the base on top of the stack, and puts it in its place.
    fn new_class(&mut self, name: &str) -> Result<(), Fault<'a>> {
        let base = match self.peek(0) {
            Value::Nil => None,
            Value::Class(base) => Some(base),
            other => {
                return raise(Kind::Type, format!("a class cannot inherit from a value of type {}", other.type_name()));
            }
        };
        if base.is_some_and(|base| Class::height(base) >= Class::HIGHEST) {
            return raise(Kind::Type, format!("the class {name} inherits from more than {} others", Class::HIGHEST));
        }
        let id = self.new_id();
        let class = Class::new(&self.arenas.heap, id, name, base)?;
        self.replace(1, Value::Class(class));
        Ok(())
    }

    pub(crate) fn bind(&self, receiver: Value<'a>, method: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        Ok(Value::Bound(Gc::new(&self.arenas.heap, Bound { receiver, method })?))
    }
}

/// The variable that a place of the stack holds.
fn boxed<'a>(value: Value<'a>) -> Option<Gc<'a, Variable<'a>>> {
    match value {
        Value::Variable(variable) => Some(variable),
        _ => None,
    }
}
