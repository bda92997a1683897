//! A program that runs code out of images which came from a registry: what each machine of a fleet starts in its containers.
//!
//! ```text
//!   build ─▶ library.image ◀─ program.image ─▶ registry ─▶ machine ─▶ a lower layer ─▶ container, container
//!            two images, the second on the first             └ `examples/fleet/run` does all of this
//! ```
//!
//! ```text
//! examples/fleet/run                        # all of it, from build to first call: needs root, and tools that it names
//! fleet build FOLDER VERSION                # writes both images, and says their digests and what a call gives
//! fleet run FOLDER LIBRARY PROGRAM          # opens the images of these digests, calls, and goes on to answer
//! ```
//!
//! To each line of its input, `run` answers with a line. `call` calls again, and `pages` says what the process has of the images in memory.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod code;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod images;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../one_file/pages.rs"]
mod pages;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["build", folder, version] => images::build(folder.as_ref(), version),
        ["run", folder, library, program] => images::run(folder.as_ref(), library, program),
        _ => Err("usage: fleet build FOLDER VERSION | fleet run FOLDER LIBRARY PROGRAM".into()),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fleet: {why}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() {
    println!("images are for Linux on 64 bits");
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests;
