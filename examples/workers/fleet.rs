//! Forked workers that live at the same time, and what the kernel says of each of them.

use permacode_witness::{Child, End, Rollup};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// Forks `workers`, lets each do its work, and returns the private memory of each, in kB, while all of them live.
pub fn private_memory(workers: usize, work: impl Fn() + Copy) -> io::Result<Vec<usize>> {
    let mut fleet = Vec::new();
    for _ in 0..workers {
        let (here, mut there) = UnixStream::pair()?;
        let child = Child::fork(move || {
            work();
            // Says that it is done, and stays until the parent has looked.
            i32::from(there.write_all(&[1]).is_err() || there.read_exact(&mut [0]).is_err())
        })?;
        fleet.push((child, here));
    }
    for (_, here) in &mut fleet {
        here.read_exact(&mut [0])?;
    }
    let private = fleet.iter().map(|(child, _)| private_kilobytes(child.pid())).collect();
    for (child, mut here) in fleet {
        here.write_all(&[1])?;
        if child.wait()? != End::Code(0) {
            return Err(io::Error::other("a worker did not come to its end"));
        }
    }
    private
}

/// Reads the memory that a process has for itself: written to, and mapped by nobody else.
fn private_kilobytes(pid: i32) -> io::Result<usize> {
    Ok(Rollup::of(pid)?.kilobytes("Private_Dirty")? as usize)
}
