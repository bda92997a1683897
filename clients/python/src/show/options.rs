//! [`Options`]: what the command line asked for.

use std::path::PathBuf;

pub const HELP: &str = "\
Converts the code of the Python library into an image, opens it in fresh processes, and measures it beside marshal, .pyc files and compiling.

usage: permacode-python [OPTION]...

  --ordinary           only the 20 modules of an ordinary program
  --source NAME        cpython or rustpython; without it both, if a CPython 3.11 is installed
  --folder DIR         what RustPython's compiler compiles, in place of its own library
  --rounds N           fresh processes for each way to load the 20 modules (100)
  --processes N        processes that have the image at the same time, at most (8)
  --svg FILE           writes a picture of the pages of these processes (of the last source)
  --keep DIR           where the image and the files beside it stay; without it they are removed
  --help

example: permacode-python --source rustpython --folder src --ordinary
";

/// The options of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub ordinary: bool,
    pub source: Option<Name>,
    pub folder: Option<PathBuf>,
    pub rounds: usize,
    pub processes: usize,
    pub svg: Option<PathBuf>,
    pub keep: Option<PathBuf>,
}

/// One of the two compilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    CPython,
    RustPython,
}

impl Options {
    /// Reads the arguments. `None` if help was asked for.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options =
            Self { ordinary: false, source: None, folder: None, rounds: 100, processes: 8, svg: None, keep: None };
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{option} wants a value"));
            let number = |value: String| match value.parse() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("{option} wants a number above 0, and found {value:?}")),
            };
            match option.as_str() {
                "--help" => return Ok(None),
                "--ordinary" => options.ordinary = true,
                "--source" => {
                    options.source = Some(match value()?.as_str() {
                        "cpython" => Name::CPython,
                        "rustpython" => Name::RustPython,
                        other => return Err(format!("--source wants cpython or rustpython, and found {other:?}")),
                    });
                }
                "--folder" => options.folder = Some(value()?.into()),
                "--rounds" => options.rounds = number(value()?)?,
                "--processes" => options.processes = number(value()?)?,
                "--svg" => options.svg = Some(value()?.into()),
                "--keep" => options.keep = Some(value()?.into()),
                _ => return Err(format!("there is no option {option:?}")),
            }
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, Options};

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_that_are_none_are_refused_with_a_reason() {
        assert!(parse("--rounds 0").is_err_and(|why| why.contains("above 0")));
        assert!(parse("--rounds").is_err_and(|why| why.contains("wants a value")));
        assert!(parse("--source pypy").is_err_and(|why| why.contains("pypy")));
        assert!(parse("json").is_err_and(|why| why.contains("json")));
        let options = parse("--ordinary --source cpython --rounds 7").ok().flatten();
        assert!(
            options.is_some_and(|options| options.ordinary
                && options.source == Some(Name::CPython)
                && options.rounds == 7)
        );
        assert_eq!(parse("--help"), Ok(None));
    }
}
