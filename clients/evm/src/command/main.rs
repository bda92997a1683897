//! Many contracts as one image: opened by processes that are not related, run there by revm, and measured beside revm's own analysis.
//!
//! ```text
//!   contracts ─ place, write ─▶ image ┬ process 1: opens it, runs every call, says what came of it, waits
//!       │                             ├ process 2 …
//!       └─ revm's analysis, in this process: every call again ─ the same results? ─ whose are the pages of the image?
//!   the ways from contracts to bytecode that is ready, each in fresh processes, in turns
//! ```

mod installed;
mod options;
mod population;
mod stranger;
mod ways;

use options::Asked;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

/// A value, or what went wrong in words.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// A page of code is private, or a result differs.
const FINDING: u8 = 1;
/// It cannot be done as asked.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let done = match arguments.split_first() {
        // Started by another one of this program.
        Some((first, [image])) if first == stranger::OPTION => stranger::run(image.as_ref()).map(|()| true),
        Some((first, [way, image, codes])) if first == ways::OPTION => {
            ways::run(way, image.as_ref(), codes.as_ref()).map(|()| true)
        }
        _ => match options::parse(arguments) {
            Ok(Asked::Help) => {
                say(options::HELP);
                Ok(true)
            }
            Ok(Asked::Run(options)) => run(&options),
            Err(why) => Err(format!("{why}: try --help").into()),
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FINDING),
        Err(why) => {
            eprintln!("permacode-evm: {why}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Prints. Whoever closes the pipe early has seen enough.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Does all of it, and returns whether all was right.
fn run(options: &options::Options) -> Outcome<bool> {
    let contracts = population::all(options)?;
    let installed = installed::Installed::write(&contracts)?;
    let shared = stranger::compare(options.processes, &installed, &contracts)?;
    say(&shared.text(&installed));
    say(&ways::compare(options.rounds, &installed)?);
    Ok(shared.is_right())
}
