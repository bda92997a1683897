//! The heap as the allocator of programs that bring their own tests.
//!
//! - [`OnHeap`] stands in for hashbrown's default allocator.
//! - Feature `global` puts every other allocation of such a Rust program into a second heap.
//! - Feature `lua` gives a Lua in C its heap.
//! - Feature `malloc` is the C library's `malloc`, to be preloaded into any program.
//!
//! Each of them says at the end what is left, in the file that the environment names: see [`report`].

#[cfg(feature = "global")]
mod global;
mod locked;
#[cfg(feature = "lua")]
mod lua;
#[cfg(feature = "malloc")]
mod malloc;
mod on_heap;
pub mod report;

pub use on_heap::OnHeap;
