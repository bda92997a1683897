//! Operation sequences on transient code under a sweep, checked against the model that `tests/handles/sweep_model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::SweepCase;

fuzz_target!(|case: SweepCase| case.check());
