//! The ends of programs that do not come to their end.

use crate::syntax_error::SyntaxError;
use permacode::Error;
use std::fmt;

/// A program that ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The text of the program is no program.
    Syntax(String, SyntaxError),
    /// Nobody caught an exception: its text, and the calls that led to it, innermost first.
    Uncaught(String, String),
    /// The program ran as many operations as it may.
    Fuel,
    /// An arena refused what the machine or the program needs to begin.
    Refused(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(module, error) => write!(f, "SyntaxError: {module}, {error}"),
            Self::Uncaught(text, trace) => write!(f, "{text}\n{}", trace.trim_end()),
            Self::Fuel => f.write_str("the program ran as many operations as it may"),
            Self::Refused(error) => write!(f, "the program cannot be loaded: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}
