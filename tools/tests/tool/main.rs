//! The tool, run on images that are made here.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod bad_files;
mod differences;
mod gallery;
mod general;
mod kit;
mod looks;
mod memory;
mod readme;
mod sample;
mod written;
