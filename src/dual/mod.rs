//! Both arenas of an interpreter, as one value.
//!
//! ```text
//!   builder     what is chosen before there are any
//!   arena       both of them
//! ```

mod arena;
mod builder;

pub use arena::{ArenaKind, DualArena};
pub use builder::DualArenaBuilder;
