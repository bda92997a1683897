//! Functions of the machine.

use crate::evaluated;
use crate::fault::{Fault, Kind, raise};
use crate::frame::Role;
use crate::iterator::{Iter, Range, Source};
use crate::list::List;
use crate::show::as_text;
use crate::value::Value;
use crate::vm::Vm;

/// A function of the machine, which programs call by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// Prints values, and a line end behind them.
    Print,
    /// The text of a value.
    Str,
    /// The text of a value as a program would write it.
    Repr,
    /// A whole number of a number or a text.
    Int,
    /// A number of a number or a text.
    Float,
    /// The count of elements.
    Len,
    /// The name of a type.
    Type,
    /// Whole numbers in a row.
    Range,
    /// A list of all that a loop would go over.
    List,
    /// Runs a text.
    Eval,
    /// Asks if a value is of a class.
    IsA,
    /// The next value of a generator.
    Next,
    /// The text of a code point.
    Chr,
    /// The code point of a text.
    Ord,
    /// Collects, and returns how many objects went.
    Gc,
    /// The bytes of live objects.
    Memory,
}

impl Native {
    pub(crate) const ALL: [Self; 16] = [
        Self::Print,
        Self::Str,
        Self::Repr,
        Self::Int,
        Self::Float,
        Self::Len,
        Self::Type,
        Self::Range,
        Self::List,
        Self::Eval,
        Self::IsA,
        Self::Next,
        Self::Chr,
        Self::Ord,
        Self::Gc,
        Self::Memory,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Print => "print",
            Self::Str => "str",
            Self::Repr => "repr",
            Self::Int => "int",
            Self::Float => "float",
            Self::Len => "len",
            Self::Type => "type",
            Self::Range => "range",
            Self::List => "list",
            Self::Eval => "eval",
            Self::IsA => "is_a",
            Self::Next => "next",
            Self::Chr => "chr",
            Self::Ord => "ord",
            Self::Gc => "gc",
            Self::Memory => "memory",
        }
    }

    /// The least and the most arguments that it takes.
    fn takes(self) -> (usize, usize) {
        match self {
            Self::Print => (0, 255),
            Self::Range => (1, 3),
            Self::IsA => (2, 2),
            Self::Gc | Self::Memory => (0, 0),
            _ => (1, 1),
        }
    }
}

impl<'a> Vm<'a> {
    /// Calls a function of the machine with the uppermost values.
    pub(crate) fn call_native(&mut self, native: Native, arguments: usize) -> Result<(), Fault<'a>> {
        let (least, most) = native.takes();
        if !(least..=most).contains(&arguments) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return raise(Kind::Type, format!("{} takes {wanted} argument(s), not {arguments}", native.name()));
        }
        let first = if arguments > 0 { self.peek(arguments - 1) } else { Value::Nil };
        let value = match native {
            Native::Print => {
                let values = self.stack.len() - arguments;
                let shown: Vec<String> = self.stack[values..].iter().map(|value| self.show(*value, false)).collect();
                let line = shown.join(" ");
                self.charge(line.len() / 16)?;
                if !self.output.line(line) {
                    return raise(Kind::Output, "what was printed could not be written");
                }
                Value::Nil
            }
            Native::Str if as_text(first).is_some() => first,
            Native::Str | Native::Repr => {
                let text = self.show(first, native == Native::Repr);
                self.charge(text.len() / 16)?;
                self.new_text(&text)?
            }
            Native::Int => to_int(first)?,
            Native::Float => to_float(first)?,
            Native::Len => self.len_of(first)?,
            Native::Type => self.new_text(first.type_name())?,
            Native::Range => self.range(arguments)?,
            Native::List => return self.list_of(first),
            Native::Eval => return self.eval(first),
            Native::IsA => Value::Bool(self.is_a(first, self.peek(0))?),
            Native::Next => match first {
                Value::Generator(generator) => return self.resume(generator, Value::Nil, 2, Role::Next(generator)),
                other => return raise(Kind::Type, format!("a value of type {} is no generator", other.type_name())),
            },
            Native::Chr => match first {
                Value::Int(point) => match u32::try_from(point).ok().and_then(char::from_u32) {
                    Some(char) => self.new_text(char.encode_utf8(&mut [0; 4]))?,
                    None => return raise(Kind::Value, format!("{point} is no code point")),
                },
                other => return raise(Kind::Type, format!("chr is not for a value of type {}", other.type_name())),
            },
            Native::Ord => match as_text(first).and_then(|text| text.chars().next()) {
                Some(char) => Value::Int(i64::from(u32::from(char))),
                None => return raise(Kind::Type, "ord wants a text of a character"),
            },
            Native::Gc => Value::Int(self.collect()? as i64),
            Native::Memory => Value::Int(self.arenas.heap.stats().live as i64),
        };
        self.replace(arguments + 1, value);
        Ok(())
    }

    fn range(&mut self, arguments: usize) -> Result<Value<'a>, Fault<'a>> {
        let mut numbers = [0; 3];
        for (at, number) in numbers.iter_mut().enumerate().take(arguments) {
            match self.peek(arguments - 1 - at) {
                Value::Int(value) => *number = value,
                other => {
                    return raise(Kind::Type, format!("range wants ints, not a value of type {}", other.type_name()));
                }
            }
        }
        let (from, to, step) = match arguments {
            1 => (0, numbers[0], 1),
            2 => (numbers[0], numbers[1], 1),
            _ => (numbers[0], numbers[1], numbers[2]),
        };
        if step == 0 {
            return raise(Kind::Value, "the step of a range is not 0");
        }
        Ok(Value::Iter(Iter::new(&self.arenas.heap, Source::Range(Range { from, to, step }))?))
    }

    pub(crate) fn len_of(&mut self, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        let len = match value {
            Value::Text(text) => {
                self.charge(text.len() / 16)?;
                text.chars().count()
            }
            Value::List(list) => list.len(),
            Value::Dict(dict) => dict.len(),
            Value::Iter(iter) if iter.range().is_some() => iter.range().map_or(0, Range::len),
            other => return raise(Kind::Type, format!("a value of type {} has no length", other.type_name())),
        };
        Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
    }

    /// Makes a list of what a loop would go over; of a generator, by a function of the prelude.
    fn list_of(&mut self, value: Value<'a>) -> Result<(), Fault<'a>> {
        if matches!(value, Value::Generator(_) | Value::Instance(_)) {
            let listed = self.builtins.get_named("listed").unwrap_or(Value::Nil);
            return self.call(listed, 1);
        }
        let iterator = self.iterator(value)?;
        let list = List::new(&self.arenas.heap, &[])?;
        if let Value::Iter(iter) = iterator {
            while let crate::iterator::Step::Value(value) = iter.next(&self.arenas.heap)? {
                self.charge(1)?;
                list.push(value)?;
            }
        }
        self.replace(2, Value::List(list));
        Ok(())
    }

    /// Compiles a text, and calls it.
    fn eval(&mut self, text: Value<'a>) -> Result<(), Fault<'a>> {
        let Some(source) = as_text(text) else {
            return raise(Kind::Type, format!("eval wants a text, not a value of type {}", text.type_name()));
        };
        self.charge(source.len())?;
        let module = self.frames.last().map_or(self.builtins, |frame| frame.function.module);
        let function = evaluated::function(self, module, &source)?;
        self.stack.truncate(self.stack.len() - 1);
        self.enter(function, Value::Nil, 0).inspect_err(|_| self.stack.push(text))
    }
}

fn to_int<'a>(value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    match value {
        Value::Int(_) => Ok(value),
        Value::Bool(truth) => Ok(Value::Int(i64::from(truth))),
        Value::Float(number) if number.is_finite() && number.abs() < 9.2e18 => Ok(Value::Int(number.trunc() as i64)),
        Value::Float(number) => raise(Kind::Arithmetic, format!("{number:?} is no int")),
        Value::Text(text) => match text.trim().parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => raise(Kind::Value, format!("{:?} is no int", shortened(&text))),
        },
        other => raise(Kind::Type, format!("int is not for a value of type {}", other.type_name())),
    }
}

fn to_float<'a>(value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    match value {
        Value::Float(_) => Ok(value),
        Value::Int(number) => Ok(Value::Float(number as f64)),
        Value::Text(text) => match text.trim().parse() {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => raise(Kind::Value, format!("{:?} is no float", shortened(&text))),
        },
        other => raise(Kind::Type, format!("float is not for a value of type {}", other.type_name())),
    }
}

/// The beginning of a text, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
