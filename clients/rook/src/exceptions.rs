//! Exceptions: from a fault to the code that catches it.

use crate::class::Instance;
use crate::failure::Failure;
use crate::fault::{Fault, Kind};
use crate::frame::{Frame, Role};
use crate::generator::GeneratorState;
use crate::value::Value;
use crate::vm::Vm;
use permacode::{Error, Gc};
use std::fmt::Write;

/// The most calls that a trace shows.
const LONGEST_TRACE: usize = 12;

impl<'a> Vm<'a> {
    /// Lets the innermost code go on that catches the fault, or ends the program.
    pub(crate) fn handle(&mut self, fault: Fault<'a>, floor: usize) -> Result<(), Failure> {
        let value = match fault {
            Fault::Thrown(value) => value,
            Fault::Raised(kind, message) => self.new_error(kind, &message),
            Fault::Refused(error) if matches!(self.memory_error, Value::Nil) => {
                self.unwind_to(floor); // the prelude is not loaded: there are no exceptions yet
                return Err(Failure::Refused(error));
            }
            Fault::Refused(error) if is_want_of_memory(&error) => self.memory_error,
            Fault::Refused(error) => self.new_error(Kind::Memory, &error.to_string()),
            Fault::Fuel => {
                self.unwind_to(floor);
                return Err(Failure::Fuel);
            }
        };
        let trace = self.trace(floor);
        self.note_trace(value, &trace);
        while self.frames.len() > floor {
            let Some(frame) = self.frames.last_mut() else { break };
            let code = frame.function.code.get();
            if let Some(target) = frame.at.checked_sub(1).and_then(|at| code.guard(at)) {
                frame.at = target;
                let variables = frame.base + usize::from(code.locals);
                self.stack.truncate(variables);
                self.push(value);
                return Ok(());
            }
            self.leave_frame();
        }
        let noted = self.noted_trace(value).unwrap_or(trace);
        let text =
            if self.is_error(value) { self.show(value, false) } else { format!("uncaught {}", self.show(value, true)) };
        Err(Failure::Uncaught(text, noted))
    }

    fn unwind_to(&mut self, floor: usize) {
        while self.frames.len() > floor {
            self.leave_frame();
        }
    }

    /// Ends the innermost frame without a result.
    fn leave_frame(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        self.stack.truncate(frame.base);
        match frame.role {
            Role::Call => {}
            Role::Module(module) => self.modules.retain(|(_, loaded)| !Gc::ptr_eq(*loaded, module)),
            Role::Next(generator) | Role::Loop(generator) => generator.state.set(GeneratorState::Done),
        }
    }

    /// Makes an exception of the machine. If there is no memory for it, that is the exception.
    fn new_error(&mut self, kind: Kind, message: &str) -> Value<'a> {
        let made = self.try_new_error(kind, message);
        let again = made.or_else(|_| {
            self.collect().ok();
            self.try_new_error(kind, message)
        });
        again.unwrap_or(self.memory_error)
    }

    pub(crate) fn try_new_error(&mut self, kind: Kind, message: &str) -> Result<Value<'a>, Fault<'a>> {
        let at = Kind::ALL.iter().position(|(known, _)| *known == kind).unwrap_or(0);
        let Value::Class(class) = self.errors[at] else { return self.new_text(message) };
        let heap = &self.arenas.heap;
        let error = Instance::new(heap, class)?;
        let place = self.place_of(class, "message")?;
        let message = self.new_text(message)?;
        error.set(place, message)?;
        Ok(Value::Instance(error))
    }

    // ── traces ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The calls that led here, innermost first.
    fn trace(&self, floor: usize) -> String {
        let mut trace = String::new();
        let frames = self.frames.get(floor..).unwrap_or_default();
        for frame in frames.iter().rev().take(LONGEST_TRACE) {
            let Frame { function, at, .. } = frame;
            let code = function.code.get();
            _ = writeln!(trace, "  in {} ({}:{})", code.name, code.module, code.line(at.saturating_sub(1)));
        }
        if let Some(more) = frames.len().checked_sub(LONGEST_TRACE + 1) {
            _ = writeln!(trace, "  and {} more", more + 1);
        }
        trace
    }

    /// Gives an exception its trace, if it has none and there is memory for it.
    fn note_trace(&mut self, value: Value<'a>, trace: &str) {
        let Value::Instance(error) = value else { return };
        if value.is_same(self.memory_error) || !self.is_error(value) || self.noted_trace(value).is_some() {
            return;
        }
        if let (Ok(place), Ok(text)) = (self.place_of(error.class, "trace"), self.new_text(trace)) {
            error.set(place, text).ok();
        }
    }

    fn noted_trace(&self, value: Value<'a>) -> Option<String> {
        match value {
            Value::Instance(error) if self.is_error(value) => match error.get_named("trace") {
                Some(Value::Text(trace)) => Some(trace.to_string()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Returns `true` if there is no memory, so that an exception with a text of its own would be refused, too.
fn is_want_of_memory(error: &Error) -> bool {
    matches!(
        error,
        Error::Limit { .. }
            | Error::Exhausted { .. }
            | Error::Bookkeeping { .. }
            | Error::Memory { .. }
            | Error::Pages(_)
    )
}
