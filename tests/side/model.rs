//! Any sequence of operations on a side table keeps the model's promises, on every page source.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/side_ops.rs`.

use permacode_model::{Reserve, strategies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S15, S16, S17
    #[test]
    fn any_sequence_holds_on_the_systems_pages(case in strategies::side(Reserve::System)) {
        case.check();
    }

    // soundness S4
    #[test]
    fn any_sequence_holds_on_pages_never_better_aligned_than_asked(case in strategies::side(Reserve::Unaligned)) {
        case.check();
    }

    #[test]
    fn any_sequence_holds_on_ordinary_memory(case in strategies::side(Reserve::Ordinary)) {
        case.check();
    }
}

#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
mod forked {
    use super::*;
    use permacode_model::SideOp;
    use permacode_witness::in_child;
    use proptest::collection::vec;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        // From the fork on each process has a table of its own, which keeps what it held.
        #[test]
        fn any_sequence_holds_in_a_parent_and_its_children(case in strategies::side(Reserve::System), forks in vec((0..200usize, 1..60u8), 1..5)) {
            let mut case = case;
            for (at, count) in forks {
                case.ops.insert(at.min(case.ops.len()), SideOp::Fork(count));
            }
            case.check_forking(|child| in_child(child));
        }
    }
}
