//! Images: the types that may lie in one, writing, opening, and what is refused.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod adversarial;
#[cfg(not(permacode_ordinary_pages))] // which maps no files
mod arena;
mod cache;
mod cache_at_once;
mod changed;
mod checks;
mod embedded;
mod errors;
mod fingerprints;
mod hostile;
mod inspected;
mod killed;
mod large;
mod layers;
mod model;
#[cfg(not(permacode_ordinary_pages))] // as above
mod not_shared;
mod output;
mod padded;
mod processes;
mod program;
mod reasons;
mod refused;
#[cfg(not(permacode_ordinary_pages))] // as above
mod residency;
mod round_trip;
mod same_bytes;
mod shapes;
mod verifiers;
mod window;
mod writer;
