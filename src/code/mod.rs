//! The code arena: blocks that are built once and then only read.
//!
//! ```text
//!   builder · harden · shared      how an arena is made, hardened, given to others
//!   blocks · fill over loader      how a module is built (native: of machine code)
//!   filling · region               where a loader's blocks go: pages of the arena, or a region elsewhere
//!   module                         what is left of it
//!   arena over stats               what a user holds, and what can be asked
//!   ──────────────────────────────
//!   link · sites · name · permanent  what blocks are made of (trace: what they refer to)
//!   bump                           the fast path
//!   ──────────────────────────────
//!   code_pages · room · sealing    claimed → closed → sealed → replaced → fixed; who may write where (refusal: why not)
//!   directory · page_table · names tables over the pages and the modules
//!   extent                         records: modules, extents (hardening: how hard these are to change)
//!   ledger · published             where records lie, and how they are found
//!   shelf · watermark              tails that wait; what is claimed
//! ```
//!
//! Everything here keeps two rules. Code pages hold blocks and zeros, nothing else (invariants 1 and 7). What threads share changes
//! by one atomic operation at a time, each of which leaves a state that a thread, or a forked child, can go on from (invariant 5).

mod arena;
mod blocks;
mod builder;
mod bump;
mod code_pages;
mod directory;
mod extent;
mod fill;
mod filling;
mod harden;
mod hardening;
mod ledger;
mod link;
mod loader;
mod module;
mod name;
mod names;
mod native;
mod page_table;
mod permanent;
mod published;
mod refusal;
mod region;
mod room;
mod sealing;
mod shared;
mod shelf;
mod sites;
mod stats;
mod trace;
mod watermark;

pub use arena::{CodeArena, permacode_code_contains};
pub use builder::CodeArenaBuilder;
pub use harden::Sealed;
pub use hardening::Hardening;
pub use link::Link;
pub use loader::Loader;
pub use module::{Location, Module, Modules};
pub use name::Name;
pub use native::NativeLoader;
pub use permanent::Permanent;
pub use shared::Shared;
pub use sites::Sites;
pub use stats::Stats;
pub use trace::Tracer;

pub(crate) use region::{Note, Region};
pub(crate) use trace::{Block, Found, Kind, Reference};
