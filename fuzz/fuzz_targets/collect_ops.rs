//! Operation sequences on a graph of objects that a collector frees, checked against the model that `tests/kit/model.rs` uses too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use permacode_model::CollectCase;
use permacode_witness::{Refusing, after};

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

fuzz_target!(|case: CollectCase| case.check(&|requests, body| after(requests, body)));
