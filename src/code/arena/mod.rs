//! The arena as a user holds it: its finished modules, sealing, statistics.
//!
//! ```text
//!   builder · shared_bytes          how an arena is made, and given to others
//!   edges over share                what an arena keeps alive; a counted share in an arena
//!   kept                            values that lie in an arena for those who borrow it
//!   seal                            making what is finished read-only
//!   modules                         what is left of a load
//!   aligned                         blocks whose alignment no type says
//!   arena over stats                what a user holds, and what can be asked
//! ```

#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
mod aligned;
mod arena;
mod builder;
mod edges;
mod kept;
mod modules;
mod seal;
mod share;
mod shared_bytes;
mod stats;

pub use arena::CodeArena;
#[cfg(permacode_begin_with_image)]
pub(crate) use builder::BEGINNING;
pub use builder::CodeArenaBuilder;
pub use modules::{Location, Module, Modules};
pub use seal::SealReport;
pub use shared_bytes::SharedBytes;
pub use stats::CodeStats;

pub(crate) use kept::Ends;
pub(crate) use share::{Counted, Share};
