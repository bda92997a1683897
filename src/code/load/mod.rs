//! A module while it is open: blocks are placed in it.
//!
//! ```text
//!   blocks · slice_guard over loader   how a module is built (native_module: of machine code)
//!   room                               where a loader's blocks go: module_room, or region_room for transient code
//!   bump                               the fast path
//! ```

mod blocks;
mod bump;
mod loader;
mod module_room;
mod native_module;
mod region_room;
mod room;
mod slice_guard;

pub use loader::Loader;
pub use native_module::NativeModule;

pub(crate) use region_room::{BlockNote, BlockSource};
