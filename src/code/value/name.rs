//! A name: text that the loaders of an arena keep once.
//!
//! ```text
//!   permanent code of one arena    Name ──▶ "total"      one copy, so one address
//!                                  Name ──────▲
//!   transient code                 Name ──▶ "total"      the arena's copy if there is one, else its region's own
//! ```
//!
//! A name is its text (invariant 9). Equal addresses are a quick yes; different ones say nothing. So nothing here ever answers "no" by
//! address, and a map that is keyed by names survives code that is freed.

use super::permanent::Permanent;
use super::tracer::Tracer;
use alloc::string::String;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;
use core::ptr;

/// An interned name, which is compared by its text.
///
/// [`Loader::intern_name`](crate::Loader::intern_name) makes one, [`CodeArena::interned`](crate::CodeArena::interned) finds one. It
/// dereferences to `str`, and compares with `&str` and `String`. It goes where a `&'a str` goes: into fields of blocks, behind
/// `Option` (the same size), into a [`Link`](crate::Link). [Promotion](crate::CodeRef::promote) makes it the arena's copy.
///
/// # Equality
///
/// Two names are equal if their texts are. Comparing looks at the addresses first: equal addresses are a quick yes. The hash and the
/// order are those of the text too, so a map with `Name` keys is asked by `&str`.
///
/// # Addresses
///
/// Among permanent code of one arena, equal names have equal addresses, in all modules and threads. Elsewhere they need
/// not. Transient code keeps a copy of a name that its arena does not have, and each arena has copies of its own. The
/// address of such a copy goes to another text when the code is freed. So a cache may use a name's address as its key
/// only while the code that the name came from lives.
///
/// ```
/// use permacode::{CodeArena, Name};
/// use std::collections::HashMap;
///
/// # fn main() -> Result<(), permacode::Error> {
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let print: Name<'_> = loader.intern_name("print")?;
/// assert_eq!(print, "print");
/// assert_eq!(print.len(), 5); // a method of `str`
///
/// let mut globals = HashMap::from([(print, 1)]);
/// assert_eq!(globals.get("print"), Some(&1)); // no name is made for the question
/// assert_eq!(globals.insert(loader.intern_name("print")?, 2), Some(1));
/// # Ok(())
/// # }
/// ```
///
/// # Cost
///
/// Two words, `Copy`, no count. Names with equal addresses compare in two comparisons of words, others as their texts do.
///
/// # Variance
///
/// Covariant in `'a`, as a `&'a str` is.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Name<'a>(&'a str);

// SAFETY: one `&str`, which is `Permanent`: covariant, no cell, no drop glue. It is shown where it lies; the type is laid out as the `&str`
// alone.
unsafe impl Permanent for Name<'_> {
    type At<'x> = Name<'x>;

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.name(&self.0);
    }
}

impl<'a> Name<'a> {
    /// A name of text that was interned.
    pub(in crate::code) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Returns the text, for as long as the name may be used. Dereferencing gives it for the borrow of the name only.
    ///
    /// ```
    /// # use permacode::{CodeArena, Name};
    /// fn text<'a>(names: &[Name<'a>]) -> Option<&'a str> {
    ///     names.first().map(|name| name.as_str())
    /// }
    /// let arena = CodeArena::new()?;
    /// assert_eq!(text(&[arena.load("m")?.intern_name("len")?]), Some("len"));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    #[inline]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl PartialEq for Name<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

impl Eq for Name<'_> {}

impl PartialOrd for Name<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if ptr::eq(self.0, other.0) { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}

/// As the text's, so that a map with names as keys is asked by `&str`.
impl Hash for Name<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Borrow<str> for Name<'_> {
    #[inline]
    fn borrow(&self) -> &str {
        self.0
    }
}

impl AsRef<str> for Name<'_> {
    #[inline]
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl Deref for Name<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.0
    }
}

impl<'a> From<Name<'a>> for &'a str {
    #[inline]
    fn from(name: Name<'a>) -> Self {
        name.0
    }
}

/// Comparisons with text, both ways round.
macro_rules! compares_with {
    ($($text:ty),*) => { $(
        impl PartialEq<$text> for Name<'_> {
            #[inline]
            fn eq(&self, other: &$text) -> bool {
                let other: &str = other;
                self.0 == other
            }
        }

        impl PartialEq<Name<'_>> for $text {
            #[inline]
            fn eq(&self, other: &Name<'_>) -> bool {
                other == self
            }
        }
    )* };
}

compares_with!(str, &str, String);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

/// As the text's, in quotation marks.
impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}
