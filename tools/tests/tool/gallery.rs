//! The files that the README's screens are of, the process that has one open, and the commands. `examples/screens.rs` shares them.

use crate::sample::{self, Code, Sample};
use permacode::image::Image;
use std::path::Path;

/// What a process is called in the README.
pub const PID: &str = "4711";

/// The commands of the README's screens, without `permacode`.
pub fn commands(readme: &str) -> impl Iterator<Item = &str> {
    readme.lines().filter_map(command)
}

/// The command in a line of the README, if it is one.
pub fn command(line: &str) -> Option<&str> {
    line.strip_prefix("$ permacode ")
}

/// Writes the files.
pub fn write(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    let (old, new) = (Sample::new("mylang 3.2"), Sample { number: 8, ..Sample::new("mylang 3.3") });
    write("mylang.image", &old.bytes());
    write("newer.image", &new.bytes());
    write("other.image", &sample::newer());
    write("damaged.image", &old.bytes()[..20_000]);
    write("mylang.bin", b"#!/bin/sh\necho mylang\nexit\n");
}

/// Opens one image twice, reads all of it, and keeps it until the process ends.
pub fn keep_open(folder: &Path) {
    // SAFETY: nobody writes to it.
    let image = unsafe { Image::map(folder.join("mylang.image")) }.unwrap().check::<Code<'_>>().unwrap();
    let (first, second) = (image.open().unwrap(), image.open().unwrap());
    for arena in [&first, &second] {
        assert!(sample::touch(arena.root::<Code<'_>>("text").unwrap()) > 0);
    }
    std::mem::forget((first, second));
}
