//! A worker's side, and the frames it sends: kind, program, length, bytes.

use permacode_lua::Function;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

/// A frame's head: a byte and two numbers.
const HEAD: usize = 1 + 4 + 8;

/// What a worker has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// It begins to run a program.
    Begins { program: usize },
    /// The program printed this.
    Printed { program: usize, output: Vec<u8> },
    /// The program failed: Lua's message and traceback.
    Failed { program: usize, why: String },
}

impl Message {
    fn frame(&self) -> Vec<u8> {
        let (kind, program, bytes): (u8, usize, &[u8]) = match self {
            Self::Begins { program } => (0, *program, &[]),
            Self::Printed { program, output } => (1, *program, output),
            Self::Failed { program, why } => (2, *program, why.as_bytes()),
        };
        let mut frame = vec![kind];
        frame.extend_from_slice(&(program as u32).to_le_bytes());
        frame.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        frame.extend_from_slice(bytes);
        frame
    }

    /// Takes the first message off what was received, once it is complete.
    pub fn take(inbox: &mut Vec<u8>) -> Option<Self> {
        let program = u32::from_le_bytes(inbox.get(1..5)?.try_into().ok()?) as usize;
        let len = usize::try_from(u64::from_le_bytes(inbox.get(5..HEAD)?.try_into().ok()?)).ok()?;
        let output = inbox.get(HEAD..HEAD.checked_add(len)?)?.to_vec();
        let message = match inbox[0] {
            0 => Self::Begins { program },
            1 => Self::Printed { program, output },
            _ => Self::Failed { program, why: String::from_utf8_lossy(&output).into_owned() },
        };
        inbox.drain(..HEAD + len);
        Some(message)
    }
}

/// Runs every function, reports each, and stays until `hold` ends. Returns the exit status.
pub fn work(functions: &[Function<'_, '_>], report: PipeWriter, hold: &PipeReader) -> i32 {
    match answer(functions, report) {
        Ok(()) => {
            let mut hold = hold;
            let _ = hold.read(&mut [0]);
            0
        }
        Err(_) => 1, // the parent is gone
    }
}

fn answer(functions: &[Function<'_, '_>], mut report: PipeWriter) -> io::Result<()> {
    for (program, function) in functions.iter().enumerate() {
        report.write_all(&Message::Begins { program }.frame())?;
        let message = match function.run() {
            Ok(output) => Message::Printed { program, output },
            Err(error) => {
                Message::Failed { program, why: format!("{error}\n{}", error.traceback()).trim_end().to_owned() }
            }
        };
        report.write_all(&message.frame())?;
    }
    Ok(()) // closes the report
}
