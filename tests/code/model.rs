//! Any sequence of operations keeps the model's promises, on every page source.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/code_ops.rs`.

use permacode_model::{CodeCase, CodeOp, Reserve, strategies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1, S2, S3, S13, S15, S16, S20, S21
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in strategies::code(Reserve::System)) {
        case.check();
    }

    // soundness S4
    #[test]
    fn any_sequence_holds_on_pages_never_better_aligned_than_asked(case in strategies::code(Reserve::Unaligned)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in strategies::code(Reserve::Ordinary)) {
        case.check();
    }
}

/// Many loads open at once, little else: what the random sequences reach rarely.
#[test]
fn many_open_loaders_hold_in_any_order_of_closing() {
    use permacode_model::Block::*;
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
