//! The heap arena: objects that change, on pages that never hold code.
//!
//! ```text
//!   c_face · registry · global · rc · allocator   who uses a heap: C, a whole program, counted pointers, collections
//!   global_alloc · remote · owned · unwind        of a global heap: its calls, what other threads freed, its pages, the end of unwinding
//!   builder                                       what is chosen before there is one
//!   stats · trim · walk · fence · lookup          what can be asked, given back, marked, kept apart (debug, misuse: the checks of debug builds)
//!   resize · guests                               realloc: in its class, where it lies, by a move, or as it is
//!   arena · step                                  a heap: alloc, free, and the fast path; a look at what could go back
//!   ─────────────────────────────
//!   exchange · spans                              objects by the hundred between bits and magazines; slabs in a row
//!   chunks · returns                              where slabs are taken from; what gives their memory back
//!   slabs · vacant                                the reservation; slabs that nobody has
//!   decay                                         when memory goes back, and what is learned about a program
//!   plan · slab · sets · magazine                 the parts of the reservation; what is known of a slab; sets of slabs; free objects
//!   far                                           where it is told of slabs behind the first GiB
//!   words                                         bitmaps
//!   classes                                       sizes, pure arithmetic
//! ```
//!
//! A file imports from those below it. What `walk`, `trim`, `fence` and `debug` need of slabs they add to `Slabs` themselves, beside their
//! use; `arena` asks two of these: `fence` on which side an object lies, `debug` whether it may come back. Of a heap, `slabs` knows the
//! size alone, to have room for one that is leaked.
//!
//! Everything here keeps two rules. Object pages are written to by the program alone, in release builds: no header, no link, no mark lies
//! there. A heap is one thread's, so nothing here is atomic but what `global` and `registry` share.

mod allocator;
mod arena;
#[cfg(feature = "testing")]
mod audit;
mod builder;
mod c_face;
mod chunks;
mod classes;
#[cfg(debug_assertions)]
mod debug;
mod decay;
mod exchange;
mod far;
mod fence;
mod global;
mod global_alloc;
mod guests;
mod lookup;
mod magazine;
#[cfg(debug_assertions)]
mod misuse;
mod owned;
mod plan;
mod rc;
mod registry;
mod remote;
mod resize;
mod returns;
mod sets;
mod slab;
mod slabs;
mod spans;
mod stats;
mod step;
mod trim;
mod unwind;
mod vacant;
mod walk;
mod words;

pub use arena::HeapArena;
pub use builder::HeapArenaBuilder;
pub use c_face::{
    permacode_heap_calloc, permacode_heap_free, permacode_heap_lua_alloc, permacode_heap_malloc,
    permacode_heap_realloc, permacode_heap_resize, permacode_heap_usable_size,
};
pub use decay::Decay;
pub use global::GlobalHeap;
pub use rc::HeapRc;
pub use registry::Registered;
pub use stats::{ClassStats, HeapStats};
pub use walk::Swept;
