//! The patterns, and a process for one of them.

use crate::Outcome;
use crate::heap::Heap;
use crate::subjects::{self, Subject};
use crate::{shapes, threads, traces};

/// What a program does to its allocator.
pub(crate) struct Pattern {
    pub(crate) name: &'static str,
    /// Runs it on an allocator that it makes when its own tables are made.
    run: fn(&Start) -> Outcome<Heap>,
}

/// Makes a watched allocator, when a pattern is ready for it.
pub(crate) struct Start(Subject);

impl Start {
    pub(crate) fn now(&self) -> Outcome<Heap> {
        Heap::new(self.0, false)
    }

    /// One that several threads call.
    pub(crate) fn shared(&self) -> Outcome<Heap> {
        Heap::new(self.0, true)
    }
}

/// All of them: those that the first version of the heap failed, then programs that were recorded.
pub(crate) fn all() -> Vec<Pattern> {
    let made = [
        Pattern { name: "88 sizes in turn, 20 MiB each", run: shapes::phases },
        Pattern { name: "shifting sizes, one in 512 stays", run: shapes::shift },
        Pattern { name: "sawtooth, 100 to 11 MiB", run: shapes::sawtooth },
        Pattern { name: "one in a hundred stays", run: shapes::longlived },
        Pattern { name: "50 million of 8 bytes", run: shapes::tiny },
        Pattern { name: "40 kB to 3 MB at random", run: shapes::spans },
        Pattern { name: "objects of 33,000 bytes", run: |start| shapes::just_above(start, 33_000) },
        Pattern { name: "objects of 66,000 bytes", run: |start| shapes::just_above(start, 66_000) },
        Pattern { name: "objects of 131,100 bytes", run: |start| shapes::just_above(start, 131_100) },
        Pattern { name: "strings that grow and die", run: shapes::strings },
        Pattern { name: "two vectors to 1 GiB in turn", run: shapes::two_vectors },
        Pattern { name: "one vector to 3 GiB", run: shapes::one_vector },
        Pattern { name: "1 GiB zeroed, a byte each 2 MiB", run: |start| shapes::sparse(start, 2 << 20) },
        Pattern { name: "1 GiB zeroed, a byte each 64 KiB", run: |start| shapes::sparse(start, 64 << 10) },
        Pattern { name: "requests across threads", run: threads::requests },
        Pattern { name: "a program that rests", run: threads::rests },
    ];
    made.into_iter().chain(traces::all()).collect()
}

impl Pattern {
    pub(crate) const fn recorded(name: &'static str, run: fn(&Start) -> Outcome<Heap>) -> Self {
        Self { name, run }
    }
}

/// In a child: one pattern on one allocator.
pub(crate) fn child(pattern: usize, subject: usize) -> Outcome<()> {
    let settling = shapes::table(10_000);
    let mut heap = (all()[pattern].run)(&Start(subjects::ALL[subject]))?;
    heap.settle(settling)?;
    heap.tell();
    Ok(())
}
