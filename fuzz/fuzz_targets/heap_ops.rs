//! Operation sequences on the heap arena, checked against the model that `tests/heap/model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::HeapCase;

fuzz_target!(|case: HeapCase| case.check());
