//! The code arena: blocks that are built once and then only read.
//!
//! ```text
//!   load     a module while it is open
//!   arena    what a user holds and asks
//!   store    where blocks lie: pages and records       value    what blocks are made of
//! ```
//!
//! Everything here keeps two rules. Code pages hold blocks and zeros, nothing else (invariants 1 and 7). What threads share changes
//! by one atomic operation at a time, each of which leaves a state that a thread, or a forked child, can go on from (invariant 5).

mod arena;
mod load;
mod store;
mod value;

pub use arena::{CodeArena, CodeArenaBuilder, CodeStats, Location, Module, Modules, SealReport, SharedBytes};
pub use load::{Loader, NativeModule};
pub use store::Protection;
pub use value::{Link, Name, Permanent, Sites, Tracer};

pub(crate) use load::{BlockNote, BlockSource};
pub(crate) use value::{Block, Found, Kind, Reference};
