//! The command's options.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: rook [OPTION]... FILE

  --workers N    load the program, fork N workers, and call `worker(number)` in each
  --limit BYTES  the most bytes of objects; more is a MemoryError
  --fuel N       the most operations";

/// The options of the command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) file: PathBuf,
    pub(crate) workers: usize,
    pub(crate) limit: Option<usize>,
    pub(crate) fuel: Option<u64>,
}

impl Options {
    /// Reads the arguments, or says what is wrong with them.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut file, mut workers, mut limit, mut fuel) = (None, 0, None, None);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let text = arguments.next().ok_or_else(|| format!("{argument} wants a number"))?;
                text.parse::<u64>().map_err(|_| format!("{argument} wants a number, not `{text}`"))
            };
            let too_large = |_| "the number is too large".to_owned();
            match &*argument {
                "--workers" => workers = usize::try_from(number()?).map_err(too_large)?,
                "--limit" => limit = Some(usize::try_from(number()?).map_err(too_large)?),
                "--fuel" => fuel = Some(number()?),
                option if option.starts_with("--") => return Err(format!("there is no option {option}")),
                _ if file.is_some() => return Err("there are two files".to_owned()),
                _ => file = Some(PathBuf::from(&argument)),
            }
        }
        let file = file.ok_or("no file is given")?;
        Ok(Self { file, workers, limit, fuel })
    }
}
