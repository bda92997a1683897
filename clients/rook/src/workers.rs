//! Workers: one process loads the program, and forks others that share its code and its objects.
//!
//! ```text
//!   load, seal ─▶ collect ─▶ trim ─▶ fence ─▶ fork ─┬─▶ worker 0: run, answer, wait, exit
//!                                                   └─▶ worker 1: ..
//!   parent:   read the answer ─▶ ask the kernel what the worker copied ─▶ let it exit
//! ```
//!
//! What a worker copied is asked from outside, while it waits. So what the question itself writes is not counted.

use crate::failure::Failure;
use crate::vm::Vm;
use fork::{Fork, fork, waitpid};
use permacode::Error;
use permacode::residency::{Residency, ResidencyError};
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The answer of a worker, and what it copied of what it shares with its parent.
#[derive(Clone, Debug)]
pub struct Report {
    /// The result of the worker's function, or its failure.
    pub answer: Result<String, String>,
    /// Bytes of sealed code that it copied. They should be none.
    pub code_copied: usize,
    /// Bytes of sealed code.
    pub code: usize,
    /// Bytes of objects that are its own, new ones included.
    pub heap_copied: usize,
}

/// The reasons why workers do not run.
#[derive(Debug)]
pub enum WorkerError {
    /// An arena refused a seal or a collection.
    Refused(Error),
    /// The system refused a process or a pipe.
    System(io::Error),
    /// The kernel does not say what a worker copied.
    Unseen(ResidencyError),
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the arenas cannot be made ready for a fork: {error}"),
            Self::System(error) => write!(f, "a worker cannot be made: {error}"),
            Self::Unseen(error) => write!(f, "it cannot be seen what a worker copied: {error}"),
        }
    }
}

impl std::error::Error for WorkerError {}

impl From<io::Error> for WorkerError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<Error> for WorkerError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<ResidencyError> for WorkerError {
    fn from(error: ResidencyError) -> Self {
        Self::Unseen(error)
    }
}

/// A worker that runs.
struct Worker {
    pid: i32,
    /// Its answer comes from here.
    answer: PipeReader,
    /// It exits when it gets a byte.
    go: PipeWriter,
}

impl Vm<'_> {
    /// Forks workers, each of which calls a function of a module with its number. Returns what they answer and copied.
    pub(crate) fn work(&mut self, count: usize, module: &str, function: &str) -> Result<Vec<Report>, WorkerError> {
        self.arenas.code.seal()?;
        self.collect()?;
        self.arenas.heap.trim()?;
        self.arenas.heap.fence();
        let forked = (0..count).map(|number| self.fork_worker(number, module, function));
        let workers: Result<Vec<Worker>, WorkerError> = forked.collect();
        let reports = workers.and_then(|workers| workers.into_iter().map(|worker| self.report(worker)).collect());
        self.arenas.heap.lift_fence(); // here no more are forked
        reports
    }

    fn fork_worker(&mut self, number: usize, module: &str, function: &str) -> Result<Worker, WorkerError> {
        let ((answer, answer_to), (go_from, go)) = (pipe()?, pipe()?);
        match fork()? {
            Fork::Parent(pid) => Ok(Worker { pid, answer, go }),
            Fork::Child => {
                drop((answer, go));
                // A panic must not unwind into what is the parent's.
                let answered = catch_unwind(AssertUnwindSafe(|| {
                    let result = self.call_global(module, function, &[number as i64]);
                    give_answer(result, answer_to, go_from)
                }));
                std::process::exit(if matches!(answered, Ok(Ok(()))) { 0 } else { 1 })
            }
        }
    }

    fn report(&self, worker: Worker) -> Result<Report, WorkerError> {
        let Worker { pid, mut answer, mut go } = worker;
        let mut text = String::new();
        answer.read_to_string(&mut text)?;
        let asked = u32::try_from(pid).unwrap_or(0);
        let code = self.arenas.code.residency_in(asked);
        let heap = Residency::of_process(asked, self.arenas.heap.address_range());
        go.write_all(b".")?; // closing it would not do: workers that were forked later have it, too
        waitpid(pid)?;
        let answer = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(result), _) => Ok(result.to_owned()),
            (None, Some(failure)) => Err(failure.to_owned()),
            (None, None) => Err("the worker died".to_owned()),
        };
        let (code_copied, code) = code?.copied();
        Ok(Report { answer, code_copied, code, heap_copied: heap?.private_dirty() })
    }
}

/// Sends an answer, and waits until the parent has looked.
fn give_answer(result: Result<String, Failure>, mut answer: PipeWriter, mut go: PipeReader) -> io::Result<()> {
    match result {
        Ok(result) => write!(answer, "+{result}")?,
        Err(failure) => write!(answer, "-{failure}")?,
    }
    drop(answer);
    go.read_exact(&mut [0])
}
