//! Completions and manual pages, made of the arguments.

use crate::cli::Cli;
use crate::failure::{Failure, REFUSED, USAGE};
use crate::outcome::Outcome;
use crate::screen::quoted;
use clap::CommandFactory;
use clap_complete::Shell;

pub fn completions(shell: Shell) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "permacode", &mut text);
    Outcome::verbatim(String::from_utf8_lossy(&text).into_owned())
}

pub fn manual(command: Option<&str>) -> Result<Outcome, Failure> {
    let mut all = Cli::command();
    all.build();
    let page = match command {
        None => all,
        Some(name) => {
            let found = all.get_subcommands().find(|command| command.get_name() == name).cloned();
            let unknown = || Failure {
                code: USAGE,
                text: format!("there is no command {}: see `permacode --help`", quoted(name)),
            };
            found.ok_or_else(unknown)?
        }
    };
    let mut text = Vec::new();
    let made = clap_mangen::Man::new(page).source(concat!("permacode ", env!("CARGO_PKG_VERSION"))).render(&mut text);
    made.map_err(|error| Failure { code: REFUSED, text: format!("the manual page could not be made: {error}") })?;
    Ok(Outcome::verbatim(String::from_utf8_lossy(&text).into_owned()))
}
