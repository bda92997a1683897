//! Operation sequences on transient code under a sweep, checked against the model that `tests/refs_sweep_model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode::testing::SweepCase;

fuzz_target!(|case: SweepCase| case.check());
