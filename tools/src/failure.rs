//! [`Failure`]: the reason why a command did not do what it was asked to, as a sentence and an exit code.

use crate::screen::escaped;
use permacode::image::ImageError;
use permacode::residency::ResidencyError;
use std::io::{self, Read};
use std::path::Path;

/// All is well.
pub const FINE: u8 = 0;
/// A file is damaged, is no image, or differs from another.
pub const DIFFERS: u8 = 1;
/// The arguments make no sense. `clap` uses this number as well.
pub const USAGE: u8 = 2;
/// The system refused a call: a file or a process could not be looked at, or a file was not written.
pub const REFUSED: u8 = 3;

/// A sentence for the user, and the exit code.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: u8,
    pub text: String,
}

impl Failure {
    /// A sentence about a file.
    pub fn of_file(code: u8, path: &Path, what: &str) -> Self {
        Self { code, text: format!("{}: {what}", escaped(&path.to_string_lossy())) }
    }

    /// An image that was refused.
    pub fn of_image(path: &Path, error: &ImageError) -> Self {
        let code = match error {
            ImageError::System { .. } | ImageError::Memory { .. } | ImageError::Arena(_) => REFUSED,
            ImageError::Window { .. } => USAGE,
            _ => DIFFERS,
        };
        let hint = match error {
            ImageError::NoImage if is_program(path) => {
                ", nor a program that carries one: `permacode embed` makes such a program. `strip`, and a signature at the end, take the image away"
            }
            _ => "",
        };
        let text = error.to_string();
        let text = if hint.is_empty() { text } else { format!("this is not an image{hint}") };
        // Texts in an error may come from the file.
        Self::of_file(code, path, &escaped(&text))
    }

    /// A process that could not be looked at.
    pub fn of_process(pid: u32, error: &ResidencyError) -> Self {
        Self { code: REFUSED, text: format!("process {pid}: {error}") }
    }

    /// A refusal of the system about a file of a process.
    pub fn of_proc(pid: u32, error: &io::Error) -> Self {
        let what = match error.kind() {
            io::ErrorKind::NotFound => "there is no such process: `ps` lists those that there are".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "this user may not look at it: ask as its user, or as root (the right to trace it is needed)".to_owned()
            }
            _ => error.to_string(),
        };
        Self { code: REFUSED, text: format!("process {pid}: {what}") }
    }
}

/// Returns `true` for a file that the system would load as a program.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 4];
    path.is_file()
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *b"\x7fELF"
}
