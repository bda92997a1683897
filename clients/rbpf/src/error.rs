//! Errors, as values.

use core::fmt;

/// Why a program was not placed, compiled or brought to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EbpfError {
    /// rbpf refused it, in its own words: its verifier, its compiler, or its interpreter at an access out of bounds.
    Refused(String),
    /// rbpf compiles for x86-64 only, and writes the same on every other processor.
    Architecture,
    /// The code that rbpf wrote does not end as its functions do.
    NoEnd,
    /// The arena refused memory, or the system executable pages.
    Arena(permacode::Error),
}

impl From<rbpf::lib::Error> for EbpfError {
    fn from(error: rbpf::lib::Error) -> Self {
        // Without `std`, rbpf's error shows its text in `Debug` only.
        Self::Refused(format!("{error:?}"))
    }
}

impl From<permacode::Error> for EbpfError {
    fn from(error: permacode::Error) -> Self {
        Self::Arena(error)
    }
}

impl fmt::Display for EbpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(words) => write!(f, "rbpf refused: {words}"),
            Self::Architecture => f.write_str("rbpf compiles for x86-64 only"),
            Self::NoEnd => f.write_str("rbpf's machine code does not end with a return"),
            Self::Arena(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EbpfError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Arena(error) => Some(error),
            _ => None,
        }
    }
}
