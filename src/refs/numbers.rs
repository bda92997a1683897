//! Site numbers that are used again: transient code comes and goes, its numbers must not grow without end.
//!
//! Numbers come from the code arena, in ranges of a power of two, and go back to a stack for each such length. Room on the stack is made
//! when a range is made, so that giving one back cannot fail.

use crate::code::CodeArena;
use crate::error::Error;
use core::cell::RefCell;
use core::ops::Range;

/// Lengths: 16 to 65,536 numbers.
const LEAST: usize = 16;
const LENGTHS: usize = 13;

#[derive(Default)]
pub(super) struct Numbers {
    lengths: [RefCell<Spare>; LENGTHS],
}

#[derive(Default)]
struct Spare {
    /// Where free ranges begin.
    starts: Vec<u32>,
    /// Ranges ever made of this length; there is room for as many starts.
    made: usize,
}

/// A range of numbers that is somebody's. It does not give itself back.
pub(super) struct Numbered {
    start: u32,
    length: usize,
}

impl Numbered {
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + (LEAST << self.length)
    }
}

impl Numbers {
    /// A range of at least `count` numbers, at most 65,536; whether it was somebody's before.
    pub(super) fn take(&self, code: &CodeArena, count: usize) -> Result<(Numbered, bool), Error> {
        let length = (count.max(LEAST).next_power_of_two() / LEAST).ilog2() as usize;
        let Some(spare) = self.lengths.get(length) else { return Err(Error::Sites { asked: count, left: 0 }) };
        let mut spare = spare.borrow_mut();
        if let Some(start) = spare.starts.pop() {
            return Ok((Numbered { start, length }, true));
        }
        let room = spare.made + 1 - spare.starts.len();
        spare.starts.try_reserve(room).map_err(|_| Error::Memory { bytes: room * size_of::<u32>() })?;
        let start = code.number_sites(LEAST << length)?;
        spare.made += 1;
        Ok((Numbered { start, length }, false))
    }

    /// Takes a range back. It cannot fail: there is room since it was made.
    pub(super) fn give_back(&self, range: Numbered) {
        if let Some(spare) = self.lengths.get(range.length) {
            spare.borrow_mut().starts.push(range.start);
        }
    }

    /// Numbers that were ever taken from the arena, and how many of them are free now.
    pub(super) fn count(&self) -> (usize, usize) {
        self.lengths.iter().enumerate().fold((0, 0), |(made, free), (length, spare)| {
            let (spare, numbers) = (spare.borrow(), LEAST << length);
            (made + spare.made * numbers, free + spare.starts.len() * numbers)
        })
    }
}
