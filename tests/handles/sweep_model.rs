//! Any sequence of making, cloning, projecting, patching, promoting, dropping, losing and sweeping keeps the model's promises.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/sweep_ops.rs`.

use permacode_model::{Reserve, strategies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S16, S17, S27
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in strategies::sweep(Reserve::System)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in strategies::sweep(Reserve::Ordinary)) {
        case.check();
    }
}
