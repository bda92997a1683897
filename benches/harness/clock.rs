//! The time that a thread had a processor.

use std::time::Duration;

/// The processor time of this thread, the kernel's part included: time in which others had the processor does not count.
pub(crate) struct Clock(Duration);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Self::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Self::now() - self.0
    }

    fn now() -> Duration {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` is a place for what the call writes. It cannot fail with a clock that Linux always has.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    }
}
