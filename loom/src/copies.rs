//! Models that run on a copy of one of the library's files, and must fail on each that is weaker in one thing (`build.rs`).
//!
//! A weaker copy is tried in a process of its own: what fails there may be a use of memory that was freed.

use std::process::Command;

/// Declares a module for each copy, which has the copy and its models in it. Runs the models on the first, called `strong`, and tests that they
/// refuse the others.
///
/// `$module` makes a module's contents of a copy. It is given the words that hide the models of weaker copies.
macro_rules! copies {
    ($of:literal, $module:ident, $($weaker:ident)*) => {
        mod strong {
            $module!($of, strong,);
        }

        $(mod $weaker {
            $module!($of, $weaker, #[ignore = "weaker"]);
        })*

        #[test]
        fn the_models_pass_in_another_process_too() {
            let (passed, printed) = crate::copies::run(concat!(module_path!(), "::strong"));
            assert!(passed, "{printed}");
        }

        #[test]
        fn each_weaker_copy_fails() {
            let weaker = [$(concat!(module_path!(), "::", stringify!($weaker))),*];
            let passing: Vec<_> = weaker.iter().filter(|copy| crate::copies::run(copy).0).collect();
            assert!(passing.is_empty(), "{passing:?}");
        }
    };
}

pub(crate) use copies;

/// Runs the models of a copy in another process. Returns whether all of them passed, and what they printed.
pub(crate) fn run(copy: &str) -> (bool, String) {
    // The crate's name is no part of a test's.
    let tests = format!("{}::", copy.split_once("::").map_or(copy, |(_, path)| path));
    let output = Command::new(std::env::current_exe().unwrap()).args([&tests, "--include-ignored"]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("\nrunning ") && !printed.contains("running 0 tests"), "{copy}: {printed}");
    (output.status.success(), printed)
}

/// Tries a model of three threads in all orders with at most three preemptions a run.
pub(crate) fn bounded(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
