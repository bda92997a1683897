//! Memory of counted code: pieces of a heap, and site numbers that are used again.
//!
//! ```text
//!   region · transients    a region while anybody counts on it; the owner of all, and its counts (transient_stats)
//!   home                   an owner that has the heap as well, and lives as long as its regions
//!   keep                   an owner that lies in its arena
//!   region/marks           what a collector marks of it, each region once
//!   regions                all regions of one `Transients`, for a sweep that ends what it frees
//!   parts · region_sites   what is held of a region, by where it lies; its site numbers
//!   site_lease · taken_sites   numbers that the arena lends; some on their way to a region
//!   shares                 arenas that it keeps alive
//!   pieces · survey        its memory in order; what copying has to know of it, kept for its next part
//!   source                 a region as copying sees it
//! ```

mod home;
mod keep;
mod part;
mod parts;
mod pieces;
mod region;
mod region_sites;
mod regions;
mod shares;
mod site_lease;
mod source;
mod survey;
mod taken_sites;
mod transient_stats;
mod transients;

pub use home::Home;
pub use transient_stats::TransientStats;
pub use transients::Transients;

pub(in crate::handles) use home::release_part;
pub(in crate::handles) use part::{Part, PartRef};
pub(in crate::handles) use pieces::{boxed, push, refusal};
pub(in crate::handles) use region::{Region, Unheld};
pub(in crate::handles) use source::Source;
pub(in crate::handles) use survey::{Kept, Survey};
