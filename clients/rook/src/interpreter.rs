//! A machine and its arenas as one value.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::vm::Vm;
#[cfg(target_os = "linux")]
use crate::workers::{Report, WorkerError};
use permacode::stats::TransientStats;
use permacode::{DualArena, Engine};

/// An interpreter: a value that is moved, stored and dropped like any other.
#[derive(Debug)]
pub struct Interpreter(Engine<Vm<'static>>);

impl Interpreter {
    /// Makes an interpreter, and runs the prelude.
    ///
    /// # Errors
    ///
    /// An arena refuses what it needs to begin.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let mut arenas = DualArena::builder();
        if let Some(limit) = settings.code_limit {
            arenas = arenas.code_limit(limit);
        }
        if let Some(limit) = settings.heap_limit {
            arenas = arenas.heap_limit(limit);
        }
        if let Some(pages) = &settings.pages {
            arenas = arenas.pages(pages.clone()); // side tables take theirs from the code arena's source, too
        }
        let arenas = arenas.build().map_err(|refused| refused.error)?;
        Engine::new(arenas, |arenas| Vm::new(arenas, settings)).map(Self)
    }

    /// Runs a program as the body of a module of this name.
    ///
    /// # Errors
    ///
    /// The program is none, or ends early.
    pub fn run(&mut self, name: &str, source: &str) -> Result<(), Failure> {
        self.0.enter(|vm| vm.run_module(name, source))
    }

    /// Calls a function of a loaded module with numbers. Returns the text of its result.
    ///
    /// # Errors
    ///
    /// There is no such function, or it ends early.
    pub fn call(&mut self, module: &str, function: &str, arguments: &[i64]) -> Result<String, Failure> {
        self.0.enter(|vm| vm.call_global(module, function, arguments))
    }

    /// Forks workers, each of which calls a function of a loaded module with its number.
    ///
    /// # Errors
    ///
    /// The system refuses a process, or does not say what workers copied.
    #[cfg(target_os = "linux")]
    pub fn work(&mut self, count: usize, module: &str, function: &str) -> Result<Vec<Report>, WorkerError> {
        self.0.enter(|vm| vm.work(count, module, function))
    }

    /// Forgets all modules but the prelude, and frees what only they led to.
    ///
    /// # Errors
    ///
    /// The collection is refused memory. Nothing is freed then.
    pub fn unload(&mut self) -> Result<(), Failure> {
        self.0.enter(|vm| {
            vm.modules.retain(|(name, _)| name == "prelude");
            vm.collect()?; // and what only entries of code lead to that this ended
            vm.collect()?;
            Ok(())
        })
    }

    /// Lets the machine run so many operations from now on.
    pub fn refuel(&mut self, fuel: u64) {
        self.0.enter(|vm| vm.fuel = fuel);
    }

    /// Returns what was printed since the last call.
    pub fn take_output(&mut self) -> String {
        self.0.enter(|vm| vm.output.take())
    }

    /// Hands what is printed to a function, which returns whether it could be written.
    pub fn print_to(&mut self, to: impl Fn(&str) -> bool + 'static) {
        self.0.enter(|vm| vm.output.hand_to(to));
    }

    /// Returns counts of the evaluated code that there is now.
    pub fn evaluated(&mut self) -> TransientStats {
        self.0.enter(|vm| vm.transients.stats())
    }

    /// Returns the arenas, for statistics.
    pub fn arenas(&self) -> &DualArena {
        self.0.arenas()
    }
}
