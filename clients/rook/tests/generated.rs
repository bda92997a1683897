//! Programs that bytes make, and programs of the corpus that bytes change: each ends as a value or as a typed failure.
//!
//! `ROOK_PROGRAMS=100000 cargo test -p permacode-rook --test generated` runs so many of each kind.

#[path = "corpus/program.rs"]
#[allow(dead_code, reason = "the corpus is only read here")]
mod program;

use permacode::Gc;
use permacode_rook::{Failure, Settings, generate};
use program::corpus;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many programs of each kind are run.
fn count() -> u32 {
    std::env::var("ROOK_PROGRAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(1000)
}

/// Settings of which every eighth collects before each operation.
fn settings(byte: u8) -> Settings {
    let rubbish: fn(&permacode::HeapArena) = |heap| {
        for _ in 0..4 {
            Gc::copy_slice(heap, &[0xeeee_eeee_eeee_eeee_u64; 6]).ok();
        }
    };
    Settings { collect_always: byte.is_multiple_of(8).then_some(rubbish), ..Settings::default() }
}

/// How programs ended.
#[derive(Default)]
struct Ends(RefCell<BTreeMap<String, u32>>);

impl Ends {
    fn count(&self, result: &Result<(), Failure>) {
        let end = match result {
            Ok(()) => "a value".to_owned(),
            Err(Failure::Syntax(..)) => "a syntax error".to_owned(),
            Err(Failure::Uncaught(text, _)) => text.split([':', ' ']).next().unwrap_or_default().to_owned(),
            Err(Failure::Fuel) => "no fuel".to_owned(),
            Err(Failure::Refused(error)) => panic!("the machine did not begin: {error}"),
        };
        *self.0.borrow_mut().entry(end).or_default() += 1;
    }

    /// Prints the counts. Returns how many programs there were.
    fn print(&self, what: &str) -> u32 {
        let ends = self.0.borrow();
        println!("{what}: {ends:?}");
        ends.values().sum()
    }
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: count(), failure_persistence: None, ..Config::default() })
}

#[test]
fn generated_programs_end() {
    let ends = Ends::default();
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    let run = runner().run(&(bytes, any::<u8>()), |(bytes, kind)| {
        let source = generate::program(&bytes);
        let result = generate::run(&source, settings(kind));
        prop_assert!(!matches!(result, Err(Failure::Syntax(..))), "not well-formed: {result:?}\n{source}");
        ends.count(&result);
        Ok(())
    });
    run.unwrap_or_else(|failed| panic!("{failed}"));
    assert!(ends.print("generated") >= count());
}

#[test]
fn changed_programs_end() {
    let (ends, programs) = (Ends::default(), corpus());
    let bytes = prop::collection::vec(any::<u8>(), 2..40);
    let run = runner().run(&(0..programs.len(), 0..programs.len(), bytes, any::<u8>()), |(one, other, bytes, kind)| {
        let source = generate::changed(&programs[one].source, &programs[other].source, &bytes);
        ends.count(&generate::run(&source, settings(kind)));
        Ok(())
    });
    run.unwrap_or_else(|failed| panic!("{failed}"));
    assert!(ends.print("changed") >= count());
}
