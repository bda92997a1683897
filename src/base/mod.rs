//! The ground that everything stands on: arithmetic, pages, the processor, atomics. It knows no arena.

pub(crate) mod align;
pub(crate) mod atomics;
pub(crate) mod bits;
pub(crate) mod cpu;
pub(crate) mod page;
pub(crate) mod page_range;
#[cfg(all(target_os = "linux", any(feature = "residency", not(any(miri, permacode_ordinary_pages)))))]
pub(crate) mod path;
pub(crate) mod plural;
