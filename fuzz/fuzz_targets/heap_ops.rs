//! Operation sequences on the heap arena, checked against the model that `tests/heap_model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode::testing::HeapCase;

fuzz_target!(|case: HeapCase| case.check());
