//! What is counted is replaced while threads copy it: no copy is made of what is gone, and in the end nothing waits.
//!
//! Each model runs on the library's gate, and on copies that are weaker in one thing. There it must fail.

use crate::Watched;
use crate::copies::copies;

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

/// A gate, and the models.
macro_rules! gate {
    ($of:literal, $copy:ident, $(#[$hidden:meta])?) => {
        include!(concat!(env!("OUT_DIR"), "/", $of, "/", stringify!($copy), ".rs"));

        mod models {
            use super::{Gate, Node};
            use crate::copies::bounded;
            use crate::handles::gating::{Counted, FREED};
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
            $(#[$hidden])?
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
            $(#[$hidden])?
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
            $(#[$hidden])?
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
        }
    };
}

copies! {
    "gate", gate,
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
