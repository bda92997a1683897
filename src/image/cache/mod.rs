//! A cache of images in a folder, which builds what is not there.
//!
//! ```text
//!   key, types ─ name ─▶ 5f3a….image ── open ──▶ found
//!                          │ not there, damaged
//!                          ▼
//!                        lock of the name ── held by another: nap, look again
//!                          │ held
//!                          ▼
//!                        clear ─ build ─ sealed memory ─ check ─ rename to the name ─ sweep ──▶ built
//!                                                                  └ refused ────────────────▶ not kept, and why
//! ```
//!
//! ```text
//!   folder   │ 5f3a….image  │ 81c0….image  │ .5f3a….image.7d21.tmp  │ .lock                  │
//!              an image       another key    a killed builder's       one byte for each name: locked by its builder
//! ```
//!
//! Invariants:
//!
//! 1. A file that has the name of an image is whole. It was written under another name, and renamed.
//! 2. Whoever builds holds the lock of the name, which the kernel takes back when the holder dies. Where there are no locks, several may build;
//!    their images are equal.
//! 3. A file is removed only by one who holds the lock of its name. So what is removed was not written meanwhile. A process that has
//!    opened it keeps it.

mod cached;
mod image_cache;
mod lock;
mod name;
mod sweep;

pub use cached::{CacheOutcome, Cached, NotKept};
pub use image_cache::ImageCache;
