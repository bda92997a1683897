//! The users of a heap: collections, counted pointers, a whole program, C.
//!
//! ```text
//!   allocator · rc                         `Allocator` for `&HeapArena`; a counted pointer
//!   global · global_alloc                  a heap as a program's allocator, and its calls
//!   owner · covered_pages                  the allocator that a thread owns, the pages of a global heap
//!   remote · unwind                        what other threads freed, the end of unwinding
//!   registry · c_calls                     heaps that C finds by an address; objects known by their address
//! ```

mod allocator;
mod c_calls;
#[cfg(feature = "std")]
mod covered_pages;
#[cfg(feature = "std")]
mod global;
#[cfg(feature = "std")]
mod global_alloc;
#[cfg(feature = "std")]
mod owner;
mod rc;
mod registry;
#[cfg(feature = "std")]
mod remote;
#[cfg(feature = "std")]
mod unwind;

#[cfg(feature = "std")]
pub use global::GlobalHeap;
pub use rc::HeapRc;
pub use registry::Registration;

pub(crate) use c_calls::{c_layout, or_null};
pub(crate) use registry::find;
