//! A program that carries its image: one file to install, whose processes share the code in it.
//!
//! ```text
//! cargo run --release --example one_file                    # writes such a program, starts it four times, and looks at its pages
//! cargo run --release --example one_file -- --into FILE     # writes it and leaves it
//! ```
//!
//! As the linker made it, the program carries nothing, and loads from sources. It writes a copy of itself with an image behind it. The copy maps
//! its own file.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod pages;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod program;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    program::main()
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() {
    println!("images are for Linux on 64 bits");
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests;
