//! `permacode`: looks at images of loaded code.
//!
//! ```text
//!   cli ─▶ a command ─▶ what it found, as data ─┬─▶ screen   text, for people
//!                                               └─▶ JSON     for programs
//! ```
//!
//! | | |
//! | --- | --- |
//! | `inspect` `list` (`summary`) `verify` `diff` | what is in files |
//! | `rebase` `embed` | files that are written |
//! | `top` `trace` (`maps` `sighting` `cache`) | what is in memory |
//! | `generate` | completions and the manual |
//!
//! Invariants:
//!
//! 1. No file and no process makes it panic. A failure is a sentence, and an exit code.
//! 2. No text of a file or a process reaches the screen without being escaped.
//! 3. Files are read, and not mapped: they may belong to anybody, and may change meanwhile.
//!
//! It is a library so that `examples/screens.rs` can be the tool too. Nobody else is meant to use it.

mod cache;
mod cli;
mod diff;
mod embed;
mod failure;
mod generate;
mod inspect;
mod list;
mod maps;
mod outcome;
mod rebase;
mod screen;
mod sighting;
mod summary;
mod top;
mod trace;
mod verify;

use anstream::ColorChoice;
use clap::Parser;
use cli::{Cli, Command, When};
use failure::Failure;
use outcome::Outcome;
use screen::Screen;
use std::process::ExitCode;

/// Does what the command line asks for, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.color {
        When::Auto => {}
        When::Always => ColorChoice::Always.write_global(),
        When::Never => ColorChoice::Never.write_global(),
    }
    let code = match run(&cli) {
        Ok(outcome) => outcome.tell(cli.json),
        Err(failure) => outcome::tell_failure(&failure, cli.json),
    };
    ExitCode::from(code)
}

fn run(cli: &Cli) -> Result<Outcome, Failure> {
    let screen = Screen::of_output();
    match &cli.command {
        Command::Inspect(arguments) => inspect::run(arguments, screen),
        Command::List(arguments) => list::run(arguments, screen),
        Command::Verify(arguments) => verify::run(arguments, screen),
        Command::Diff(arguments) => diff::run(arguments, screen),
        Command::Rebase(arguments) => rebase::run(arguments),
        Command::Embed(arguments) => embed::run(arguments),
        Command::Top(arguments) => top::run(arguments, screen),
        Command::Trace(arguments) => trace::run(arguments, screen, cli.json),
        Command::Completions { shell } => Ok(generate::completions(*shell)),
        Command::Man { command } => generate::manual(command.as_deref()),
    }
}
