//! A process that has nothing of its parent's but the path of an image, and runs every program that lies there.

use super::image;
use super::lua_heap::LuaHeap;
use super::worker::work;
use permacode_lua::State;
use std::error::Error;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The option by which this program is started as one.
pub const OPTION: &str = "--as-stranger";

/// Becomes another process of this program, in memory that is all new. Returns an exit status if that fails.
pub fn become_one(path: &Path, report: PipeWriter, hold: &PipeReader) -> i32 {
    let hold = match hold.try_clone() {
        Ok(hold) => hold,
        Err(_) => return 1,
    };
    let error = Command::new("/proc/self/exe").arg(OPTION).arg(path).stdin(hold).stdout(report).exec();
    eprintln!("prefork: a process to open the image: {error}");
    1
}

/// Runs every program of the image, reports each to standard output, and stays until standard input ends. Returns the exit status.
pub fn run(path: &Path) -> u8 {
    match work_on(path) {
        Ok(0) => 0,
        Ok(_) => 1,
        Err(error) => {
            eprintln!("prefork: {error}");
            1
        }
    }
}

fn work_on(path: &Path) -> Result<i32, Box<dyn Error>> {
    let arena = image::open(path, true)?;
    let heap = LuaHeap::new(true)?;
    let state = State::with_allocator(heap.allocator())?;
    let programs = image::programs(&arena)?;
    let functions = programs.into_iter().map(|program| state.load(program)).collect::<Result<Vec<_>, _>>()?;
    let report = PipeWriter::from(io::stdout().as_fd().try_clone_to_owned()?);
    let hold = PipeReader::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(work(&functions, report, &hold))
}
