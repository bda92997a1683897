//! Folders of a test's own, and the tool as a process.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder for one test, gone in the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("permacode-tool-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the tool here.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Runs the tool here, with some variables.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_permacode"));
        command.args(arguments).current_dir(&self.0);
        ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"].into_iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }

    /// Runs the tool here, which is to end with a code, and reads its JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str], code: i32) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the tool said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Fails unless it ended with this code, and did not panic.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Fails unless the output has each of these.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        parts.iter().for_each(|part| assert!(self.out.contains(part), "{part:?} is not in\n{}", self.out));
        self
    }

    /// Fails unless the errors have each of these.
    #[track_caller]
    pub fn complains(self, parts: &[&str]) -> Self {
        parts.iter().for_each(|part| assert!(self.err.contains(part), "{part:?} is not in\n{}", self.err));
        self
    }

    /// The line that has a text.
    #[track_caller]
    pub fn line(&self, part: &str) -> &str {
        self.out.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part:?} is not in\n{}", self.out))
    }
}
