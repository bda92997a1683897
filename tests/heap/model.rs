//! Any sequence of operations on a heap keeps the model's promises, on every page source.
//!
//! The model is the library's own (`permacode::testing`), shared with `fuzz/fuzz_targets/heap_ops.rs`.

use arbitrary::{Arbitrary, Unstructured};
use permacode::testing::{HeapCase, HeapOp, Reserve};
use proptest::collection::vec;
use proptest::prelude::*;

fn case(reserve: Reserve) -> impl Strategy<Value = HeapCase> {
    let op = vec(any::<u8>(), 12).prop_map(|bytes| HeapOp::arbitrary(&mut Unstructured::new(&bytes)).unwrap());
    let ops = vec(op, 0..120);
    let limit = prop_oneof![3 => Just(None), 1 => (0..4096u16).prop_map(Some)];
    (any::<u8>(), limit, ops).prop_map(move |(megabytes, limit, ops)| HeapCase { reserve, megabytes, limit, ops })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1, S2, S13, S15, S16
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
