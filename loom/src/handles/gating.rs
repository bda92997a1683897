//! What is counted is replaced while threads copy it: no copy is made of what is gone, and in the end nothing waits.
//!
//! Each model runs on the library's gate, and on copies that are weaker in one thing (`build.rs`). There it must fail, in a process of its own: what
//! fails is a use of memory that was freed.

use crate::Watched;
use std::process::Command;

/// A value in a node: memory that a copy reads, and that is written when the node is freed. A copy has none.
struct Counted(Option<&'static Watched>, u32);

impl Counted {
    fn new(number: u32) -> Self {
        Self(Some(Box::leak(Box::new(Watched::of(number)))), number)
    }

    fn number(&self) -> u32 {
        self.1
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        let read = self.0.map_or(0, Watched::read);
        assert_eq!(read, self.1, "a copy of what is gone");
        Self(None, read)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(memory) = self.0 {
            memory.write(0);
            FREED.with(|freed| freed.set(freed.get() + 1));
        }
    }
}

std::thread_local! {
    /// Values freed in a run of a model. All of loom's threads run on one of the system's.
    static FREED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Tries a model of three threads in all orders with at most three preemptions a run.
fn bounded(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// The models for one gate.
macro_rules! models {
    ($($hidden:ident)?) => {
        use crate::handles::gating::{Counted, FREED, bounded};
        use loom::sync::Arc;
        use loom::thread;

        fn gate(number: u32) -> Arc<Gate<Counted>> {
            FREED.set(0);
            let gate = Arc::new(Gate::new(Box::new(Node::new(Counted::new(number)))));
            assert_eq!(gate.get().number(), number); // used once before threads share it
            gate
        }

        fn replace(gate: &Gate<Counted>, number: u32) -> u32 {
            gate.replace(Box::new(Node::new(Counted::new(number)))).number()
        }

        #[test]
        $(#[ignore = stringify!($hidden)])?
        fn a_reader_and_a_replacer() {
            loom::model(|| {
                let gate = gate(1);
                let reader = thread::spawn({
                    let gate = gate.clone();
                    move || gate.get().number()
                });
                assert_eq!(replace(&gate, 2), 1);
                assert!([1, 2].contains(&reader.join().unwrap()));
                assert_eq!(FREED.get(), 1, "it waits, and nobody is inside");
            });
        }

        #[test]
        $(#[ignore = stringify!($hidden)])?
        fn two_readers_and_a_replacer() {
            bounded(|| {
                let gate = gate(1);
                let readers = [(); 2].map(|()| {
                    let gate = gate.clone();
                    thread::spawn(move || gate.get().number())
                });
                assert_eq!(replace(&gate, 2), 1);
                let found = readers.map(|reader| reader.join().unwrap());
                assert!(found.into_iter().all(|number| [1, 2].contains(&number)));
                assert_eq!(FREED.get(), 1, "it waits, and nobody is inside");
            });
        }

        #[test]
        $(#[ignore = stringify!($hidden)])?
        fn a_reader_and_two_replacers() {
            bounded(|| {
                let gate = gate(1);
                let replacer = thread::spawn({
                    let gate = gate.clone();
                    move || replace(&gate, 2)
                });
                let reader = thread::spawn({
                    let gate = gate.clone();
                    move || gate.get().number()
                });
                let mut replaced = [replace(&gate, 3), replacer.join().unwrap()];
                assert!([1, 2, 3].contains(&reader.join().unwrap()));
                replaced.sort_unstable();
                assert!([[1, 2], [1, 3]].contains(&replaced));
                assert_eq!(FREED.get(), 2, "it waits, and nobody is inside");
            });
        }
    };
}

mod strong {
    use crate::handles::gate::{Gate, Node};

    models!();
}

/// The weaker copies, each with the models, and their names.
macro_rules! weaker {
    ($($name:ident)*) => {
        $(mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));

            mod models {
                use super::{Gate, Node};

                models!(weaker);
            }
        })*

        const WEAKER: &[&str] = &[$(stringify!($name)),*];
    };
}

weaker! {
    inside_is_read_by_a_load
    inside_is_read_before_the_list_is_taken
    nobody_looks_again
    a_reader_comes_in_relaxed
    a_reader_loads_relaxed
    a_reader_goes_out_without_release
    a_reader_goes_out_without_acquire
    a_node_comes_without_release
    a_node_goes_without_acquire
    a_node_is_listed_relaxed
    the_list_is_taken_relaxed
    zero_is_added_without_release
    zero_is_added_without_acquire
}

/// Runs the models of a gate in another process. Returns whether all of them passed, and what they printed.
fn run(gate: &str) -> (bool, String) {
    let tests = format!("handles::gating::{gate}::");
    let output = Command::new(std::env::current_exe().unwrap()).args([&tests, "--include-ignored"]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("running 3 tests"), "{gate}: {printed}");
    (output.status.success(), printed)
}

#[test]
fn the_models_pass_in_another_process_too() {
    let (passed, printed) = run("strong");
    assert!(passed, "{printed}");
}

#[test]
fn each_weaker_gate_fails() {
    let passing: Vec<_> = WEAKER.iter().filter(|gate| run(gate).0).collect();
    assert!(passing.is_empty(), "{passing:?}");
}
