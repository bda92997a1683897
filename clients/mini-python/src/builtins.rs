//! Functions that every program has.

use crate::census::Census;
use crate::compiler::compile;
use crate::error::VmError;
use crate::frame::Frame;
use crate::machine::{Gives, Vm};
use crate::show::Shown;
use crate::value::{Cursor, Value};
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `eval(text)`: runs a text as transient code; the value is its last expression's.
    Eval,
    /// `getrefcount(value)`: references to an object, handles of transient code, `None` of what nobody counts.
    GetRefCount,
    /// `len(list)`.
    Len,
    /// `next(iterator, default)`: an item; without one, the default, else an error.
    Next,
    /// `print(…)`.
    Print,
    /// `range(end)`, `range(start, end)`.
    Range,
}

impl Builtin {
    /// In the order of the slots that caches know them by.
    pub const ALL: [Self; 6] = [Self::Eval, Self::GetRefCount, Self::Len, Self::Next, Self::Print, Self::Range];

    pub fn name(self) -> &'static str {
        match self {
            Self::Eval => "eval",
            Self::GetRefCount => "getrefcount",
            Self::Len => "len",
            Self::Next => "next",
            Self::Print => "print",
            Self::Range => "range",
        }
    }
}

impl<'a> Vm<'a> {
    /// Calls a built-in function, whose arguments are on the stack.
    pub(crate) fn call_builtin(&mut self, builtin: Builtin, args: usize) -> Result<(), VmError> {
        let heap = self.world.heap;
        let (_, values) = self.frames.last().ok_or(VmError::Code)?.frame.called(args)?;
        let value = match (builtin, values) {
            (Builtin::Eval, [Value::Text(source)]) => {
                let tree = compile("<eval>", source.as_str())?;
                let frame = Frame::new(self.world.transient(&tree)?, None, &[], self.world.memory())?;
                return self.enter(frame, Gives::Call(args));
            }
            (Builtin::GetRefCount, [value]) => {
                let count = value.count();
                if self.censuses.is_some() {
                    let census = Census::take(self, value, args)?;
                    self.censuses.get_or_insert_default().push(census);
                }
                count.map_or(Value::None, |count| Value::Int(count as i64))
            }
            (Builtin::Len, [Value::List(list)]) => Value::Int(list.items.len() as i64),
            (Builtin::Len, [Value::Text(text)]) => Value::Int(text.as_str().chars().count() as i64),
            (Builtin::Next, [Value::Generator(generator), ..]) if args <= 2 => {
                let generator = generator.clone();
                return self.resume(&generator.clone(), Gives::Next(generator, args));
            }
            (Builtin::Next, [Value::Cursor(cursor)]) => cursor.next().ok_or(VmError::Exhausted)?,
            (Builtin::Next, [Value::Cursor(cursor), default]) => cursor.next().unwrap_or_else(|| default.clone()),
            (Builtin::Print, values) => {
                let mut line = String::new();
                for (index, value) in values.iter().enumerate() {
                    line.push_str(if index == 0 { "" } else { " " });
                    match value {
                        Value::Text(text) => line.push_str(text.as_str()),
                        other => _ = write!(line, "{}", Shown(other)),
                    }
                }
                self.world.output.push_str(&line);
                self.world.output.push('\n');
                Value::None
            }
            (Builtin::Range, [Value::Int(end)]) => Cursor::value(heap, 0, *end, None)?,
            (Builtin::Range, [Value::Int(start), Value::Int(end)]) => Cursor::value(heap, *start, *end, None)?,
            _ => return Err(VmError::Type(format!("`{}` cannot be called with these arguments", builtin.name()))),
        };
        self.top()?.finish_call(args, value)
    }
}
