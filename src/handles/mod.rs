//! Further ways to hold code: a slot that threads share, and a proxy for scripts.
//!
//! [`CodeRef`](crate::CodeRef), [`CodeSlot`](crate::CodeSlot) and [`Transients`](crate::Transients) stand at the crate's root.
//   slot · atomic_slot     what a function holds: code that can be replaced
//   proxy                  what a script sees
//   make · project · promote   how counted code is made; a part of it; how it becomes permanent
//   code_ref               one word, permanent or counted
//   copy                   a deep copy of what a block leads to
//   owned · shared         what keeps code without a lifetime; code for threads that is counted
//   region                 where counted code lies

mod atomic_slot;
pub(crate) mod code_ref;
mod copy;
mod make;
pub(crate) mod owned;
mod project;
mod promote;
mod proxy;
pub(crate) mod region;
pub(crate) mod shared;
pub(crate) mod slot;

pub use atomic_slot::AtomicCodeSlot;
pub use proxy::CodeProxy;
