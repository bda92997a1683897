//! Pages in a row that are alike, as `/proc/<pid>/pagemap` describes each.

use core::fmt;
use core::ops::Range;

/// Pages in a row of which the same can be said. Pages without memory are in none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stretch {
    /// Where they lie.
    pub range: Range<usize>,
    /// What can be said.
    pub state: PageState,
}

/// Whether a page is shared, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageState {
    /// Other processes map it too. Of a page that is part of a large one the kernel may say so when another part is.
    Shared,
    /// Private memory that this process alone has: never shared, because nobody was forked since it was written; or copied, because this
    /// process wrote to it after a fork; or left behind by relatives that wrote or ended. The kernel does not tell which.
    PrivateCopy,
    /// A file's page that no other process has mapped *now*. It is no copy: whoever maps the file next shares it.
    MappedHereOnly,
    /// Swapped out, or on its way from one place in memory to another.
    Swapped,
}

impl fmt::Display for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared with other processes",
            Self::PrivateCopy => {
                "not shared: private memory that only this process has (nobody was forked since it was written, or it was written \
                 after a fork, or its relatives have ended)"
            }
            Self::MappedHereOnly => "not shared: a file's pages that no other process has mapped yet (no copy)",
            Self::Swapped => "not shared: swapped out",
        })
    }
}
