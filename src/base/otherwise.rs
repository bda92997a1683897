//! The consequence of a step that fails.
#![forbid(unsafe_code)]

/// Runs a function when it is dropped, and so also when a panic unwinds. If the step succeeds, [`done`](Self::done) calls it off.
#[must_use = "it runs at once unless it is kept"]
pub(crate) struct Otherwise<F: FnMut()>(F);

impl<F: FnMut()> Otherwise<F> {
    pub(crate) fn new(consequence: F) -> Self {
        Self(consequence)
    }

    pub(crate) fn done(self) {
        core::mem::forget(self);
    }
}

impl<F: FnMut()> Drop for Otherwise<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn a_consequence_follows_an_error_and_a_panic_and_no_success() {
        let followed = Cell::new(0);
        let step = |succeeds: Option<bool>| {
            let otherwise = Otherwise::new(|| followed.set(followed.get() + 1));
            if !succeeds.expect("a panic") {
                return;
            }
            otherwise.done();
        };
        step(Some(true));
        assert_eq!(followed.get(), 0);
        step(Some(false));
        assert_eq!(followed.get(), 1);
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| step(None)));
        assert!(panicked.is_err() && followed.get() == 2);
    }
}
