//! Converts the Python library into an image, and measures what processes have of it. `README.md` beside this package says how to run it.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod show;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> std::process::ExitCode {
    match show::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("permacode-python: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() {
    println!("images are for Linux on 64 bits");
}
