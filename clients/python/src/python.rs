//! [`Python`]: the CPython 3.11 that is installed, if one is, and its library.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The script that compiles and describes.
const DUMP: &str = include_str!("../dump.py");
/// The script that loads what the other compiled, or compiles, and measures.
const LOAD: &str = include_str!("../load.py");

/// A Python 3.11 that runs.
#[derive(Clone, Debug)]
pub struct Python {
    program: &'static str,
    /// The folder of its library.
    pub library: PathBuf,
    /// Its version.
    pub version: String,
}

impl Python {
    /// Looks for it: Debian's own first, because that has its tests beside it.
    ///
    /// # Errors
    ///
    /// There is none, and this says what to install.
    pub fn find() -> Result<Self, String> {
        let ask = "import sys, sysconfig; print(*sys.version_info[:2], sep='.'); print(sys.version.split()[0]); print(sysconfig.get_path('stdlib'))";
        for program in ["/usr/bin/python3.11", "python3.11"] {
            let Ok(output) = Command::new(program).args(["-I", "-c", ask]).output() else { continue };
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if let ["3.11", version, library] = text.lines().collect::<Vec<_>>()[..] {
                return Ok(Self { program, library: library.into(), version: version.to_owned() });
            }
        }
        Err("no python3.11 here: apt-get install python3.11 libpython3.11-testsuite".to_owned())
    }

    /// Compiles modules below a folder, all if none is named, to `.pyc` files in another. Returns a line for each file that is no Python.
    ///
    /// # Errors
    ///
    /// The script did not come to its end.
    pub fn compile(&self, from: &OsStr, to: &OsStr, modules: &[String]) -> Result<Vec<String>, String> {
        let mut command = self.command(DUMP);
        let output = said(command.arg("compile").args([from, to]).args(modules).output())?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// Describes the code objects of `.pyc` files, field by field, as [`listing`](crate::listing) does.
    ///
    /// # Errors
    ///
    /// As for [`compile`](Self::compile).
    pub fn describe(&self, folder: &OsStr, modules: &[String]) -> Result<String, String> {
        said(self.command(DUMP).arg("describe").arg(folder).args(modules).output())
    }

    /// A process that loads the `.pyc` files of a list, and measures it: see `load.py`.
    pub fn loader(&self, folder: &Path, list: &Path) -> Command {
        let mut command = self.command(LOAD);
        command.arg("decode").args([folder, list]);
        command
    }

    /// A process that compiles the sources of a list, and measures it: see `load.py`.
    pub fn compiler(&self, list: &Path) -> Command {
        let mut command = self.command(LOAD);
        command.arg("compile").arg(list);
        command
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(self.program);
        command.args(["-I", "-c", script]);
        command
    }
}

fn said(output: std::io::Result<Output>) -> Result<String, String> {
    let output = output.map_err(|error| format!("python3.11 did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("python3.11 ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("python3.11 printed what is not UTF-8: {error}"))
}
