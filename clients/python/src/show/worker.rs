//! A fresh process, which loads modules in one way and says what that took, and its other end in the process that started it.
//!
//! ```text
//!   parent ── command, environment ──▶ worker: opens, loads, reads everything
//!          ◀── a line of measures ──── and stays, to be looked at
//!          ── a line ───────────────▶ drops everything
//!          ◀── a line ────────────────
//! ```

use super::harness::Clock;
use super::list;
use super::memory::Memory;
use super::options::Name;
use super::way::{Module, Opened, Place, Way};
use permacode_python::python::Python;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const VARIABLE: &str = "PERMACODE_PYTHON_WORKER";

/// The task of a worker.
#[derive(Clone, Debug)]
pub struct Task {
    pub way: Way,
    pub source: Name,
    pub folder: PathBuf,
    /// The list of its modules.
    pub list: PathBuf,
    /// The sealed memory of this process, for who may open it.
    pub sealed: Option<PathBuf>,
}

/// The measures that a worker prints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measures {
    /// Microseconds until the first instruction of the first module was read.
    pub first: f64,
    /// Microseconds until all modules were loaded, by the clock and of the processor.
    pub load: f64,
    pub load_busy: f64,
    /// Page faults until then.
    pub load_faults: f64,
    /// Microseconds of the processor until everything was read, and page faults.
    pub busy: f64,
    pub faults: f64,
    /// Kilobytes of its own, and mappings, that are there then and were not before.
    pub own: f64,
    pub mappings: f64,
}

impl Measures {
    const COUNT: usize = 8;

    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<f64> = line.split_whitespace().map_while(|number| number.parse().ok()).collect();
        let [first, load, load_busy, load_faults, busy, faults, own, mappings]: [f64; Self::COUNT] =
            numbers.try_into().ok()?;
        Some(Self { first, load, load_busy, load_faults, busy, faults, own, mappings })
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

impl Task {
    /// The task of this process, if it is a worker.
    pub fn of_this_process() -> Option<Self> {
        let text = std::env::var(VARIABLE).ok()?;
        let parts: Vec<&str> = text.split('\n').collect();
        let [way, source, folder, list, sealed] = parts[..] else { return None };
        Some(Self {
            way: *Way::ALL.get(way.parse::<usize>().ok()?)?,
            source: if source == "cpython" { Name::CPython } else { Name::RustPython },
            folder: folder.into(),
            list: list.into(),
            sealed: (!sealed.is_empty()).then(|| sealed.into()),
        })
    }

    /// The command of a process that does it.
    pub fn command(&self, python: Option<&Python>) -> io::Result<Command> {
        if self.way.is_cpythons() {
            let python = python.ok_or_else(|| io::Error::other("there is no CPython"))?;
            return Ok(match self.way.compiles() {
                true => python.compiler(&self.list),
                false => python.loader(&self.folder.join("pyc"), &self.list),
            });
        }
        let mut command = Command::new(std::env::current_exe()?);
        let way = Way::ALL.iter().position(|way| *way == self.way).unwrap_or_default();
        let source = if self.source == Name::CPython { "cpython" } else { "rustpython" };
        let sealed = self.sealed.as_deref().unwrap_or(Path::new("")).display();
        command.env(VARIABLE, format!("{way}\n{source}\n{}\n{}\n{sealed}", self.folder.display(), self.list.display()));
        Ok(command)
    }

    /// Does it, in this process.
    pub fn run(&self) -> Result<(), Box<dyn Error>> {
        if self.way == Way::Compile {
            // The compiler's recursion wants a stack.
            let task = self.clone();
            let run = move || task.run_here().map_err(|error| error.to_string());
            let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(run)?;
            return Ok(thread.join().map_err(|_| "the compiler panicked")??);
        }
        self.run_here()
    }

    fn run_here(&self) -> Result<(), Box<dyn Error>> {
        let entries = list::read(&self.list)?;
        let (head, tail) = entries.split_first().ok_or("an empty list")?;
        let place = Place { source: self.source, folder: &self.folder, sealed: self.sealed.as_deref() };
        let before = Memory::of("self")?;
        let (start, clock) = (Instant::now(), Clock::start());
        mark();
        let opened = Opened::open(self.way, &place)?;
        let mut modules: Vec<Module<'_>> = vec![opened.load(head)?];
        modules[0].first().ok_or("a module without instructions")?;
        mark();
        let first = microseconds(start.elapsed());
        for entry in tail {
            modules.push(opened.load(entry)?);
        }
        let (load, load_busy) = (microseconds(start.elapsed()), microseconds(clock.elapsed()));
        let loaded = Memory::of("self")?;
        let clock = Clock::start();
        modules.iter().for_each(Module::read);
        let busy = load_busy + microseconds(clock.elapsed());
        let after = Memory::of("self")?;
        say(format_args!(
            "{first} {load} {load_busy} {} {busy} {} {} {}",
            loaded.faults - before.faults,
            after.faults - before.faults,
            after.own - before.own,
            after.mappings - before.mappings
        ))?;
        io::stdin().read_line(&mut String::new())?;
        let clock = Clock::start();
        drop(modules);
        drop(opened);
        Ok(say(format_args!("{}", microseconds(clock.elapsed())))?)
    }
}

/// Prints a line. Who started this process may be gone.
fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A system call that nothing else makes here, for a parent that counts the others.
fn mark() {
    let _ = std::os::unix::process::parent_id();
}

/// A worker that has done its task and lives.
pub struct Worker {
    child: Child,
    output: BufReader<ChildStdout>,
    pub measures: Measures,
}

impl Worker {
    /// Starts a worker, and waits until it has done its task.
    pub fn start(mut command: Command) -> Result<Self, Box<dyn Error>> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        match Measures::parse(&line) {
            Some(measures) => Ok(Self { child, output, measures }),
            None => {
                let said = child.wait_with_output()?;
                Err(format!("a worker ended with {}: {line}{}", said.status, String::from_utf8_lossy(&said.stderr))
                    .into())
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it drop everything, and returns the microseconds of the processor that this took.
    pub fn end(mut self) -> Result<f64, Box<dyn Error>> {
        self.child.stdin.take().ok_or("no input")?.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("a worker ended with {status}").into());
        }
        Ok(line.trim().parse()?)
    }
}
