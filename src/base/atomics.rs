//! The atomics of those protocols that `loom/` tries in every order of threads and of memory: there, loom's stand in their place.
//!
//! Watermark, published records, code slots, counts and lists of what is kept. What lies in zeroed pages cannot be loom's, and is not among them.

pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize};
