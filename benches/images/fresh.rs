//! What a fresh process measures of itself, and prints for who started it.

use crate::harness::Clock;
use permacode_witness::Rollup;
use std::error::Error;
use std::io;
use std::time::Instant;

/// How many figures it prints: microseconds by the clock and of the processor until the first instruction, page faults until then, microseconds to
/// read everything, and kilobytes of its own and of files after that.
#[allow(dead_code, reason = "the small program prints, and reads nothing")]
pub(crate) const FIGURES: usize = 6;

/// Kilobytes that this process has: in memory of its own, and of files.
fn memory() -> io::Result<[f64; 2]> {
    let sums = Rollup::of("self")?;
    let [all, own] = [sums.kilobytes("Rss")? as f64, sums.kilobytes("Anonymous")? as f64];
    Ok([own, all - own])
}

/// Page faults of this process so far that needed no disk.
fn faults() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: a place for what the call writes; all of it is numbers, so zeros will do.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init().ru_minflt
    }
}

/// A system call that nothing else makes here, for a parent that counts the others.
fn mark() {
    // SAFETY: asks for a number.
    unsafe { libc::getsid(0) };
}

/// The name of the variable that tells a process to read nothing but the first instruction.
pub(crate) const FIRST_ONLY: &str = "PERMACODE_FIRST_ONLY";

/// Opens, reads everything if nobody says otherwise, and prints what that took, and a sum of what was read.
pub(crate) fn measure<T>(
    open: impl FnOnce() -> Result<T, Box<dyn Error>>,
    sum: impl FnOnce(&T) -> Result<u64, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let (before, faults_before) = (memory()?, faults());
    let (start, busy) = (Instant::now(), Clock::start());
    mark();
    let opened = open()?;
    mark();
    let (open, busy) = (start.elapsed(), busy.elapsed());
    let faults = faults() - faults_before;
    let start = Clock::start();
    let sum = if std::env::var_os(FIRST_ONLY).is_some() { 0 } else { sum(&opened)? };
    let read = start.elapsed();
    let after = memory()?;
    println!(
        "{} {} {faults} {} {} {} {sum}",
        open.as_secs_f64() * 1e6,
        busy.as_secs_f64() * 1e6,
        read.as_secs_f64() * 1e6,
        after[0] - before[0],
        after[1] - before[1],
    );
    Ok(())
}
