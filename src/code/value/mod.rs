//! The values that blocks are made of: types that may be one, links, sites, names, and a tracer's way through them. It
//! knows no memory.
//!
//! ```text
//!   sites · name · plain   values that stand in code
//!   impls                  core's types
//!   permanent · link       which types may be blocks; references that are set later
//!   shorten                code at a shorter lifetime
//!   tracer                 what a block refers to
//!   site_pool              site numbers that are used again
//!   birth                  the order in which arenas are made
//! ```

mod birth;
mod impls;
mod link;
mod name;
mod permanent;
mod plain;
mod shorten;
mod site_pool;
mod sites;
mod tracer;

pub use link::Link;
pub use name::Name;
pub use permanent::Permanent;
pub use plain::Plain;
pub use shorten::{OneLifetime, shorten};
pub use sites::Sites;
pub use tracer::Tracer;

pub(in crate::code) use birth::Birth;
pub(crate) use site_pool::{SitePool, SiteRange};
pub(crate) use sites::SiteCounter;
pub(crate) use tracer::{Block, Found, Kind, Reference};
