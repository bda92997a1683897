//! The code arena: blocks that are built once and then only read.
//!
//! ```text
//!   arena · builder · harden       what a user holds
//!   blocks · loader · fill         how a module is built (native: of machine code)
//!   filling · region               where a loader's room comes from: pages of the arena, or a region elsewhere
//!   bump                           the fast path
//!   link · sites · permanent       what its blocks are made of (trace: what they refer to)
//!   module · shared · stats        what is left of it, and what can be asked
//!   ──────────────────────────────
//!   code_pages                     claimed → closed → sealed → replaced → fixed; who may write where (refusal: why not)
//!   extent · page_table · names    records and tables over the pages
//!   ledger · published             where records lie, and how they are found
//!   watermark                      what is claimed
//! ```
//!
//! Everything here keeps two rules. Code pages hold blocks and zeros, nothing else (invariants 1 and 7). What threads share changes
//! by one atomic operation at a time, each of which leaves a state that a thread, or a forked child, can go on from (invariant 5).

mod arena;
mod blocks;
mod builder;
mod bump;
mod code_pages;
mod extent;
mod fill;
mod filling;
mod harden;
mod ledger;
mod link;
mod loader;
mod module;
mod names;
mod native;
mod page_table;
mod permanent;
mod published;
mod refusal;
mod region;
mod sealing;
mod shared;
mod sites;
mod stats;
mod trace;
mod watermark;

pub use arena::{CodeArena, permacode_code_contains};
pub use builder::CodeArenaBuilder;
pub use harden::Sealed;
pub use link::Link;
pub use loader::Loader;
pub use module::{Hardening, Location, Module, Modules};
pub use native::NativeLoader;
pub use permanent::Permanent;
pub use shared::Shared;
pub use sites::Sites;
pub use stats::Stats;
pub use trace::Tracer;

pub(crate) use region::{Note, Region};
pub(crate) use trace::{Block, Found, Kind, Reference};
