//! The users of a heap: collections, counted pointers, a whole program, C.
//!
//! ```text
//!   allocator · rc                         `Allocator` for `&HeapArena`; a counted pointer
//!   global · global_alloc                  a heap as a program's allocator, and its calls
//!   remote · owned · unwind                what other threads freed, the pages of a global heap, the end of unwinding
//!   registry · c_calls                     heaps that C finds by an address; objects known by their address
//! ```

mod allocator;
mod c_calls;
#[cfg(feature = "std")]
mod global;
#[cfg(feature = "std")]
mod global_alloc;
#[cfg(feature = "std")]
mod owned;
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
