//! Loaders, and the rooms that they fill: of a module while it is open, or of a region of transient code.
//!
//! ```text
//!   open_module · native_module        a module while it is built, of blocks or of machine code (unwind_table: how to get through that)
//!   blocks · zeroed · slice_guard over loader   what allocates
//!   room                               where a loader's blocks go: module_room, or region_room for transient code
//!   bump                               the fast path
//! ```

mod blocks;
mod bump;
mod loader;
mod module_room;
mod native_module;
mod open_module;
mod region_room;
mod room;
mod slice_guard;
#[cfg(permacode_unwind_tables)]
mod unwind_table;
mod zeroed;

pub use loader::Loader;
pub use native_module::NativeModule;
pub use open_module::OpenModule;

pub(crate) use region_room::{BlockNote, BlockSource};
