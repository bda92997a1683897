//! Where the pages of a case come from.

use arbitrary::Arbitrary;
use permacode::pages::{OrdinaryPages, PageSource};
use permacode::testing::Pages;
use std::sync::Arc;

/// The page source of a case. Watched, whichever it is ([`Pages`]).
///
/// ```
/// use permacode_model::{Block, CodeCase, CodeOp, Reserve};
///
/// for reserve in [Reserve::System, Reserve::Unaligned, Reserve::Ordinary] {
///     let ops = vec![CodeOp::Load, CodeOp::Alloc(0, Block::Padded { len: 9, align: 14, zeros: 1 }), CodeOp::SealArena];
///     CodeCase { reserve, megabytes: 0, limit: None, ops }.check(); // 16 KiB aligned, wherever pages come from
/// }
/// ```
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// The operating system's pages where there are some.
    System,
    /// The same, aligned to one page only.
    Unaligned,
    /// Ordinary memory.
    Ordinary,
}

impl Reserve {
    pub(crate) fn pages(self) -> Arc<Pages> {
        #[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
        let system = || -> Box<dyn PageSource> { Box::new(permacode::pages::SystemPages) };
        #[cfg(not(all(unix, not(miri), not(permacode_ordinary_pages))))]
        let system = || -> Box<dyn PageSource> { Box::new(OrdinaryPages) };
        match self {
            Self::System => Pages::watching(system()),
            Self::Unaligned => Pages::unaligned(system()),
            Self::Ordinary => Pages::watching(Box::new(OrdinaryPages)),
        }
    }
}

/// Checks what must hold when all that used these pages is dropped.
#[track_caller]
pub(crate) fn check_at_end(pages: &Pages) {
    assert_eq!(pages.live(), 0, "a reservation was not released");
    assert_eq!(pages.violations(), 0, "the page source was misused");
}
