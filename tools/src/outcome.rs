//! [`Outcome`]: what a command has to say, in both forms, and its exit code.

use crate::failure::{FINE, Failure, REFUSED};
use crate::screen::BAD;
use serde::Serialize;
use std::io::{self, Write};

/// The findings of a command.
#[derive(Debug)]
pub struct Outcome {
    code: u8,
    text: String,
    json: Result<String, String>,
    /// Failures beside them.
    failures: Vec<Failure>,
}

impl Outcome {
    /// Something for the screen, and the same as data.
    pub fn new(text: String, data: &impl Serialize) -> Self {
        let json = serde_json::to_string_pretty(data).map(|json| json + "\n");
        Self { code: FINE, text, json: json.map_err(|error| error.to_string()), failures: Vec::new() }
    }

    /// Text that is the same for people and for programs.
    pub fn verbatim(text: String) -> Self {
        Self { code: FINE, json: Ok(text.clone()), text, failures: Vec::new() }
    }

    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Tells of failures beside what was found. The exit code is the highest.
    pub fn with_failures(self, failures: Vec<Failure>) -> Self {
        let code = failures.iter().map(|failure| failure.code).fold(self.code, u8::max);
        Self { code, failures, ..self }
    }

    /// Prints it. Returns the exit code.
    pub fn tell(self, as_json: bool) -> u8 {
        let text = match (as_json, self.json) {
            (false, _) => self.text,
            (true, Ok(json)) => json,
            (true, Err(error)) => {
                return tell_failure(&Failure { code: REFUSED, text: format!("no JSON can be made: {error}") }, false);
            }
        };
        let code = print(&text, self.code);
        self.failures.iter().for_each(complain);
        code
    }
}

/// Prints text to the standard output. Returns the exit code, which is another one if it cannot be written.
pub fn print(text: &str, code: u8) -> u8 {
    let mut output = anstream::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => code,
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            complain(&Failure { code: REFUSED, text: format!("the output could not be written: {error}") });
            REFUSED
        }
    }
}

/// Prints why a command failed. Returns the exit code.
pub fn tell_failure(failure: &Failure, as_json: bool) -> u8 {
    complain(failure);
    if as_json {
        let json = serde_json::json!({ "error": failure.text, "code": failure.code });
        return print(&format!("{json}\n"), failure.code);
    }
    failure.code
}

fn complain(failure: &Failure) {
    // If the standard error is closed, nobody is there to be told.
    let _ = writeln!(anstream::stderr().lock(), "{BAD}error:{BAD:#} {}", failure.text);
}
