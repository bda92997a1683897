//! Where counted code lies: pieces of a heap, and site numbers that are used again.
//!
//! ```text
//!   region · transients    a region while anybody counts on it; the owner of all
//!   regions                all regions of one `Transients`, for a sweep that ends what it frees
//!   parts · region_sites   what is held of a region, by where it lies; its site numbers
//!   site_pool              site numbers that are used again
//! ```

mod parts;
mod region;
mod region_sites;
mod regions;
mod site_pool;
mod transients;

pub use transients::{TransientStats, Transients};

pub(in crate::handles) use parts::Part;
pub(in crate::handles) use region::{Region, Unheld};
