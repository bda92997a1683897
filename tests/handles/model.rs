//! Any sequence of operations on handles, slots, generators and proxies keeps the model's promises, on every page source.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/ref_ops.rs`.

use permacode_model::{Fuse, RefCase, RefOp, Reserve, strategies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1, S4, S8, S11, S13, S16
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in strategies::handles(Reserve::System)) {
        case.check();
    }

    // soundness S4
    #[test]
    fn any_sequence_holds_on_pages_never_better_aligned_than_asked(case in strategies::handles(Reserve::Unaligned)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in strategies::handles(Reserve::Ordinary)) {
        case.check();
    }
}

// More parts of one region than share a list.
#[test]
fn every_part_of_the_largest_regions_may_be_held_at_once() {
    for byte in 0..=u8::MAX {
        let projected = (0..40).map(|node| RefOp::Project(node, node));
        let dropped = (0..41).map(|at| RefOp::Drop(at * 5));
        let begun = [RefOp::Make([byte; 10], Fuse::Never)].into_iter().chain(projected);
        let ops = begun.chain([RefOp::Check]).chain(dropped).chain([RefOp::Check]).collect();
        RefCase { reserve: Reserve::Ordinary, limit: None, ops }.check();
    }
}
