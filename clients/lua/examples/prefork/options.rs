//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
Runs Lua programs in forked workers, from one copy of sealed code, and measures what the workers copied.

Usage: cargo run --release --example prefork [-- OPTIONS [FILE.lua …]]

  FILE.lua …           programs to run, instead of the corpus in clients/lua/programs. What one should print is read from
                       FILE.expected beside it; without that file, it is what the program prints in a process of its own.
  --workers N          workers to fork, 1 to 1024; 4 unless told
  --timeout SECONDS    how long to wait for a worker's answers; 60 unless told
  --help               this text

Exit status:
  0   every output was right, and no page of code was copied
  1   a page of code was copied, or an output differed
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
    pub timeout: Duration,
    /// Empty for the corpus.
    pub files: Vec<PathBuf>,
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options { workers: 4, timeout: Duration::from_secs(60), files: Vec::new() };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        let (name, joined) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (&*text, None),
        };
        let mut value =
            || match joined.clone().or_else(|| arguments.next().map(|next| next.to_string_lossy().into_owned())) {
                Some(value) => Ok(value),
                None => Err(format!("{name} needs a number")),
            };
        match name {
            "--help" | "-h" => return Ok(Command::Help),
            "--workers" => options.workers = number(name, &value()?, MOST_WORKERS)?,
            "--timeout" => options.timeout = Duration::from_secs(number(name, &value()?, 1 << 20)? as u64),
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
