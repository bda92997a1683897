//! How values look.

use crate::value::Value;
use std::fmt::{Display, Formatter, Result, Write};

/// How deep in each other lists are shown.
const DEEPEST: usize = 20;

/// A value as a program would write it.
pub struct Shown<'v, 'a>(pub &'v Value<'a>);

impl Display for Shown<'_, '_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        show(self.0, DEEPEST, f)
    }
}

fn show(value: &Value<'_>, depth: usize, f: &mut Formatter<'_>) -> Result {
    match value {
        Value::Unset | Value::None => f.write_str("None"),
        Value::Bool(true) => f.write_str("True"),
        Value::Bool(false) => f.write_str("False"),
        Value::Int(int) => write!(f, "{int}"),
        Value::Builtin(builtin) => write!(f, "<built-in function {}>", builtin.name()),
        Value::Text(text) => write!(f, "'{}'", text.as_str().escape_default()),
        Value::List(_) if depth == 0 => f.write_str("..."),
        Value::List(list) => {
            let (open, close) = if list.tuple { ('(', ')') } else { ('[', ']') };
            f.write_char(open)?;
            for (index, item) in list.items.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ", " })?;
                show(item, depth - 1, f)?;
            }
            f.write_str(if list.tuple && list.items.len() == 1 { "," } else { "" })?;
            f.write_char(close)
        }
        Value::Function(function) => write!(f, "<function {}>", function.code.get().get().name),
        Value::Generator(generator) => write!(f, "<generator {}>", generator.code.get().name),
        Value::Cursor(_) => f.write_str("<iterator>"),
        Value::Variable(_) => f.write_str("<variable>"),
        Value::Code(code) => write!(f, "<code {}>", code.name()),
    }
}
