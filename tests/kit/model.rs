//! Any graph of objects, and any sequence of changes and collections of it, keeps the model's promises.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/collect_ops.rs`.

use permacode_model::{Reserve, strategies};
use permacode_witness::after;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S8, S16, S27
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in strategies::collect(Reserve::System)) {
        case.check(&|requests, body| after(requests, body));
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in strategies::collect(Reserve::Ordinary)) {
        case.check(&|requests, body| after(requests, body));
    }
}
