//! Images: loaded code that any process maps as it is, at the address that it was written for.
//!
//! [`ImageWriter`] makes one of an arena, [`Image`] is a file whose bytes are proved or vouched for, and an arena
//! [begins](crate::code::CodeArenaBuilder::image) with it. [`Mappable`](crate::Mappable) says which types may lie in one.
//!
//! | | |
//! | --- | --- |
//! | [`ImageWriter`], [`WriteReport`], [`Rebase`] | what some roots lead to, written to a file, to sealed memory or to a stream |
//! | [`WriteProgress`], [`WritePhase`] | how far a writer has come |
//! | [`Image`], [`ImageOptions`], [`CheckOptions`], [`Digest`] | a file with an image: opened, checked, verified |
//! | [`CodeArena::root`](crate::CodeArena::root), [`NotShared`] | its values by name; why it is not shared as a whole |
//! | [`ImageCache`], [`Cached`] | a folder of images that are built when they are first asked for |
//! | [`Fingerprint`], [`Shape`] | whether two programs lay out a type alike; the description of a type |
//! | [`ImageError`], [`TypeMismatch`], [`Distrust`] | why an image was not written, or is not used |
//! | [`inspect`] | what a file says of itself, without the program's types |
// shape       what a type looks like, and who may ask
// format      the bytes of a file
// write       from an arena to an image
// open        from an image to values
// cache       a folder of images, which builds what is not there
// embed       an image in the file of a program
// inspect     a file as data, without the program's types

#[cfg(permacode_begin_with_image)]
mod beginning;
pub(crate) mod cache;
pub(crate) mod embed;
pub(crate) mod format;
pub mod inspect;
pub(crate) mod open;
pub(crate) mod shape;
pub(crate) mod write;

pub use cache::{CacheOutcome, Cached, ImageCache, NotKept};
pub use format::{Digest, Distrust, ImageError, ParseDigestError, TypeMismatch};
pub use open::{CheckOptions, Image, ImageOptions, NotShared};
#[doc(hidden)]
pub use shape::{Field, Probe, Proven, Variant};
pub use shape::{Fingerprint, Shape};
pub use write::{ImageWriter, Rebase, WritePhase, WriteProgress, WriteReport};
