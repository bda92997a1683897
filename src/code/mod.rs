//! The code arena's further types: builder, native code, finished modules, protection.
//!
//! | | |
//! | --- | --- |
//! | [`CodeArenaBuilder`] | chooses the reservation, a limit, the pages, what a seal tries to reach |
//! | [`NativeModule`] | the open phase of machine code: writable first, executable then, never both |
//! | [`Modules`], [`Location`] | the finished modules of an arena; where in which of them a pointer points |
//! | [`Protection`], [`SealReport`] | how hard sealed code is to change; what a seal did |
//! | [`SharedBytes`] | bytes of an arena with a share in the arena |
//! | [`shorten`], [`OneLifetime`] | the same code at a shorter lifetime, for code with a [`Link`](crate::Link); its bound |
//! | [`Tracer`] | walks what a block refers to; for those who implement [`Permanent`] by hand |
// load     a module while it is open
// arena    what a user holds and asks
// store    where blocks lie: pages and records       value    what blocks are made of
//
// Everything here keeps two rules. Code pages hold blocks and zeros, nothing else (invariants 1 and 7). What threads share changes by one
// atomic operation at a time, each of which leaves a state that a thread, or a forked child, can go on from (invariant 5).

pub(crate) mod arena;
pub(crate) mod load;
mod store;
pub(crate) mod value;

pub use arena::{CodeArenaBuilder, Location, Modules, SealReport, SharedBytes};
pub use load::NativeModule;
pub use store::Protection;
pub use value::{OneLifetime, Tracer, shorten};

#[cfg(permacode_begin_with_image)]
pub(crate) use arena::BEGINNING;
pub(crate) use arena::{CodeArena, Counted, Ends, Share};
pub(crate) use load::{BlockNote, BlockSource, Loader};
pub(crate) use store::Returns;
#[cfg(all(feature = "fault-report", target_os = "linux"))]
pub(crate) use store::{Place, look};
#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
pub(crate) use store::{Preface, Prefix, PrefixPart, PrefixPlace, PrefixPlaced};
pub(crate) use value::{Block, Found, Kind, Permanent, Reference, SiteCounter, SitePool, SiteRange, Sites};
