//! A description of frozen code, line by line: the same text that `dump.py describe` prints of CPython's own code objects.

use crate::frozen::{Code, Const};
use std::fmt::Write;

/// Describes a code object: each field by its name in Python, and each constant.
pub fn describe(code: &Code<'_>) -> String {
    let mut lines = String::new();
    code_lines(code, 0, &mut lines);
    lines
}

/// Begins a line.
fn begin(indent: usize, lines: &mut String) {
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines.extend(std::iter::repeat_n(' ', indent));
}

/// Adds a word to a line. A `String` takes whatever is written to it.
macro_rules! say {
    ($lines:expr, $($words:tt)*) => {{
        let _ = write!($lines, $($words)*);
    }};
}

fn hex(bytes: &[u8], lines: &mut String) {
    for byte in bytes {
        say!(lines, "{byte:02x}");
    }
}

fn code_lines(code: &Code<'_>, indent: usize, lines: &mut String) {
    begin(indent, lines);
    lines.push_str("code");
    let indent = indent + 1;
    let numbers = [
        ("co_argcount", code.arguments),
        ("co_posonlyargcount", code.positional_only),
        ("co_kwonlyargcount", code.keyword_only),
        ("co_stacksize", code.stack_size),
        ("co_flags", code.flags),
        ("co_firstlineno", code.first_line),
    ];
    for (name, number) in numbers {
        begin(indent, lines);
        say!(lines, "{name} {number}");
    }
    let texts = [
        ("co_name", code.name.as_bytes()),
        ("co_qualname", code.qualified_name.as_bytes()),
        ("co_filename", code.file.as_bytes()),
        ("co_code", code.units),
        ("co_linetable", code.line_table),
        ("co_exceptiontable", code.exception_table),
    ];
    for (name, bytes) in texts {
        begin(indent, lines);
        say!(lines, "{name} ");
        hex(bytes, lines);
    }
    let names = [
        ("co_names", code.names.to_vec()),
        ("co_varnames", code.variables_of(Code::LOCAL).collect()),
        ("co_cellvars", code.variables_of(Code::CELL).collect()),
        ("co_freevars", code.variables_of(Code::FREE).collect()),
    ];
    for (field, names) in names {
        begin(indent, lines);
        lines.push_str(field);
        for name in names {
            lines.push(' ');
            hex(name.as_bytes(), lines);
        }
    }
    begin(indent, lines);
    say!(lines, "co_consts {}", code.constants.len());
    code.constants.iter().for_each(|constant| constant_lines(constant, indent + 1, lines));
}

fn constant_lines(constant: &Const<'_>, indent: usize, lines: &mut String) {
    if let Const::Code(code) = constant {
        return code_lines(code, indent, lines);
    }
    begin(indent, lines);
    let bytes = |kind: &str, bytes: &[u8], lines: &mut String| {
        say!(lines, "{kind} ");
        hex(bytes, lines);
    };
    let group = |kind: &str, inner: &[Const<'_>], lines: &mut String| {
        say!(lines, "{kind} {}", inner.len());
        inner.iter().for_each(|constant| constant_lines(constant, indent + 1, lines));
    };
    match *constant {
        Const::None => lines.push_str("None"),
        Const::Ellipsis => lines.push_str("Ellipsis"),
        Const::Bool(true) => lines.push_str("bool True"),
        Const::Bool(false) => lines.push_str("bool False"),
        Const::Int(value) if value < 0 => {
            say!(lines, "int -{:x}", value.unsigned_abs());
        }
        Const::Int(value) => {
            say!(lines, "int {value:x}");
        }
        Const::Big(negative, digits) => {
            lines.push_str(if negative { "int -" } else { "int " });
            for (place, digit) in digits.iter().rev().enumerate() {
                match place {
                    0 => say!(lines, "{digit:x}"),
                    _ => say!(lines, "{digit:08x}"),
                }
            }
        }
        Const::Float(value) => {
            say!(lines, "float {:016x}", value.to_bits());
        }
        Const::Complex(real, imaginary) => {
            say!(lines, "complex {:016x} {:016x}", real.to_bits(), imaginary.to_bits());
        }
        Const::Name(name) => bytes("str", name.as_bytes(), lines),
        Const::Text(text) => bytes("str", text.as_bytes(), lines),
        Const::Surrogates(text) => bytes("str", text, lines),
        Const::Bytes(value) => bytes("bytes", value, lines),
        Const::Tuple(inner) => group("tuple", inner, lines),
        Const::Slice(inner) => group("slice", inner, lines),
        Const::FrozenSet(inner) => {
            // A set has no order of its own.
            say!(lines, "frozenset {}", inner.len());
            let mut described: Vec<String> = inner
                .iter()
                .map(|constant| {
                    let mut lines = String::new();
                    constant_lines(constant, indent + 1, &mut lines);
                    lines
                })
                .collect();
            described.sort();
            described.iter().for_each(|each| {
                lines.push('\n');
                lines.push_str(each);
            });
        }
        Const::Code(_) => {}
    }
}
