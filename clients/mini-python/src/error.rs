//! What can go wrong with a program: always a value.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VmError {
    /// Line 0 says that it is not known.
    Syntax {
        line: usize,
        message: String,
    },
    /// A name that has no value, or an attribute that does not exist.
    Name(String),
    /// An operation that its operands do not know.
    Type(String),
    /// Operands of the right kind and of the wrong value.
    Value(&'static str),
    /// Too many calls within each other.
    Depth,
    /// `next` of what has no more.
    Exhausted,
    /// The code is not what a compiler makes.
    Code,
    Arena(permacode::Error),
}

impl fmt::Display for VmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line: 0, message } => write!(f, "syntax: {message}"),
            Self::Syntax { line, message } => write!(f, "syntax, line {line}: {message}"),
            Self::Name(name) => write!(f, "`{name}` has no value"),
            Self::Type(message) => f.write_str(message),
            Self::Value(message) => f.write_str(message),
            Self::Depth => f.write_str("too many calls within each other"),
            Self::Exhausted => f.write_str("there is no next item"),
            Self::Code => f.write_str("no such code"),
            Self::Arena(error) => write!(f, "arena: {error}"),
        }
    }
}

impl std::error::Error for VmError {}

impl From<permacode::Error> for VmError {
    fn from(error: permacode::Error) -> Self {
        Self::Arena(error)
    }
}

/// A refusal of the heap by way of a collection.
pub fn memory<T>(bytes: usize) -> impl FnOnce(T) -> VmError {
    move |_| VmError::Arena(permacode::Error::Memory { bytes })
}
