//! Counted code for threads: regions that any thread may free, and a slot for owners.
//!
//! ```text
//!   make · promote             an owner of a new region; from there to permanent code
//!   region over region_sites   a region from the global allocator; its site numbers
//!   home over site_boards      what the regions of a program have in common; site numbers that are used again
//!   slot over gate             a slot of owners; how a thread takes what another one replaces
//! ```

mod gate;
mod home;
mod make;
mod promote;
mod region;
mod region_sites;
mod site_boards;
mod slot;

pub use home::SharedHome;
pub use slot::OwnedSlot;
