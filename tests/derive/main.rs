//! What `#[derive(Permanent)]` accepts, and what it makes of it. What it refuses: `tests/ui/permanent`.
#![forbid(unsafe_code)]
// The lifetimes of the `check` functions are used in their bodies, where clippy does not look.
#![allow(clippy::extra_unused_lifetimes)]

mod code;
mod fn_pointers;
pub mod lints;
mod names;
mod parameters;
mod shapes;

use std::marker::PhantomData;
use std::mem::size_of;
use std::num::NonZero;

use permacode::{Link, Permanent, Sites};

/// `A` and `B` are the same type, lifetimes included: matching an implementation allows no subtyping.
fn same_type<A: Is<B>, B>() {}
trait Is<T> {}
impl<T> Is<T> for T {}

fn permanent<T: Permanent>() -> bool {
    !std::mem::needs_drop::<T>()
}
