//! Work on a system that refuses now and then.

use permacode::Error;

/// The refusals that a workload met, each of them the system's, and how often it tries again.
///
/// ```
/// use permacode::{CodeArena, Error, testing::Pages};
/// use permacode_witness::Refusals;
///
/// let pages = Pages::system();
/// let mut refusals = Refusals::up_to(3);
/// pages.fail_nth(0);
/// let arena = refusals.until_it_works(|| CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build());
/// assert_eq!((refusals.met(), arena.stats().modules), (1, 0));
/// ```
#[derive(Debug)]
pub struct Refusals {
    met: usize,
    tries: usize,
}

impl Refusals {
    /// Starts without any. Each call is tried so often at most.
    pub fn up_to(tries: usize) -> Self {
        Self { met: 0, tries }
    }

    /// Returns the number of refusals so far.
    pub fn met(&self) -> usize {
        self.met
    }

    /// Counts a refusal that the workload itself dealt with.
    pub fn count(&mut self) {
        self.met += 1;
    }

    /// Does something until it works, as a caller does who frees something and tries again.
    ///
    /// # Panics
    ///
    /// It never works, or an error is not the system's.
    pub fn until_it_works<T>(&mut self, mut call: impl FnMut() -> Result<T, Error>) -> T {
        for _ in 0..self.tries {
            match call() {
                Ok(value) => return value,
                Err(Error::Pages(error)) => {
                    assert!(error.bytes > 0 && error.code == libc::ENOMEM, "{error}");
                    self.met += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        panic!("it never worked again");
    }

    /// As [`until_it_works`](Self::until_it_works), for a call that says only that there is no memory.
    ///
    /// # Panics
    ///
    /// There never is any.
    pub fn until_there_is<T>(&mut self, mut call: impl FnMut() -> Option<T>) -> T {
        for _ in 0..self.tries {
            match call() {
                Some(value) => return value,
                None => self.met += 1,
            }
        }
        panic!("there never was any");
    }
}
