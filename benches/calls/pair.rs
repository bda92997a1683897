//! The same work on one core and on two at once, and whether two cores are there to be had.
//!
//! Both threads start together, each pinned to a core of its own, and do as much as the one before them. Had from the clock on the wall: of
//! two threads that hinder each other, either also waits.

use crate::Outcome;
use crate::harness::Clock;
use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Instant;

/// What counts as two idle cores: two independent loops must together run at this multiple of one.
const IDLE: std::ops::RangeInclusive<f64> = 1.9..=2.1;

/// Two processors that this process may use.
pub(crate) struct Pair([usize; 2]);

/// Nanoseconds that some work took: from the start of the first thread to the end of the last, and the processor time of the slowest.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    pub(crate) processor: f64,
}

impl Pair {
    /// `None` where there is one processor only.
    pub(crate) fn find() -> Option<Self> {
        // SAFETY: an all-zero set is an empty one; the call writes to it.
        let set = unsafe {
            let mut set: libc::cpu_set_t = mem::zeroed();
            (libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) == 0).then_some(set)
        }?;
        // SAFETY: the numbers are within the set's size.
        let mut allowed = (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) });
        Some(Self([allowed.next()?, allowed.next()?]))
    }

    /// Does `work` on the first `threads` processors at once.
    pub(crate) fn on(&self, threads: usize, work: &(dyn Fn() + Sync)) -> Outcome<Took> {
        let ready = AtomicUsize::new(0);
        let on = |cpu| -> Result<_, std::io::Error> {
            let pinned = pin(cpu);
            ready.fetch_add(1, AcqRel);
            while ready.load(Acquire) < threads {
                std::hint::spin_loop();
            }
            pinned?;
            let (start, clock) = (Instant::now(), Clock::start());
            work();
            Ok((start, clock.elapsed().as_nanos() as f64, Instant::now()))
        };
        let ran: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = self.0[..threads].iter().map(|&cpu| scope.spawn(move || on(cpu))).collect();
            running.into_iter().map(|thread| thread.join().expect("a thread panicked")).collect::<Result<_, _>>()
        })?;
        let start = ran.iter().map(|ran| ran.0).min().expect("a thread");
        let end = ran.iter().map(|ran| ran.2).max().expect("a thread");
        let processor = ran.iter().map(|ran| ran.1).fold(0.0, f64::max);
        Ok(Took { wall: (end - start).as_nanos() as f64, processor })
    }

    /// How much more two independent loops do than one, in the same time: 2 if both cores are idle.
    pub(crate) fn calibrate(&self) -> Outcome<f64> {
        let spin = || {
            let mut value = black_box(1u64);
            for _ in 0..200_000 {
                value = black_box(value.wrapping_mul(3));
            }
        };
        Ok(2.0 * self.on(1, &spin)?.wall / self.on(2, &spin)?.wall)
    }

    pub(crate) fn idle(&self) -> Outcome<bool> {
        Ok(IDLE.contains(&self.calibrate()?))
    }
}

fn pin(cpu: usize) -> Result<(), std::io::Error> {
    // SAFETY: an all-zero set is an empty one; the number comes from the set of those allowed.
    let pinned = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if pinned == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
