//! Every program of the corpus, with each call for pages refused in turn: alone, and with all calls after it.
//!
//! A refusal ends as an exception that the program may catch, or as a typed failure. The machine works on, and nothing is left of it.

#[path = "corpus/program.rs"]
#[allow(dead_code, reason = "the corpus is run in other ways elsewhere")]
mod program;

use permacode::testing::Pages;
use permacode_rook::{Failure, Interpreter, Settings};
use program::{Program, corpus};
use std::sync::Arc;

/// A run: what was printed with its failure, or nothing if the machine did not begin.
fn run(program: &Program, settings: Settings, pages: &Arc<Pages>) -> Option<String> {
    let settings = Settings { pages: Some(pages.clone()), ..settings };
    let mut rook = match Interpreter::new(settings.clone()) {
        Ok(rook) => rook,
        Err(Failure::Refused(_)) => return None,
        Err(Failure::Uncaught(text, _)) if text.starts_with("MemoryError") => return None,
        Err(other) => panic!("{}: the machine begins with {other}", program.name),
    };
    let printed = program.run(&mut rook);
    pages.relent();
    rook.refuel(100_000);
    rook.unload().expect("a collection");
    assert_eq!(rook.evaluated().regions, 0, "{}: evaluated code stays", program.name);
    rook.run("after", "print([1, 2], {\"k\": \"v\"}, eval(\"1 + 1\"))").unwrap_or_else(|failure| {
        let full = settings.code_limit.is_some() && failure.to_string().contains("the limit of");
        assert!(full, "{}: nothing runs any more: {failure}", program.name);
    });
    rook.arenas().heap.audit();
    Some(printed)
}

/// Programs that catch whatever comes, and do not say what it was.
fn swallows(program: &Program) -> bool {
    ["finally", "finally_values"].contains(&&*program.name)
}

/// Fails unless a run that met a refusal says so, or came to its end all the same.
fn check(program: &Program, printed: Option<String>, what: &str, pages: &Pages) {
    if let Some(printed) = printed {
        let said = ["MemoryError", "refused memory", "cannot be loaded", "no `trace`"]
            .iter()
            .any(|said| printed.contains(said));
        let right = said || printed == program.expected || swallows(program);
        assert!(right, "{}, {what}: a refusal is not said:\n{printed}", program.name);
    }
    assert_eq!((pages.live(), pages.violations()), (0, 0), "{}, {what}", program.name);
}

/// Runs a program with refusals. Returns how many runs met one.
fn with_refusals(program: &Program, refuse: impl Fn(&Pages, usize)) -> usize {
    let pages = Pages::system();
    assert_eq!(run(program, program.settings(), &pages).as_ref(), Some(&program.expected), "{}", program.name);
    let refused = (0..pages.calls()).filter(|call| {
        let pages = Pages::system();
        refuse(&pages, *call);
        let printed = run(program, program.settings(), &pages);
        check(program, printed, &format!("call {call}"), &pages);
        pages.failures() > 0
    });
    refused.count()
}

#[test]
fn a_refusal_is_an_exception_or_a_typed_failure() {
    let refusals: usize = corpus().iter().map(|program| with_refusals(program, Pages::fail_nth)).sum();
    assert!(refusals > 500, "only {refusals} runs met a refusal");
}

#[test]
fn refusals_without_end_are_exceptions_or_typed_failures() {
    let every_fourth = corpus().into_iter().step_by(4);
    let refusals: usize = every_fourth.map(|program| with_refusals(&program, Pages::fail_from)).sum();
    assert!(refusals > 100, "only {refusals} runs met a refusal");
}

#[test]
fn a_limit_of_any_size_is_an_exception_or_a_typed_failure() {
    let mut refused = 0;
    for program in corpus() {
        for limit in (0..24).map(|step| 8_000 + step * 700) {
            let pages = Pages::system();
            let printed = run(&program, Settings { heap_limit: Some(limit), ..program.settings() }, &pages);
            refused += usize::from(printed.as_ref() != Some(&program.expected));
            check(&program, printed, &format!("{limit} bytes"), &pages);
        }
    }
    assert!(refused > 300, "only {refused} runs met a refusal");
}
