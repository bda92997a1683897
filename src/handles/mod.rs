//! How functions hold their code: permanent or transient, replaceable, behind a proxy.
//!
//! ```text
//!   slot · atomic_slot     what a function holds: code that can be replaced
//!   proxy                  what a script sees
//!   make · promote         how counted code is made; how it becomes permanent
//!   code_ref               one word, permanent or counted
//!   copy                   a deep copy of what a block leads to
//!   region                 where counted code lies
//! ```

mod atomic_slot;
mod code_ref;
mod copy;
mod make;
mod promote;
mod proxy;
mod region;
mod slot;

pub use atomic_slot::AtomicCodeSlot;
pub use code_ref::CodeRef;
pub use proxy::CodeProxy;
pub use region::{TransientStats, Transients};
pub use slot::CodeSlot;
