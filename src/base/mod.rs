//! The ground that everything stands on: arithmetic, pages, the processor, atomics. It knows no arena.
//!
//! `hash`, `clock` and `end` are different without the standard library, and nothing above them sees it.

pub(crate) mod align;
pub(crate) mod atomics;
pub(crate) mod bits;
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod checksum;
pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod end;
pub(crate) mod hash;
pub(crate) mod otherwise;
pub(crate) mod page;
pub(crate) mod page_range;
#[cfg(all(
    feature = "std",
    target_os = "linux",
    any(feature = "residency", feature = "image", not(any(miri, permacode_ordinary_pages)))
))]
pub(crate) mod path;
pub(crate) mod plural;
