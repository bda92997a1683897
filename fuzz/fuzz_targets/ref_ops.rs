//! Operation sequences on what functions hold, checked against the model that `tests/handles/model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::RefCase;

fuzz_target!(|case: RefCase| case.check());
