//! Images: the types that may lie in one.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod fingerprints;
mod shapes;
