//! permacode without the standard library. `.ci/platforms` builds it for a target that has none, and runs it; `cargo run` runs it here, on
//! pages of the system.
#![no_std]
#![cfg_attr(target_os = "none", no_main)]

extern crate alloc;

#[cfg(target_os = "none")]
mod bare;
mod machine;

#[cfg(not(target_os = "none"))]
extern crate std;

#[cfg(not(target_os = "none"))]
fn main() -> Result<(), permacode::Error> {
    std::println!("{}", machine::run()?);
    Ok(())
}
