//! Further ways to hold code: a slot that threads share, a proxy for scripts, and handles that own what they lie in.
//!
//! [`CodeRef`](crate::CodeRef), [`CodeSlot`](crate::CodeSlot) and [`Transients`](crate::Transients) stand at the crate's root.
//   slot · atomic_slot     what a function holds: code that can be replaced
//   proxy                  what a script sees
//   traced                 what a collection marks of code
//   make · project · promote   how counted code is made; a part of it; how it becomes permanent
//   code_ref               one word, permanent or counted
//   code_rc · code_rc_slot counted code without a lifetime, and the slot for it; `region/home.rs` is what it keeps
//   copy                   a deep copy of what a block leads to
//   owned · shared         what keeps code without a lifetime; code for threads that is counted
//   region                 where counted code lies

mod atomic_slot;
mod code_rc;
mod code_rc_slot;
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
mod traced;

pub use atomic_slot::AtomicCodeSlot;
pub use code_rc::CodeRc;
pub use code_rc_slot::CodeRcSlot;
pub use proxy::CodeProxy;
pub use region::Home;
