//! Any sequence of operations on a heap keeps the model's promises, on every page source.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/heap_ops.rs`.

use permacode_model::{Reserve, strategies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1, S2, S13, S15, S16
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in strategies::heap(Reserve::System)) {
        case.check();
    }

    // soundness S4
    #[test]
    fn any_sequence_holds_on_pages_never_better_aligned_than_asked(case in strategies::heap(Reserve::Unaligned)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in strategies::heap(Reserve::Ordinary)) {
        case.check();
    }
}
