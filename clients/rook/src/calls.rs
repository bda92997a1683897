//! Calls, results, and generators, which are calls that wait.
//!
//! ```text
//!   stack  .. │ callee or `this` │ arguments │ other variables │ values at work
//!             └ base of the frame
//! ```
//!
//! What is called is handed on as a value. Its place on the stack is written to when nothing can be refused any more.

use crate::class::{Class, Instance};
use crate::fault::{Fault, Kind, raise};
use crate::frame::{Frame, Role};
use crate::function::Function;
use crate::generator::{Generator, GeneratorState};
use crate::iterator::{Iter, Source, Step};
use crate::value::Value;
use crate::vm::Vm;
use permacode::Gc;

/// The most values that all frames may have together.
const DEEPEST_STACK: usize = 200_000;

impl<'a> Vm<'a> {
    /// Calls a value with the uppermost values.
    pub(crate) fn call(&mut self, callee: Value<'a>, arguments: usize) -> Result<(), Fault<'a>> {
        match callee {
            Value::Function(function) => self.enter(function, callee, arguments),
            Value::Native(native) => self.call_native(native, arguments),
            Value::Bound(bound) => match bound.method {
                Value::Function(function) => self.enter(function, bound.receiver, arguments),
                method => self.call(method, arguments),
            },
            Value::Class(class) => self.instantiate(class, arguments),
            other => raise(Kind::Type, format!("a value of type {} cannot be called", other.type_name())),
        }
    }

    /// Begins a function with the uppermost values. A generator only notes them.
    pub(crate) fn enter(
        &mut self,
        function: Gc<'a, Function<'a>>,
        this: Value<'a>,
        arguments: usize,
    ) -> Result<(), Fault<'a>> {
        let code = function.code.get();
        if usize::from(code.parameters) != arguments {
            let (name, wanted) = (code.name, code.parameters);
            return raise(Kind::Type, format!("{name} takes {wanted} argument(s), not {arguments}"));
        }
        let base = self.stack.len() - arguments - 1;
        if code.generator {
            let mut values = vec![this];
            values.extend_from_slice(&self.stack[base + 1..]);
            let generator = Generator::new(&self.arenas.heap, function, &values)?;
            self.replace(arguments + 1, Value::Generator(generator));
            return Ok(());
        }
        self.check_depth()?;
        self.stack[base] = this;
        self.stack.resize(base + usize::from(code.locals), Value::Nil);
        self.frames.push(Frame { function, at: 0, base, role: Role::Call });
        Ok(())
    }

    fn check_depth(&self) -> Result<(), Fault<'a>> {
        if self.frames.len() >= self.settings.depth || self.stack.len() >= DEEPEST_STACK {
            return raise(Kind::Recursion, "too many calls within calls");
        }
        Ok(())
    }

    fn instantiate(&mut self, class: Gc<'a, Class<'a>>, arguments: usize) -> Result<(), Fault<'a>> {
        let init = Class::member_named(class, "init");
        if init.is_none() && arguments > 0 {
            return raise(Kind::Type, format!("{} takes 0 argument(s), not {arguments}", class.name));
        }
        let instance = Value::Instance(Instance::new(&self.arenas.heap, class)?);
        match init {
            Some(Value::Function(init)) => self.enter(init, instance, arguments),
            Some(other) => raise(Kind::Type, format!("`init` is a value of type {}", other.type_name())),
            None => {
                self.replace(1, instance);
                Ok(())
            }
        }
    }

    /// Ends the frame that runs.
    pub(crate) fn return_value(&mut self) -> Result<(), Fault<'a>> {
        let value = self.pop();
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        self.stack.truncate(frame.base);
        match frame.role {
            Role::Call => self.push(value),
            Role::Module(module) => self.push(Value::Module(module)),
            Role::Loop(generator) => generator.state.set(GeneratorState::Done), // the loop's jump comes next
            Role::Next(generator) => {
                generator.state.set(GeneratorState::Done);
                return raise(Kind::Stop, "the generator has no more values");
            }
        }
        Ok(())
    }

    // ── generators ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Lets a generator go on. What it yielded becomes `sent`.
    ///
    /// The caller has taken its arguments off the stack, or takes them off if this is refused.
    pub(crate) fn resume(
        &mut self,
        generator: Gc<'a, Generator<'a>>,
        sent: Value<'a>,
        arguments: usize,
        role: Role<'a>,
    ) -> Result<(), Fault<'a>> {
        let state = generator.state.get();
        match state {
            GeneratorState::Running => return raise(Kind::Value, "the generator runs already"),
            GeneratorState::Done => return raise(Kind::Stop, "the generator has no more values"),
            GeneratorState::New | GeneratorState::Waiting => self.check_depth()?,
        }
        self.stack.truncate(self.stack.len() - arguments);
        let (base, function, at) = (self.stack.len(), generator.function, generator.at.get());
        generator.restore(&mut self.stack);
        if state == GeneratorState::New {
            self.stack.resize(base + usize::from(function.code.get().locals), Value::Nil);
        } else {
            self.push(sent);
        }
        generator.state.set(GeneratorState::Running);
        self.frames.push(Frame { function, at, base, role });
        Ok(())
    }

    /// Lets the frame that runs wait, and its caller go on with the uppermost value.
    pub(crate) fn yield_value(&mut self) -> Result<(), Fault<'a>> {
        let frame = *self.frames.last().expect("a frame runs");
        let (Role::Next(generator) | Role::Loop(generator)) = frame.role else {
            return raise(Kind::Type, "`yield` outside of a generator");
        };
        generator.save(&self.stack[frame.base..self.stack.len() - 1])?;
        let value = self.pop();
        self.stack.truncate(frame.base);
        self.frames.pop();
        generator.at.set(frame.at);
        generator.state.set(GeneratorState::Waiting);
        self.push(value);
        if matches!(frame.role, Role::Loop(_)) {
            self.skip_jump();
        }
        Ok(())
    }

    // ── loops ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Returns the iterator or generator that a loop asks for a value.
    pub(crate) fn iterator(&mut self, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        let heap = &self.arenas.heap;
        let source = match value {
            Value::Generator(_) => return Ok(value),
            Value::Iter(iter) => return Ok(Value::Iter(iter.again(heap)?)),
            Value::List(list) => Source::List(list),
            Value::Text(text) => Source::Text(text),
            Value::Dict(dict) => Source::Keys(dict, dict.version()),
            other => return raise(Kind::Type, format!("a loop cannot go over a value of type {}", other.type_name())),
        };
        Ok(Value::Iter(Iter::new(heap, source)?))
    }

    /// Pushes the next value and skips the jump behind the operation, or leaves both.
    pub(crate) fn next_of(&mut self, iterator: Value<'a>) -> Result<(), Fault<'a>> {
        match iterator {
            Value::Generator(generator) if generator.state.get() == GeneratorState::Done => Ok(()),
            Value::Generator(generator) => self.resume(generator, Value::Nil, 0, Role::Loop(generator)),
            Value::Iter(iter) => match iter.next(&self.arenas.heap)? {
                Step::Value(value) => {
                    self.push(value);
                    self.skip_jump();
                    Ok(())
                }
                Step::End => Ok(()),
                Step::Changed => raise(Kind::Value, "the dictionary changed while a loop goes over it"),
            },
            other => raise(Kind::Type, format!("a value of type {} is no iterator", other.type_name())),
        }
    }

    fn skip_jump(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at += 1;
        }
    }
}
