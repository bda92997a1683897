//! Operation sequences on a side table, checked against the model that `tests/side/model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::SideCase;

fuzz_target!(|case: SideCase| case.check());
