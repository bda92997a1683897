//! All screens of the tool: makes sample images in a folder of its own, runs each command of `README.md` there, and prints what it prints.
//!
//! ```text
//! cargo run -p permacode-tool --example screens
//! ```
//!
//! ```text
//!   this process ── writes the images
//!        ├─ fork ── has one of them open: for `top` and `trace`
//!        └─ this program again, with VARIABLE ── is the tool
//! ```
//!
//! It ends with 1 if a command ends with more than 1, which stands for arguments that make no sense, or for a system that refused.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../tests/tool/gallery.rs"]
mod gallery;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[allow(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/tool/sample.rs"]
mod sample;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> ExitCode {
    if std::env::var_os(screens::VARIABLE).is_some() {
        return permacode_tool::main();
    }
    match screens::show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("screens: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() -> ExitCode {
    println!("images are for Linux on 64 bits");
    ExitCode::SUCCESS
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod screens {
    use super::gallery::{self, PID};
    use permacode_witness::watched;
    use std::error::Error;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// Set for a process that is the tool.
    pub const VARIABLE: &str = "PERMACODE_SCREENS_TOOL";

    const README: &str = include_str!("../README.md");

    /// A folder that goes with the run.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    pub fn show() -> Result<(), Box<dyn Error>> {
        let path = std::env::temp_dir().join(format!("permacode-screens-{}", std::process::id()));
        // A new one, so that nobody else has put anything there.
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}: remove it first", path.display()))?;
        let folder = Folder(path);
        gallery::write(&folder.0);
        watched(|| gallery::keep_open(&folder.0), |pid| run_all(&folder.0, &pid.to_string()))
    }

    fn run_all(folder: &Path, pid: &str) -> Result<(), Box<dyn Error>> {
        let program = std::env::current_exe()?;
        for (number, command) in gallery::commands(README).enumerate() {
            let command = command.replace(PID, pid);
            println!("{}$ permacode {command}", if number == 0 { "" } else { "\n" });
            let status =
                Command::new(&program).args(command.split(' ')).current_dir(folder).env(VARIABLE, "1").status()?;
            // 1 says that an image is damaged, or that two differ: there are such here.
            if !matches!(status.code(), Some(0 | 1)) {
                return Err(format!("`permacode {command}` ended with {status}").into());
            }
        }
        Ok(())
    }
}
