//! The claimed part of the code pages, from either end: two numbers that many threads move, in one word.
//!
//! ```text
//!   0 ├ claimed ┼ claimed ┤┄┄┄┄┄┄┄┄ free ┄┄┄┄┄┄┄┄├ claimed ┼ records ┤ len
//!        from the front   ▶                      ◀  from the back
//! ```
//!
//! Records that need more than their own part take the very last units, until machine code is claimed in front of them.
//!
//! Claims do not overlap: each moves one number in one step, and sees the other in that step. The latest of each end
//! may be given back. The next claim of these bytes comes after all that was done to them. `loom/` tries both.
//!
//! Units are the owner's: at most [`MOST`] of them in all, so that half a word holds each number.

use crate::base::atomics::AtomicUsize;
use core::ops::Range;
use core::sync::atomic::Ordering::*;

const HALF: u32 = usize::BITS / 2;

/// No more units than these can be counted.
pub(in crate::code) const MOST: usize = (usize::MAX >> HALF) >> 1;

/// Says that machine code was claimed from the back.
const NATIVE: usize = MOST + 1;

/// The end of the code pages that a claim takes from: data fills them from the front, machine code from the back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::code) enum End {
    Front,
    Back,
}

/// Units claimed from each end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::code) struct Claimed {
    pub(in crate::code) front: usize,
    pub(in crate::code) back: usize,
    /// `true` if machine code was ever loaded. If not, claims from the back are for records.
    pub(in crate::code) native: bool,
}

impl Claimed {
    pub(in crate::code) fn of(self, end: End) -> usize {
        match end {
            End::Front => self.front,
            End::Back => self.back,
        }
    }

    fn with(self, end: End, units: usize) -> Self {
        match end {
            End::Front => Self { front: units, ..self },
            End::Back => Self { back: units, native: true, ..self },
        }
    }

    fn word(self) -> usize {
        debug_assert!(self.front <= MOST && self.back <= MOST);
        self.front << HALF | if self.native { NATIVE } else { 0 } | self.back
    }

    fn from_word(word: usize) -> Self {
        Self { front: word >> HALF, back: word & MOST, native: word & NATIVE != 0 }
    }
}

pub(in crate::code) struct Watermark(AtomicUsize);

impl Watermark {
    /// Nothing is claimed.
    pub(in crate::code) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(in crate::code) fn get(&self) -> Claimed {
        Claimed::from_word(self.0.load(Relaxed))
    }

    /// Claims what comes next from one end: as many units as `length` answers for what is claimed already. They are counted from that end.
    pub(in crate::code) fn claim<E>(
        &self,
        end: End,
        length: impl Fn(Claimed) -> Result<usize, E>,
    ) -> Result<Range<usize>, E> {
        let mut claimed = self.get();
        loop {
            let from = claimed.of(end);
            let to = from + length(claimed)?;
            // Acquire: bytes that another loader gave back are claimed after what it did to them.
            match self.0.compare_exchange_weak(claimed.word(), claimed.with(end, to).word(), Acquire, Relaxed) {
                Ok(_) => return Ok(from..to),
                Err(now) => claimed = Claimed::from_word(now),
            }
        }
    }

    /// Claims from the back what is missing of the last `units` of `all`, for records. Whether they have these now: not where one of them was
    /// claimed for code.
    pub(in crate::code) fn reach(&self, units: usize, all: usize) -> bool {
        let mut claimed = self.get();
        while !claimed.native && claimed.back < units {
            if claimed.front > all || units > all - claimed.front {
                return false;
            }
            // Acquire: as in `claim`.
            match self.0.compare_exchange_weak(
                claimed.word(),
                Claimed { back: units, ..claimed }.word(),
                Acquire,
                Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => claimed = Claimed::from_word(now),
            }
        }
        !claimed.native
    }

    /// Gives a claim back, if nobody claimed behind it; whether that was so.
    pub(in crate::code) fn give_back(&self, end: End, range: &Range<usize>) -> bool {
        let mut claimed = self.get();
        while claimed.of(end) == range.end {
            // Release: pairs with the acquire of whoever claims these bytes next.
            let back = claimed.with(end, range.start).word();
            match self.0.compare_exchange_weak(claimed.word(), back, Release, Relaxed) {
                Ok(_) => return true,
                Err(now) => claimed = Claimed::from_word(now),
            }
        }
        false
    }
}
