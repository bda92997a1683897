//! Images: loaded code that any process maps as it is, at the address that it was written for.
//!
//! This folder has the types that may lie in one, by descriptions that are data: [`Mappable`](crate::Mappable) and [`Fingerprint`].
//!
//! ```text
//!   shape       what a type looks like, and who may ask
//! ```

pub(crate) mod shape;

#[doc(hidden)]
pub use shape::{Field, Probe, Variant};
pub use shape::{Fingerprint, Shape};
