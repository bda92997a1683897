//! soundness S14: any changes of an image are refused, or leave values that can be read.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/image_bytes.rs`.

use permacode_model::strategies;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_are_refused_or_leave_values(case in strategies::image()) {
        case.check();
    }
}
