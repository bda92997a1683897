//! An arena of code: loading, finishing, sealing, names, machine code, and systems that refuse.

mod bad_closures;
mod bad_input;
mod calls_write_nothing;
mod claims;
mod failures;
mod foreign;
mod fork;
mod hardening;
mod lifecycle;
mod meanwhile;
mod model;
mod names;
mod native;
mod packing;
mod plain;
mod protection;
mod records;
mod refusals;
mod scarcity;
mod seal_module;
mod threads;
mod types;
mod unwinding;
mod variance;
mod zero_sized;
