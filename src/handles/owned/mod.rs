//! Owners of code: what keeps code without a lifetime.
//!
//! ```text
//!   views                  what traits see of the code
//!   owned over held        root and share; what a root may be; what a loader gets of an owner
//! ```

mod held;
mod owned;
mod views;

pub use held::Held;
pub use owned::Owned;
