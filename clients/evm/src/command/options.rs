//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
Writes contracts as one image, has processes that are not related run it by revm, and measures what they share.

Usage: cargo run --release [-- OPTIONS [FOLDER]]

  FOLDER           more contracts: every file of it that is called *.hex, with code in hexadecimal digits, 0x before them or not
  --contracts N    contracts that are made up, in sizes as on Ethereum, besides those that are assembled; 1000 unless told
  --processes N    processes that open the image, 1 to 64; 4 unless told
  --rounds N       how often each way to ready bytecode is measured, 1 to 1000; 15 unless told
  --help           this text

Exit status:
  0   every result was that of revm's own analysis, and no page of code was one process's alone
  1   a result differed, or a page was one process's alone
  2   bad input: a folder or file that cannot be read, an option
";

pub enum Asked {
    Help,
    Run(Options),
}

pub struct Options {
    pub contracts: usize,
    pub processes: usize,
    pub rounds: usize,
    pub folder: Option<PathBuf>,
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let mut options = Options { contracts: 1000, processes: 4, rounds: 15, folder: None };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let name = argument.to_string_lossy().into_owned();
        let mut number = |from, to| {
            let value = arguments.next().map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
            let number = value.parse().ok().filter(|number| (from..=to).contains(number));
            number.ok_or_else(|| format!("{name} takes a number from {from} to {to}, not {value:?}"))
        };
        match &*name {
            "--help" | "-h" => return Ok(Asked::Help),
            "--contracts" => options.contracts = number(0, 100_000)?,
            "--processes" => options.processes = number(1, 64)?,
            "--rounds" => options.rounds = number(1, 1000)?,
            _ if name.starts_with('-') => return Err(format!("unknown option {name}")),
            _ if options.folder.is_some() => return Err(format!("a second folder, {name}")),
            _ => options.folder = Some(argument.into()),
        }
    }
    Ok(Asked::Run(options))
}
