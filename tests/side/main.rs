//! Side tables: what changes beside sealed code.

mod failures;
mod memory;
mod model;
mod patterns;
mod table;
mod threads;
mod transient;
