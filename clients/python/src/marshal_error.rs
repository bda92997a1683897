//! [`MarshalError`]: why bytes are no code object.

use std::fmt;

/// The reason why bytes are not a code object of CPython 3.11, and where in them it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarshalError {
    /// The bytes end too early.
    Ends {
        /// The place where they were expected to go on.
        at: usize,
        /// The number of bytes that are missing, at least.
        wanted: usize,
    },
    /// A type of value that no code object holds, such as a list.
    Kind {
        /// The place where it begins.
        at: usize,
        /// Its letter.
        kind: u8,
    },
    /// A value of another type than a field has.
    Expected {
        /// The place where the value ends.
        at: usize,
        /// The type that the field has.
        expected: &'static str,
        /// The type that was there.
        found: &'static str,
    },
    /// A reference to a value that did not come before.
    Reference {
        /// The place of the reference.
        at: usize,
        /// Its number.
        number: i32,
    },
    /// A length below zero.
    Length {
        /// The place of the length.
        at: usize,
        /// Its value.
        found: i32,
    },
    /// A digit of an integer with more than 15 bits.
    Digit {
        /// The place where the integer begins.
        at: usize,
    },
    /// Text that is not UTF-8, or not ASCII where that was promised.
    Text {
        /// The place where it begins.
        at: usize,
    },
    /// More values within values than [`DEPTH`](crate::marshal::DEPTH).
    Deep {
        /// The place of the innermost.
        at: usize,
    },
    /// Bytes behind the code object.
    Left {
        /// The place where they begin.
        at: usize,
        /// Their number.
        left: usize,
    },
}

impl fmt::Display for MarshalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends { at, wanted } => {
                write!(f, "it ends at byte {at}, and at least {wanted} more were expected: write it anew")
            }
            Self::Kind { at, kind } => write!(
                f,
                "at byte {at} is a value of type {:?}, which no code object of Python 3.11 holds: compile it with that version",
                char::from(*kind)
            ),
            Self::Expected { at, expected, found } => {
                write!(f, "expected {expected} and found {found}, which ends at byte {at}: compile it with Python 3.11")
            }
            Self::Reference { at, number } => {
                write!(f, "at byte {at} is a reference to value {number}, which did not come before: write it anew")
            }
            Self::Length { at, found } => write!(f, "at byte {at} is a length of {found}: write it anew"),
            Self::Digit { at } => write!(f, "the integer at byte {at} has a digit of more than 15 bits: write it anew"),
            Self::Text { at } => write!(f, "the text at byte {at} is not what its type promises: write it anew"),
            Self::Deep { at } => write!(
                f,
                "at byte {at} is a value within {} others, which is more than this reader goes into: simplify the source",
                crate::marshal::DEPTH
            ),
            Self::Left { at, left } => write!(f, "{left} bytes follow behind its end at byte {at}: write it anew"),
        }
    }
}

impl std::error::Error for MarshalError {}
