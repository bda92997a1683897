//! [`TypeMismatch`]: a root that is of another type than was asked for.

use crate::image::shape::Fingerprint;
use alloc::string::String;
use core::fmt;

/// The types of a root and of a program, where they are not the same.
///
/// ```
/// use permacode::{CodeArena, image::{Image, ImageError, ImageWriter}};
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let number = loader.alloc(7u32)?;
/// loader.seal()?;
/// let arena = Image::open_sealed(ImageWriter::new(&arena).root("number", number)?.seal()?)?.check::<u32>()?.open()?;
/// let Err(ImageError::Type(mismatch)) = arena.root::<i32>("number") else { panic!() };
/// assert_eq!((mismatch.found.0.as_str(), mismatch.expected.0), ("u32", "i32"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeMismatch {
    /// The name of the type that was asked for, and its fingerprint.
    pub expected: (&'static str, Fingerprint),
    /// Those of the root's type.
    pub found: (String, Fingerprint),
    /// The first field that differs, of a type that both have by name: what it is there, and here.
    pub differs: Option<String>,
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, found, differs } = self;
        if expected.0 != found.0 {
            return write!(f, "the root is a `{}`, expected a `{}`", found.0, expected.0);
        }
        write!(f, "the root is another `{}` than this program's: ", found.0)?;
        match differs {
            Some(differs) => f.write_str(differs)?,
            None => write!(f, "its fingerprint is {}, expected {}", found.1, expected.1)?,
        }
        f.write_str(". Write the image anew with this program")
    }
}
