//! [`LinkError`]: why a link was not set.

use core::fmt;

/// The reason why a [`Link`](crate::Link) was not set. The link is as it was. One byte, `Copy`.
///
/// ```
/// use permacode::{CodeArena, Error, Link};
/// use permacode::error::LinkError;
///
/// let arena = CodeArena::new()?;
/// let loader = arena.load("m")?;
/// let (link, one): (&Link<'_, u32>, _) = (loader.alloc(Link::unset())?, loader.alloc(1)?);
/// loader.finish();
/// let late = arena.load("late")?;
/// assert_eq!(late.link(link, one), Err(Error::Link(LinkError::Finished)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The link does not lie in a block of this loader: it is another loader's, another arena's, or on the stack.
    Foreign,
    /// The link lies in a module that is finished, so nothing may write there any more.
    Finished,
    /// The link was set before. A link is set once.
    AlreadySet,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => {
                "the link does not lie in a block of this loader: set it by the loader that made its block"
            }
            Self::Finished => "the link lies in a finished module: set it before the module is finished",
            Self::AlreadySet => "the link is already set: set each link once, or keep what changes in a side table",
        })
    }
}

impl core::error::Error for LinkError {}
