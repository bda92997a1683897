//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
Runs Lua programs in forked workers, from one copy of sealed code, and measures what the workers copied.

Usage: cargo run --release --example prefork [-- OPTIONS [FILE.lua | FOLDER …]]

  FILE.lua …           programs to run, instead of the corpus in clients/lua/programs. What one should print is read from
                       FILE.expected beside it; without that file, it is what the program prints in a process of its own.
  FOLDER …             all programs of a folder
  --image              the workers run from an image of the code, and so do as many processes that are not related to them. A
                       table shows the ways to a first call. Needs programs with different names
  --rounds N           how often each of these ways is measured, 1 to 1000; 15 unless told
  --workers N          workers to fork, 1 to 1024; 4 unless told
  --heap arena|system  where Lua's objects lie: in heap arenas, one for each of the two rounds, or with malloc; arena unless told
  --fence on|off       whether the heap arenas are fenced before the workers are forked; off unless told, because a worker copies
                       fewer old pages behind a fence, but takes more new ones than that (README.md)
  --verbose            shows each worker, each program, and what lies where
  --timeout SECONDS    how long to wait for a worker's answers; 60 unless told
  --help               this text

Exit status:
  0   every output was right, no page of code was copied, and closing the states left nothing in the heap arenas
  1   a page of code was copied, an output differed, or something was left
  2   bad input: an unreadable file, a syntax error, an option, a program that fails or that ends or blocks its worker
      (where 1 holds too, 1)
";

/// Where a typing error should not take the machine down.
const MOST_WORKERS: usize = 1024;

/// What was asked for.
pub enum Command {
    Help,
    Run(Options),
}

pub struct Options {
    pub workers: usize,
    /// Lua's objects lie in heap arenas, not with `malloc`.
    pub heap_arena: bool,
    pub fence: bool,
    /// Show all tables, and not the result alone.
    pub verbose: bool,
    /// The code is an image, and strangers open it too.
    pub image: bool,
    pub rounds: usize,
    pub timeout: Duration,
    /// Empty for the corpus.
    pub files: Vec<PathBuf>,
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options {
        workers: 4,
        heap_arena: true,
        fence: false,
        verbose: false,
        image: false,
        rounds: 15,
        timeout: Duration::from_secs(60),
        files: Vec::new(),
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        let (name, joined) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (&*text, None),
        };
        let mut value = |what: &str| {
            let next = || arguments.next().map(|next| next.to_string_lossy().into_owned());
            joined.clone().or_else(next).ok_or_else(|| format!("{name} needs {what}"))
        };
        match name {
            "--help" | "-h" => return Ok(Command::Help),
            "--verbose" | "-v" => options.verbose = true,
            "--image" => options.image = true,
            "--workers" => options.workers = number(name, &value("a number")?, MOST_WORKERS)?,
            "--rounds" => options.rounds = number(name, &value("a number")?, 1000)?,
            "--heap" => options.heap_arena = first_of(name, &value("arena or system")?, ["arena", "system"])?,
            "--fence" => options.fence = first_of(name, &value("on or off")?, ["on", "off"])?,
            "--timeout" => options.timeout = Duration::from_secs(number(name, &value("a number")?, 1 << 20)? as u64),
            "--" => options.files.extend(arguments.by_ref().map(PathBuf::from)),
            _ if name.starts_with('-') => return Err(format!("unknown option {text}")),
            _ => options.files.push(PathBuf::from(argument)),
        }
    }
    Ok(Command::Run(options))
}

fn number(name: &str, value: &str, most: usize) -> Result<usize, String> {
    let parsed = value.parse().ok().filter(|number| (1..=most).contains(number));
    parsed.ok_or_else(|| format!("{name} takes a number from 1 to {most}, not {value}"))
}

/// Whether the value is the first of two words.
fn first_of(name: &str, value: &str, [first, second]: [&str; 2]) -> Result<bool, String> {
    match value {
        _ if value == first => Ok(true),
        _ if value == second => Ok(false),
        _ => Err(format!("{name} takes {first} or {second}, not {value}")),
    }
}
