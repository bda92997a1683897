//! The proposal's session, on both kinds of code.

use super::with_vm;
use crate::session::{Expected, Kind, Outcome, STEPS, in_engine, programs, replay};

fn replayed(kind: Kind) -> Vec<Outcome> {
    let outcomes = with_vm(|vm| {
        let programs = programs(kind, &mut vm.world).unwrap();
        replay(vm, programs).unwrap()
    });
    assert_eq!(in_engine(kind).as_ref(), Ok(&outcomes));
    outcomes
}

fn transient() -> Vec<Outcome> {
    replayed(Kind::Transient)
}

fn permanent() -> Vec<Outcome> {
    replayed(Kind::Permanent)
}

#[test]
fn transient_code_gives_the_numbers_of_the_proposal() {
    for (step, outcome) in STEPS.iter().zip(transient()) {
        match step.proposal {
            Expected::Value(value) => assert_eq!(outcome.value, value, "{}", step.source),
            Expected::Nothing => assert_eq!(outcome.value, "None", "{}", step.source),
            Expected::Added => assert_eq!(outcome.value, "(3, 2, 2, 3)"),
        }
    }
}

#[test]
fn nobody_counts_permanent_code_and_all_else_is_as_in_the_proposal() {
    for (step, outcome) in STEPS.iter().zip(permanent()) {
        match step.proposal {
            _ if step.source == "grc(f1.__code__), grc(f2.__code__)" => assert_eq!(outcome.value, "(None, None)"),
            Expected::Value(value) if !step.source.starts_with("grc") => assert_eq!(outcome.value, value),
            Expected::Added => assert_eq!(outcome.value, "(None, None, None, None)"),
            _ => assert_eq!(outcome.value, "None", "{}", step.source),
        }
    }
}

#[test]
fn both_kinds_are_held_by_the_same_holders() {
    let who = |outcome: &Outcome| -> Vec<String> {
        let without_count = |line: &String| line.trim_start_matches(|it: char| it.is_ascii_digit()).to_owned();
        outcome.holders.iter().map(|line| without_count(line).replace("not counted: ", " = ")).collect()
    };
    for ((step, counted), not_counted) in STEPS.iter().zip(transient()).zip(permanent()) {
        assert_eq!(who(&counted), who(&not_counted), "{}", step.source);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_runs_the_session_copies_no_page_of_permanent_code() {
    use crate::outside::watch;

    let (transient, permanent) = (watch(Kind::Transient).unwrap(), watch(Kind::Permanent).unwrap());
    assert!(permanent.pages > 0 && transient.pages > 0);
    assert_eq!((permanent.copied, permanent.private_dirty), (0, 0));
    assert!(transient.copied > 0 && transient.private_dirty > 0);
    assert_eq!(transient.outcomes, self::transient());
    assert_eq!(permanent.outcomes, self::permanent());
}
