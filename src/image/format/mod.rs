//! The bytes of an image file: pure data, read and written by copying. Without unsafe code.
//!
//! ```text
//!   0          4096                                     page                        page             page
//!   ├─ header ──┼─ index ─────────────────────── zeros ──┼─ linked runs ─────── zeros ─┼─ leaf runs ─ zeros ─┼─ marks ─┤
//!     sizes       types · roots · modules · runs · names  ◀────────────── code, at the window ─────────────▶   1 bit a word
//! ```
//!
//! - A **run** is an array of values of one type. Runs ascend, and do not overlap. Between them are zeros.
//! - **Linked** runs have words that are addresses, **leaf** runs have none. Both halves begin with a page.
//! - The **window** is the address of the first linked byte. An address in a value is that of a run's element, at the window.
//! - A **mark** is a bit for each word of the linked half, set if the word is an address.
//!
//! ```text
//!   header   what begins, where it ends, the window, the digest, a check of its own
//!   index    all that is said of the code, taken out (names · tables: what is read where it lies)
//!   scroll   numbers and bytes, one behind the other
//!   room     vectors that are refused when there is no memory for them
//!   marks    which words are addresses, and how those move
//!   window   addresses that an image may be written for
//!   error    why an image was not written, or is not used (mismatch: of a type)
//!   digest   one number for the contents, whatever window they are written for
//! ```
#![forbid(unsafe_code)]

mod digest;
mod error;
mod header;
mod index;
mod marks;
mod mismatch;
mod names;
mod room;
mod scroll;
mod tables;
mod window;

pub(in crate::image) use digest::{Contents, Hashing, STEP};
pub use digest::{Digest, ParseDigestError};
pub use error::{Distrust, ImageError};
pub(in crate::image) use header::{HEADER, Header};
pub(in crate::image) use index::{Index, ModuleEntry, Root, Run, TypeEntry, version};
pub(in crate::image) use marks::{copy_moved, each_marked, is_marked, move_marked};
pub use mismatch::TypeMismatch;
pub(in crate::image) use names::{MOST_OF_BUCKET, NameTable};
pub(in crate::image) use room::{copied, filled, push, reserve, reserved};
pub(in crate::image) use tables::{LONGEST_VERSION, RootPlace, TablePlaces, Tables, TypePlace};
pub(in crate::image) use window::{chosen, may_lie, slot};

/// Bytes of an address.
pub(in crate::image) const WORD: usize = size_of::<usize>();
