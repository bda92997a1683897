//! From an arena to an image: what roots lead to, laid out by type, copied by description.
//!
//! ```text
//!   roots ─ survey ─▶ pieces ─ overlay ─▶ blocks ─ layout ─▶ places ─ copy ─▶ bytes ─ output ─▶ file
//!             │         (what references   (values that lie    (runs, halves)   (and marks)
//!             │          lead to)           in memory once)
//!             ├ walk: each reference of a value, by its description
//!             └ places: the pieces at an address (address_hasher: tables that are quick)
//!
//!   writer    ImageWriter: roots, a version, where it goes
//!   built     the steps above, one after the other
//!   rebase    the same image for another window
//!   footing   the image that a layer stands on, and is not written again (types_below: references into the middle of its values)
//!   progress  how far it has come
//!   output    a file that is there as a whole or not at all; sealed memory; a stream
//! ```
//!
//! Invariants:
//!
//! 1. Every byte of the output is a function of the graph, the roots' names and the version. Nothing goes by address, and no table is
//!    walked in an order of its hash. What is written ascends in the order in which a walk from the roots, sorted by name, meets it.
//! 2. The copy walks values as the survey did, and finds what each reference leads to by its number. It searches nothing.
//! 3. A byte is copied only if a description defines it. The output was zeros before.

mod address_hasher;
mod built;
mod copy;
mod footing;
mod layout;
mod output;
mod overlay;
mod places;
mod progress;
mod rebase;
mod survey;
mod types_below;
mod walk;
mod writer;

pub(in crate::image) use output::{refuse_devices, replace};
pub use progress::{WritePhase, WriteProgress};
pub use rebase::Rebase;
pub use writer::{ImageWriter, WriteReport};
