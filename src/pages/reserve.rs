//! The address space to reserve by default.
//!
//! ```text
//!   ├ one part ┼─────────── what else the program maps: stacks, libraries, other arenas ───────────┤
//!   0          room / share                                                                   room
//! ```
//!
//! A reservation is free where nothing limits it, so the default is generous. If the system limits a process, an arena
//! takes a fixed part of what is left. The next arena takes such a part of the rest. None starves the other, and
//! neither starves the program (soundness S30). Sizes are halved, not fitted, so that the address space of an arena
//! that is gone suits the next one ([`PooledPages`](super::PooledPages)).

use super::Source;
use crate::error::{Error, PageCall, PageError};

/// The default amount of address space, in bytes of code, of objects, of entries. Bookkeeping beside them comes on top.
#[derive(Clone, Copy)]
pub(crate) struct Reserve {
    /// The amount where it costs nothing until it is used.
    pub(crate) free: usize,
    /// The amount where a reservation is memory.
    pub(crate) memory: usize,
    /// The least amount, which is not halved any more.
    pub(crate) least: usize,
    /// Of the address space that is left, one part of so many is taken at most.
    pub(crate) share: usize,
}

impl Reserve {
    /// Returns the result of `make` for the default size, or for half of it as often as needed. The whole, `len` of the
    /// size, must be within its share of the [room](super::PageSource::room), and the system must grant it.
    ///
    /// A `T` owns what `make` reserved. If that is the largest size that the system grants, it is dropped. Then `make` is called again for
    /// a share of it.
    ///
    /// # Errors
    ///
    /// [`Error::Pages`] if the system refuses the least size, or if the share is too small for it. The share is one of
    /// the room, or of the largest size that the system grants.
    pub(crate) fn granted<T>(
        self,
        source: &Source,
        len: impl Fn(usize) -> Result<usize, Error>,
        make: impl FnMut(usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.granted_of(source.room(), source.reservation_is_free(), len, make)
    }

    fn granted_of<T>(
        self,
        room: Option<usize>,
        is_free: bool,
        len: impl Fn(usize) -> Result<usize, Error>,
        mut make: impl FnMut(usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut bytes = if is_free { self.free } else { self.memory };
        if let Some(room) = room {
            bytes = self.within(room / self.share, bytes, len)?;
        }
        let mut short = None;
        loop {
            match (make(bytes), short) {
                (Err(Error::Pages(refusal)), _) if bytes > self.least => {
                    short = short.or((is_free && refusal.call == PageCall::Reserve).then_some(refusal));
                    bytes = (bytes / 2).max(self.least);
                }
                // It was the largest that there was: most of that is for others.
                (Ok(largest), Some(refusal)) => {
                    const { assert!(core::mem::needs_drop::<T>(), "no drop gives the reservation back") };
                    drop(largest);
                    let part = bytes / self.share;
                    return if part < self.least { Err(Error::Pages(refusal)) } else { make(part) };
                }
                (made, _) => return made,
            }
        }
    }

    /// The size, halved until the whole is within `most`.
    fn within(self, most: usize, size: usize, len: impl Fn(usize) -> Result<usize, Error>) -> Result<usize, Error> {
        let mut bytes = size;
        loop {
            match len(bytes)? {
                whole if whole <= most => return Ok(bytes),
                whole if bytes <= self.least => {
                    return Err(Error::Pages(PageError { call: PageCall::Reserve, bytes: whole, code: 0 }));
                }
                _ => bytes = (bytes / 2).max(self.least),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    const WISH: Reserve = Reserve { free: 1 << 10, memory: 1 << 8, least: 100, share: 8 };
    const REFUSED: Error = Error::Pages(PageError { call: PageCall::Reserve, bytes: 1, code: 12 });

    /// The sizes that are tried, of which each takes as much again for bookkeeping, where the system grants less than `bound`.
    fn tried(room: Option<usize>, free: bool, bound: usize, refusal: Error) -> (Vec<usize>, Result<usize, Error>) {
        let mut tried = Vec::new();
        let granted = WISH.granted_of(
            room,
            free,
            |bytes| Ok(2 * bytes),
            |bytes| {
                tried.push(bytes);
                if bytes < bound { Ok(Box::new(bytes)) } else { Err(refusal) }
            },
        );
        (tried, granted.map(|made| *made))
    }

    #[test]
    fn what_is_memory_is_halved_while_the_system_refuses_and_no_further_than_was_said() {
        assert_eq!(tried(None, false, 1000, REFUSED), (vec![256], Ok(256)));
        assert_eq!(tried(None, false, 200, REFUSED), (vec![256, 128], Ok(128)));
        assert_eq!(tried(None, false, 0, REFUSED), (vec![256, 128, 100], Err(REFUSED)));
        let other = Error::Exhausted { needed: 1, left: 0 };
        assert_eq!(tried(None, false, 200, other), (vec![256], Err(other)), "less would not help");
    }

    // soundness S30
    #[test]
    fn of_the_largest_that_there_is_an_eighth_is_taken() {
        assert_eq!(tried(None, true, 2000, REFUSED), (vec![1024], Ok(1024)));
        assert_eq!(tried(None, true, 1000, REFUSED), (vec![1024, 512], Err(REFUSED)), "64 are less than the least");
        assert_eq!(tried(None, true, 101, REFUSED), (vec![1024, 512, 256, 128, 100], Err(REFUSED)));
        let wide = Reserve { least: 1, ..WISH };
        let granted =
            wide.granted_of(None, true, Ok, |bytes| if bytes < 600 { Ok(Box::new(bytes)) } else { Err(REFUSED) });
        assert_eq!(granted, Ok(Box::new(512 / 8)));
        // Memory that is refused says nothing of address space.
        let commit = Error::Pages(PageError { call: PageCall::Commit, bytes: 1, code: 12 });
        assert_eq!(tried(None, true, 600, commit), (vec![1024, 512], Ok(512)));
    }

    // soundness S30
    #[test]
    fn the_largest_that_there_is_is_given_back_before_a_part_of_it_is_taken() {
        let live = Rc::new(());
        let wide = Reserve { least: 1, ..WISH };
        let granted = wide.granted_of(None, true, Ok, |bytes| {
            assert_eq!(Rc::strong_count(&live), 1, "{bytes}");
            if bytes < 600 { Ok(live.clone()) } else { Err(REFUSED) }
        });
        assert!(granted.is_ok_and(|made| Rc::strong_count(&made) == 2));
    }

    // soundness S30
    #[test]
    fn within_a_limit_the_whole_is_an_eighth_of_what_is_left_or_nothing() {
        for (room, size) in [(usize::MAX, 1024), (16 << 10, 1024), ((16 << 10) - 1, 512), (2048, 128), (1600, 100)] {
            assert_eq!(tried(Some(room), true, 2000, REFUSED), (vec![size], Ok(size)), "{room}");
        }
        for room in [0, 1, 1599] {
            let refused = Error::Pages(PageError { call: PageCall::Reserve, bytes: 200, code: 0 });
            assert_eq!(
                tried(Some(room), true, 2000, REFUSED),
                (vec![], Err(refused)),
                "nothing is asked of the system"
            );
        }
        assert_eq!(tried(Some(2048), false, 2000, REFUSED).1, Ok(128), "memory has addresses too");
    }
}
