//! Counted code for threads: regions that any thread may free, and a slot for owners.
//!
//! ```text
//!   make · promote             an owner of a new region; from there to permanent code
//!   region over region_sites   a region from the global allocator; its site numbers
//!   home over site_lease       what the regions of a program have in common; the site numbers that the arena lends it
//!   site_lease over site_boards   numbers that threads use again
//!   slot over gate             a slot of owners; how a thread takes what another one replaces
//! ```

mod gate;
mod home;
mod make;
mod promote;
mod region;
mod region_sites;
mod site_boards;
mod site_lease;
mod slot;

pub use home::SharedHome;
pub use slot::OwnedSlot;
