//! Any sequence of operations keeps the model's promises, on every page source.
//!
//! The model is the library's own (`permacode::testing`), shared with `fuzz/fuzz_targets/code_ops.rs`.

use arbitrary::{Arbitrary, Unstructured};
use permacode::testing::{CodeCase, CodeOp, Reserve};
use proptest::collection::vec;
use proptest::prelude::*;

/// A case of many operations, of which any sub-sequence is a case too: what shrinking needs.
fn case(reserve: Reserve) -> impl Strategy<Value = CodeCase> {
    let op = vec(any::<u8>(), 16).prop_map(|bytes| CodeOp::arbitrary(&mut Unstructured::new(&bytes)).unwrap());
    let ops = vec(op, 0..200);
    let limit = prop_oneof![4 => Just(None), 1 => (0..4096u16).prop_map(Some)];
    (any::<u8>(), limit, ops).prop_map(move |(megabytes, limit, ops)| CodeCase { reserve, megabytes, limit, ops })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1, S2, S3, S13, S15, S16, S20, S21
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

/// Many loads open at once, little else: what the random sequences reach rarely.
#[test]
fn many_open_loaders_hold_in_any_order_of_closing() {
    use permacode::testing::Block::*;
    let mut ops = Vec::new();
    for round in 0..40u8 {
        ops.extend([CodeOp::Load, CodeOp::Alloc(round, Bytes(100)), CodeOp::Alloc(round.wrapping_mul(7), Large(5000))]);
        ops.extend([CodeOp::Node(round), CodeOp::Node(round), CodeOp::Alloc(round, Huge(1))]);
        ops.push(match round % 5 {
            0 => CodeOp::Finish(round),
            1 => CodeOp::Seal(round),
            2 => CodeOp::SealArena,
            3 => CodeOp::Drop(round),
            _ => CodeOp::Check,
        });
    }
    for reserve in [Reserve::System, Reserve::Unaligned, Reserve::Ordinary] {
        CodeCase { reserve, megabytes: 7, limit: None, ops: ops.clone() }.check();
    }
}
