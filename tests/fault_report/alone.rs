//! A test's body in a process of its own: this program, started again for that one test.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// Set in the process that runs a body.
const ALONE: &str = "PERMACODE_FAULT_REPORT_ALONE";

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) signal: Option<i32>,
    pub(crate) code: Option<i32>,
    pub(crate) dumped: bool,
    pub(crate) text: String,
}

impl Ended {
    /// The lines of ours that it said.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with("permacode: ")).collect()
    }

    /// Fails unless it died as a stray store lets a process die, and said this line and no other of ours.
    #[track_caller]
    pub(crate) fn said(&self, line: &str) {
        assert_eq!((self.signal, self.lines()), (Some(libc::SIGSEGV), vec![line]), "{}", self.text);
    }

    /// Fails unless it came to its end, and said none of our lines.
    #[track_caller]
    pub(crate) fn passed(&self) {
        assert_eq!((self.code, self.lines().len()), (Some(0), 0), "{self:?}");
    }
}

/// Returns `true` in a process that runs a body.
fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Runs a body, which is a closure of the test that calls this, in a process of its own. There this does not return.
pub(crate) fn alone<F: FnOnce()>(body: F) -> Ended {
    command(body, |_| {})
}

/// As [`alone`], with changes to how the process is started.
pub(crate) fn command<F: FnOnce()>(body: F, change: impl FnOnce(&mut Command)) -> Ended {
    if is_alone() {
        body();
        std::process::exit(0);
    }
    // `fault_report::module::test::{{closure}}`
    let path = std::any::type_name::<F>();
    let test = path.split("::{{closure}}").next().and_then(|path| path.split_once("::")).unwrap().1;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(ALONE, "1").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    change(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (signal, code) = (output.status.signal(), output.status.code());
    Ended { signal, code, dumped: output.status.core_dumped(), text }
}
