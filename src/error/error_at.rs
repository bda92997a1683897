//! An error with the place that it comes from.

use super::arena_error::Error;
use core::fmt;

/// An error, and the place that it comes from: the module that was loaded, or the arena that was to be made.
///
/// It prints the place before the error. `?` turns one with an [`Error`] into that, without the place.
///
/// ```
/// use permacode::{CodeArena, Error};
///
/// let arena = CodeArena::builder().limit(64 << 10).build()?;
/// let refused = arena.load_with("json", |loader| loader.alloc_slice_copy(&[7u8; 100_000])).expect_err("there is a limit");
/// assert!(matches!(refused.error, Error::Limit { .. }));
/// assert!(refused.to_string().starts_with("module json: the limit of 65536 bytes is reached"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Variance
///
/// Covariant in `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorAt<E = Error> {
    /// The place that it comes from.
    pub place: Place,
    /// The error itself: an [`Error`], or one of your own lowering function.
    pub error: E,
}

/// The place that an error comes from.
///
/// ```
/// use permacode::error::{ModuleName, Place};
///
/// assert_eq!(Place::Module(ModuleName::new("json")).to_string(), "module json");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A module that was being loaded.
    Module(ModuleName),
    /// Transient code that was being lowered.
    Transient,
    /// A code arena.
    Code,
    /// A heap arena.
    Heap,
}

/// The name of a module, kept in the error itself: 48 bytes, `Copy`, no allocation.
///
/// A name that is too long keeps its end, behind `…`, since that tells modules apart.
///
/// ```
/// use permacode::error::ModuleName;
///
/// assert_eq!(ModuleName::new("json").as_str(), "json");
/// let long = ModuleName::new("company.department.product.subsystem.component.module");
/// assert_eq!(long.as_str(), "…epartment.product.subsystem.component.module");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ModuleName {
    bytes: [u8; ROOM],
    len: u8,
}

/// Bytes of a name that are kept.
const ROOM: usize = 47;
const CUT: &str = "…";

impl<E> ErrorAt<E> {
    /// Adds the name of the module that was being loaded.
    ///
    /// ```
    /// use permacode::error::ErrorAt;
    /// use permacode::{CodeArena, Error, Owned};
    /// use std::sync::Arc;
    ///
    /// let arena = Arc::new(CodeArena::builder().reservation(1 << 20).build()?);
    /// let load = |name, bytes: &[u8]| -> Result<Owned<[u8]>, ErrorAt> {
    ///     Owned::load(&arena, name, |loader| loader.alloc_slice_copy(bytes)).map_err(|error| ErrorAt::in_module(name, error))
    /// };
    /// assert!(load("json", &[7; 100]).is_ok());
    /// assert!(load("tables", &[7; 2 << 20]).is_err_and(|refused| refused.to_string().starts_with("module tables: ")));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn in_module(name: &str, error: E) -> Self {
        Self { place: Place::Module(ModuleName::new(name)), error }
    }
}

impl ModuleName {
    /// Copies a name, or the end of it.
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; ROOM];
        let (cut, kept) = if name.len() <= ROOM { ("", name) } else { (CUT, end_of(name, ROOM - CUT.len())) };
        let len = cut.len() + kept.len();
        bytes[..cut.len()].copy_from_slice(cut.as_bytes());
        bytes[cut.len()..len].copy_from_slice(kept.as_bytes());
        Self { bytes, len: len as u8 }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// The longest end of a text that has at most so many bytes.
fn end_of(text: &str, bytes: usize) -> &str {
    let start = (text.len() - bytes..text.len()).find(|&start| text.is_char_boundary(start));
    &text[start.unwrap_or(text.len())..]
}

impl fmt::Debug for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(name) => write!(f, "module {name}"),
            Self::Transient => f.write_str("transient code"),
            Self::Code => f.write_str("the code arena"),
            Self::Heap => f.write_str("the heap arena"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ErrorAt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.error)
    }
}

impl<E: core::error::Error> core::error::Error for ErrorAt<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        // The error itself is printed already.
        self.error.source()
    }
}

impl<E: Into<Error>> From<ErrorAt<E>> for Error {
    fn from(at: ErrorAt<E>) -> Self {
        at.error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_name_of_any_length_keeps_its_end_at_the_border_of_a_character() {
        for unit in ["a", "ß", "語", "🦀", "a🦀"] {
            for times in 0..40 {
                let mut name = String::from("x");
                (0..times).for_each(|_| name.push_str(unit));
                let kept = ModuleName::new(&name);
                match kept.as_str().strip_prefix(CUT) {
                    Some(end) => {
                        assert!(name.len() > ROOM && name.ends_with(end) && end.len() >= ROOM - 3 - 3, "{name}")
                    }
                    None => assert_eq!(kept.as_str(), name),
                }
            }
        }
    }
}
