//! soundness S14: any changes of an image are refused, or leave values that can be read.
//!
//! The model is in `model/`, shared with `fuzz/fuzz_targets/image_bytes.rs`.

use crate::program;
use permacode_model::{ImageFile, strategies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_are_refused_or_leave_values(case in strategies::image()) {
        case.check();
    }
}

#[test]
fn an_image_that_is_taken_apart_and_put_together_is_the_same() {
    let good = program::image("taken_apart");
    let mut file = ImageFile::of(&good);
    assert!(file.bytes() == good);
    // It is as good for another window.
    let window = file.window();
    file.rebase(window + 0x2000);
    assert!(file.bytes() != good);
    let code = program::open(&file.bytes());
    program::assert_is(code.root("main").unwrap(), "taken_apart");
    assert!(code.contains((window + 0x2000) as *const u8));
}

/// Cases must not all be refused, or nothing of what is read would be tried.
#[test]
fn of_the_changes_some_leave_values_and_some_are_refused() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let left = (0..1000).filter(|_| strategies::image().new_tree(&mut runner).unwrap().current().check()).count();
    assert!((100..900).contains(&left), "{left}");
}
