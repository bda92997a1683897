//! The heap arena: objects that change, on pages that never hold code.

mod allocator;
mod arena;
mod builder;
mod c_face;
mod classes;
#[cfg(debug_assertions)]
mod debug;
mod exchange;
mod fence;
mod global;
mod magazine;
mod partial;
mod rc;
mod registry;
mod slabs;
mod spans;
mod stats;
mod trim;
mod walk;
mod words;

pub use arena::HeapArena;
pub use builder::HeapArenaBuilder;
pub use c_face::{
    permacode_heap_calloc, permacode_heap_free, permacode_heap_lua_alloc, permacode_heap_malloc,
    permacode_heap_realloc, permacode_heap_usable_size,
};
pub use global::GlobalHeap;
pub use rc::HeapRc;
pub use registry::Registered;
pub use stats::{ClassStats, HeapStats};
pub use walk::Swept;
