//! Values as text.

use crate::class::Class;
use crate::value::Value;
use crate::vm::Vm;
use permacode::Gc;
use std::fmt::Write;

/// The most bytes of the text of a list or a dictionary; the rest is left out.
const LONGEST: usize = 1 << 16;
/// The depth to which lists in lists are shown.
const DEEPEST: usize = 20;

impl<'a> Vm<'a> {
    /// The text of a value; with `quoted`, a text stands in quotation marks.
    pub(crate) fn show(&self, value: Value<'a>, quoted: bool) -> String {
        let mut text = String::new();
        self.show_in(&mut text, value, quoted, 0);
        text
    }

    fn show_in(&self, out: &mut String, value: Value<'a>, quoted: bool, depth: usize) {
        // Writing to a `String` does not fail.
        _ = match value {
            Value::Nil => write!(out, "nil"),
            Value::Bool(truth) => write!(out, "{truth}"),
            Value::Int(number) => write!(out, "{number}"),
            Value::Float(number) => write!(out, "{number:?}"),
            Value::Text(text) if quoted => write!(out, "{:?}", &*text),
            Value::Text(text) => write!(out, "{text}"),
            Value::List(_) | Value::Dict(_) if depth == DEEPEST || out.len() > LONGEST => write!(out, "..."),
            Value::List(list) => {
                out.push('[');
                for (number, element) in list.elements().iter().enumerate() {
                    out.push_str(if number > 0 { ", " } else { "" });
                    self.show_in(out, *element, true, depth + 1);
                    if out.len() > LONGEST {
                        break;
                    }
                }
                write!(out, "]")
            }
            Value::Dict(dict) => {
                out.push('{');
                for (number, entry) in dict.entries().enumerate() {
                    out.push_str(if number > 0 { ", " } else { "" });
                    self.show_in(out, entry.key, true, depth + 1);
                    out.push_str(": ");
                    self.show_in(out, entry.value, true, depth + 1);
                    if out.len() > LONGEST {
                        break;
                    }
                }
                write!(out, "}}")
            }
            Value::Function(function) => write!(out, "<fn {}>", function.code.get().name),
            Value::Native(native) => write!(out, "<fn {}>", native.name()),
            Value::Bound(bound) => match bound.method {
                Value::Function(function) => write!(out, "<fn {}>", function.code.get().name),
                _ => write!(out, "<fn>"),
            },
            Value::Class(class) => write!(out, "<class {}>", &*class.name),
            Value::Instance(instance) if self.is_error(value) => {
                let message = instance.get_named("message").unwrap_or(Value::Nil);
                out.push_str(&instance.class.name);
                if !matches!(message, Value::Nil) {
                    out.push_str(": ");
                    self.show_in(out, message, false, DEEPEST);
                }
                Ok(())
            }
            Value::Instance(instance) => write!(out, "<{}>", &*instance.class.name),
            Value::Generator(_) => write!(out, "<generator>"),
            Value::Module(module) => write!(out, "<module {}>", &*module.name),
            Value::Iter(iter) => match iter.range() {
                Some(range) => write!(out, "range({}, {}, {})", range.from, range.to, range.step),
                None => write!(out, "<iterator>"),
            },
            Value::Variable(_) | Value::Absent => write!(out, "<nothing>"),
        };
    }

    /// Returns `true` if a value is of the class `Error`, or of one that inherits from it.
    pub(crate) fn is_error(&self, value: Value<'a>) -> bool {
        match (value, self.builtins.get_named("Error")) {
            (Value::Instance(instance), Some(Value::Class(error))) => Class::is(instance.class, error),
            _ => false,
        }
    }
}

/// The text of a value that is one.
pub(crate) fn as_text(value: Value<'_>) -> Option<Gc<'_, str>> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
