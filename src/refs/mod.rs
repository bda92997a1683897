//! How functions hold their code: permanent or transient, replaceable, behind a proxy.
//!
//! ```text
//!   slot · atomic_slot     what a function holds: code that can be replaced
//!   proxy                  what a script sees
//!   code_ref               one word, permanent or counted
//!   lower · promote        how counted code is made; how it becomes permanent
//!   ──────────────────────
//!   region · transients    where counted code lies: pieces of a heap, and recycled site numbers
//!   region/marks           what a collector marks of it, each region once
//!   regions                all regions of one `Transients`, for a sweep that ends what it frees
//!   parts · region_sites   what is held of a region, by where it lies; its site numbers
//!   graph · memory         all blocks that a block leads to; the pieces of a region in order
//!   survey                 what copying has to know of a region, kept for its next part
//!   numbers                site numbers that are used again
//! ```

mod atomic_slot;
mod code_ref;
mod graph;
mod lower;
mod memory;
mod numbers;
mod parts;
mod promote;
mod proxy;
mod region;
mod region_sites;
mod regions;
mod slot;
mod survey;
mod transients;

pub use atomic_slot::AtomicCodeSlot;
pub use code_ref::CodeRef;
pub use proxy::CodeProxy;
pub use slot::CodeSlot;
pub use transients::{TransientStats, Transients};
