//! Owners of code: what keeps code without a lifetime.
//!
//! ```text
//!   views                  what traits see of the code
//!   load                   how an owner is made, and what a loader gets of it
//!   owned over held        root and share; what a root may be
//! ```

mod held;
mod load;
mod owned;
mod views;

pub use held::Held;
pub use owned::Owned;
