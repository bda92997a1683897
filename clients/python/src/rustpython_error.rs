//! [`RustPythonError`]: why a file has no code object of RustPython's compiler, or one that is not converted.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The reason why a file was not compiled, or its code not converted.
#[derive(Debug)]
#[non_exhaustive]
pub enum RustPythonError {
    /// The system did not let it be read.
    System(PathBuf, io::Error),
    /// It is not UTF-8.
    Text(PathBuf),
    /// The compiler refused it, in these words.
    Syntax(PathBuf, String),
    /// A field of a code object does not follow from the others, so that the frozen form would lose it.
    Field {
        /// The qualified name of the code object.
        code: String,
        /// The field.
        field: Field,
    },
}

/// A field of the compiler's that the frozen form has in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The positions of its instructions are not those of its line table.
    Positions,
    /// Its lists of variables are not those of its kinds.
    Variables,
    /// Its first line has more than 31 bits.
    FirstLine,
}

impl fmt::Display for RustPythonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Text(path) => {
                write!(f, "{}: it is not UTF-8: RustPython's compiler takes no other encoding", path.display())
            }
            Self::Syntax(path, words) => write!(f, "{}: RustPython's compiler refused it: {words}", path.display()),
            Self::Field { code, field } => {
                let what = match field {
                    Field::Positions => "positions are not those of its line table",
                    Field::Variables => "lists of variables are not those of its kinds",
                    Field::FirstLine => "first line has more than 31 bits",
                };
                write!(f, "the code object {code}: its {what}: use the pinned version of the compiler")
            }
        }
    }
}

impl std::error::Error for RustPythonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(_, error) => Some(error),
            _ => None,
        }
    }
}
