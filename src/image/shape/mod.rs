//! Descriptions of the types that may lie in an image. Data, no code: one description has four readers.
//!
//! ```text
//!                     ┌─▶ the writer       copies what the description defines, and nothing else
//!   Mappable::SHAPE ──┼─▶ the fingerprint  tells whether two programs mean the same type, laid out alike
//!                     ├─▶ the checker      tells whether bytes are a value
//!                     └─▶ references into the middle of a value: which type lies at an offset
//!
//!   mappable · impls          which types have one, and those of core and of this crate
//!   fingerprint               a digest of a description and of all that it leads to
//!   niche                     where an `Option` says `None`
//!   probe                     the compiler's own word on a layout
//!   proven                    a value that the check has proved, for the author's own check
//!   shape                     the description
//! ```
//!
//! Invariants:
//!
//! 1. Offsets are asked of the compiler in constants, by the pattern of a struct or a variant. None is computed.
//! 2. A description of a type does not depend on lifetimes: a type at another one has the same layout.
//! 3. A value that lies in another has its description in the other's. A reference leads to its description by a function, because types
//!    may lead to themselves.

mod fingerprint;
mod impls;
mod mappable;
mod niche;
mod probe;
mod proven;
mod shape;

pub use fingerprint::Fingerprint;
pub use mappable::Mappable;
pub use probe::Probe;
pub use proven::Proven;
pub use shape::{Field, Shape, Variant};

pub(in crate::image) use niche::Niche;
pub(in crate::image) use proven::Verifier;
pub(in crate::image) use shape::{Kind, SLOTS, TEXT};
