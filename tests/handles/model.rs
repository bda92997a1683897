//! Any sequence of operations on handles, slots, generators and proxies keeps the model's promises, on every page source.
//!
//! The model is the library's own (`permacode::testing`), shared with `fuzz/fuzz_targets/ref_ops.rs`.

use arbitrary::{Arbitrary, Unstructured};
use permacode::testing::{Fuse, RefCase, RefOp, Reserve};
use proptest::collection::vec;
use proptest::prelude::*;

fn case(reserve: Reserve) -> impl Strategy<Value = RefCase> {
    let op = vec(any::<u8>(), 24).prop_map(|bytes| RefOp::arbitrary(&mut Unstructured::new(&bytes)).unwrap());
    let recipe = proptest::array::uniform10(any::<u8>());
    let made = recipe.prop_map(|recipe| RefOp::Make(recipe, Fuse::Never));
    let promoted = any::<u8>().prop_map(|at| RefOp::Promote(at, 0));
    let ops = vec(prop_oneof![1 => made, 1 => promoted, 10 => op], 0..80);
    let limit = prop_oneof![4 => Just(None), 1 => (0..600u16).prop_map(Some)];
    (limit, ops).prop_map(move |(limit, ops)| RefCase { reserve, limit, ops })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1, S4, S8, S11, S13, S16
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in case(Reserve::System)) {
        case.check();
    }

    // soundness S4
    #[test]
    fn any_sequence_holds_on_pages_never_better_aligned_than_asked(case in case(Reserve::Unaligned)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in case(Reserve::Ordinary)) {
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
