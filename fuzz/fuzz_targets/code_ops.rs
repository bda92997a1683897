//! Operation sequences on the code arena, checked against the model that `tests/code/model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::CodeCase;

fuzz_target!(|case: CodeCase| case.check());
