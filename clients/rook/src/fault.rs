//! The reasons why an operation does not come to its end.

use crate::value::Value;
use permacode::Error;

/// A mistake or a refusal in an operation. All but the last become exceptions of the language.
pub(crate) enum Fault<'a> {
    /// The program threw a value.
    Thrown(Value<'a>),
    /// A mistake of the program: the class of the exception, and its message.
    Raised(Kind, String),
    /// An arena refused memory. The operation changed nothing, so it can run again after a collection.
    Refused(Error),
    /// The program has used up the operations that it may run.
    Fuel,
}

impl From<Error> for Fault<'_> {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The class of an exception that the machine throws. The prelude declares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Type,
    Name,
    Attribute,
    Value,
    Index,
    Key,
    Arithmetic,
    Memory,
    Recursion,
    Syntax,
    Import,
    Stop,
    Output,
}

impl Kind {
    pub(crate) const ALL: [(Self, &'static str); 13] = [
        (Self::Type, "TypeError"),
        (Self::Name, "NameError"),
        (Self::Attribute, "AttributeError"),
        (Self::Value, "ValueError"),
        (Self::Index, "IndexError"),
        (Self::Key, "KeyError"),
        (Self::Arithmetic, "ArithmeticError"),
        (Self::Memory, "MemoryError"),
        (Self::Recursion, "RecursionError"),
        (Self::Syntax, "SyntaxError"),
        (Self::Import, "ImportError"),
        (Self::Stop, "StopError"),
        (Self::Output, "OutputError"),
    ];
}

/// An exception that the machine throws.
pub(crate) fn raise<'a, T>(kind: Kind, message: impl Into<String>) -> Result<T, Fault<'a>> {
    Err(Fault::Raised(kind, message.into()))
}
