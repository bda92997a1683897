//! Any sequence of making, cloning, projecting, patching, promoting, dropping, losing and sweeping keeps the model's promises.
//!
//! The model is the library's own (`permacode::testing`), shared with `fuzz/fuzz_targets/sweep_ops.rs`.

use arbitrary::{Arbitrary, Unstructured};
use permacode::testing::{Reserve, SweepCase, SweepOp};
use proptest::collection::vec;
use proptest::prelude::*;

fn case(reserve: Reserve) -> impl Strategy<Value = SweepCase> {
    let op = vec(any::<u8>(), 8).prop_map(|bytes| SweepOp::arbitrary(&mut Unstructured::new(&bytes)).unwrap());
    let made = any::<[u8; 3]>().prop_map(|[home, sites, nested]| SweepOp::Make(home, sites, nested));
    let patched = any::<[u8; 3]>().prop_map(|[at, home, sites]| SweepOp::Patch(at, home, sites));
    let swept = any::<[u8; 2]>().prop_map(|[heap, how]| SweepOp::Sweep(heap, how));
    let ops = vec(prop_oneof![1 => made, 1 => patched, 1 => swept, 5 => op], 0..100);
    ops.prop_map(move |ops| SweepCase { reserve, ops })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S16, S17, S27
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in case(Reserve::System)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in case(Reserve::Ordinary)) {
        case.check();
    }
}
