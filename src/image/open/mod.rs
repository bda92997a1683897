//! From an image to values: whose word is taken for what, and where the bytes are mapped.
//!
//! ```text
//!   path ─ trust ─▶ file ─ bytes ─▶ Image { header, index, who vouches } ─ prefix ─▶ CodeArena ─ root ─▶ &T
//!                                     │ check: no unsafe code, then verify    placed ├ at its window: shared with every process
//!                                     └ verify, pin: the digest                      └ elsewhere: linked half copied and moved by its marks
//! ```
//!
//! Two questions, kept apart:
//!
//! | | proved | vouched for |
//! | --- | --- | --- |
//! | the bytes cannot change | [`Image::load`] copies to sealed memory, [`Image::open_sealed`] asks the kernel | `unsafe` [`Image::map`] |
//! | the bytes are values of the types | [`Image::check`] | `unsafe` [`Image::trust`] |
//!
//! Invariants:
//!
//! 1. The bytes of an `Image` do not change, by one of the first row.
//! 2. A root is given out only if its type's fingerprint is that of the file, and by one of the second row.
//! 3. A fixed mapping replaces nothing but a reservation of its own.

mod alike;
mod arena;
mod ascii;
mod backing;
mod below;
mod body;
mod bytes;
mod check;
mod check_names;
mod check_options;
mod cycles;
mod differs;
mod finder;
mod image;
mod known;
mod neighbours;
mod not_shared;
mod options;
mod placed;
mod portions;
mod prefix;
mod proof;
mod source;
mod trust;
mod values;
mod verify;
mod whole;

pub(in crate::image) use backing::Backing;
pub(in crate::image) use check_names::check_names;
pub use check_options::CheckOptions;
pub(in crate::image) use finder::Finder;
pub use image::Image;
pub use not_shared::NotShared;
pub use options::ImageOptions;
#[cfg(permacode_begin_with_image)]
pub(in crate::image) use prefix::Foreword;
