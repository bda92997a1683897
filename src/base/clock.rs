//! Time, where there is a clock: the standard library asks the system.

use core::time::Duration;
#[cfg(feature = "std")]
use {core::cell::Cell, std::time::Instant};

/// The moment that time is counted from, which is noted when it is first asked for.
#[derive(Default)]
pub(crate) struct SystemClock {
    #[cfg(feature = "std")]
    first: Cell<Option<Instant>>,
}

impl SystemClock {
    /// Time since that moment. Without a clock none passes.
    #[cfg(feature = "std")]
    pub(crate) fn elapsed(&self) -> Duration {
        if cfg!(all(target_family = "wasm", not(target_os = "wasi"))) {
            // There `Instant::now` panics.
            return Duration::ZERO;
        }
        let now = Instant::now();
        let first = self.first.get().unwrap_or(now);
        self.first.set(Some(first));
        now.saturating_duration_since(first)
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}
