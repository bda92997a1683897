//! The users of a heap: collections, counted pointers, a whole program, C.
//!
//! ```text
//!   allocator                              `Allocator` for `&HeapArena`
//!   rc · rc_values · rc_traits · weak      a counted pointer: to a value, to many, to text; a weak one
//!   counted                                the object that they point to, and who counts it
//!   string · string_traits                 text that grows
//!   room · refused                         room in a collection, or the reason; a value that found none
//!   versions                               of allocator-api2, for all that is written for each
//!   global · global_alloc                  a heap as a program's allocator, and its calls
//!   owner · covered_pages                  the allocator that a thread owns, the pages of a global heap
//!   remote · unwind                        what other threads freed, the end of unwinding
//!   registry · c_calls                     heaps that C finds by an address; objects known by their address
//! ```

mod allocator;
mod c_calls;
mod counted;
#[cfg(feature = "std")]
mod covered_pages;
#[cfg(feature = "std")]
mod global;
#[cfg(feature = "std")]
mod global_alloc;
#[cfg(feature = "std")]
mod owner;
mod rc;
mod rc_traits;
mod rc_values;
mod refused;
mod registry;
#[cfg(feature = "std")]
mod remote;
pub(crate) mod room;
mod string;
mod string_traits;
#[cfg(feature = "std")]
mod unwind;
pub(crate) mod versions;
mod weak;

#[cfg(feature = "std")]
pub use global::GlobalHeap;
pub use rc::HeapRc;
pub use refused::Refused;
pub use registry::Registration;
pub use string::HeapString;
pub use weak::HeapWeak;

pub(crate) use c_calls::{c_layout, or_null};
pub(crate) use registry::find;
