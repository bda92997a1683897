//! Site numbers that are used again: transient code comes and goes, its numbers must not grow without end.
//!
//! Numbers come from the code arena, in ranges of a power of two, and go back to a stack for each such length. Room on the stack is made
//! when a range is made, so that giving one back cannot fail.
//!
//! ```text
//!   stack   ┌ clear ┬ clear ┬ as its code left it ┬ .. ┐ ◀─ what goes back, and is used again first
//! ```
//!
//! A range is cleared once: before it is used again, or by a collector that wants nothing of dead code in its tables.
//!
//! A pool is one thread's. Whoever is done with it leaves it to the arena, as a value, and the next one goes on with it.

use super::sites::SiteCounter;
use crate::error::Error;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

const LEAST: usize = SitePool::LEAST;
const LENGTHS: usize = SitePool::LENGTHS;

#[derive(Default)]
pub(crate) struct SitePool {
    lengths: [RefCell<Spare>; LENGTHS],
}

#[derive(Default)]
struct Spare {
    /// The starts of free ranges.
    starts: Vec<u32>,
    /// The number of clear ones: the oldest.
    clear: u32,
    /// Ranges ever made of this length; there is room for as many starts.
    made: u32,
}

/// A range of numbers that is somebody's. It does not give itself back.
pub(crate) struct SiteRange {
    start: u32,
    length: usize,
}

impl SiteRange {
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + (LEAST << self.length)
    }
}

impl SitePool {
    /// The numbers of the shortest range.
    pub(crate) const LEAST: usize = 16;
    /// Lengths of ranges, each twice the one before: 16 to 65,536 numbers.
    pub(crate) const LENGTHS: usize = 13;

    /// A range of at least `count` numbers, at most 65,536; whether it has to be cleared, because it was somebody's before.
    ///
    /// `None` if no such range waits here.
    pub(crate) fn take(&self, count: usize) -> Result<Option<(SiteRange, bool)>, Error> {
        let (length, spare) = self.of_length(count)?;
        let mut spare = spare.borrow_mut();
        let Some(start) = spare.starts.pop() else { return Ok(None) };
        Ok(Some((SiteRange { start, length }, !spare.was_clear())))
    }

    /// A new range of at least `count` numbers, at most 65,536.
    pub(crate) fn make(&self, counter: &SiteCounter, count: usize) -> Result<SiteRange, Error> {
        let (length, spare) = self.of_length(count)?;
        let mut spare = spare.borrow_mut();
        spare.reserve()?;
        let start = counter.number(LEAST << length)?;
        spare.made += 1;
        Ok(SiteRange { start, length })
    }

    fn of_length(&self, count: usize) -> Result<(usize, &RefCell<Spare>), Error> {
        let length = (count.max(LEAST).next_power_of_two() / LEAST).ilog2() as usize;
        self.lengths.get(length).map(|spare| (length, spare)).ok_or(Error::Sites { asked: count, left: 0 })
    }

    /// Goes on with another pool, and returns what was here. No range of the other one is clear: its last owner had
    /// other tables.
    pub(crate) fn replace(&self, other: Self) -> Self {
        let lengths = self.lengths.each_ref();
        let mut other = other.lengths.into_iter();
        Self {
            lengths: lengths
                .map(|spare| RefCell::new(spare.replace(other.next().map_or_else(Spare::default, Spare::handed_over)))),
        }
    }

    /// Takes a range back. It cannot fail: there is room since it was made.
    pub(crate) fn give_back(&self, range: SiteRange) {
        if let Some(spare) = self.lengths.get(range.length) {
            spare.borrow_mut().starts.push(range.start);
        }
    }

    /// Takes any range out, which is another's from then on.
    pub(crate) fn pop(&self) -> Option<Range<usize>> {
        self.lengths.iter().enumerate().find_map(|(length, spare)| {
            let mut spare = spare.borrow_mut();
            let start = spare.starts.pop()?;
            spare.was_clear();
            spare.made -= 1;
            Some(SiteRange { start, length }.range())
        })
    }

    /// Takes in a range that was another's, and that nobody uses. It is as its code left it.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none to keep it in.
    pub(crate) fn adopt(&self, range: Range<usize>) -> Result<(), Error> {
        let (_, spare) = self.of_length(range.len())?;
        let mut spare = spare.borrow_mut();
        spare.reserve()?;
        spare.made += 1;
        spare.starts.push(range.start as u32);
        Ok(())
    }

    /// Numbers that were ever taken from the arena, and how many of them are free now.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.lengths.iter().enumerate().fold((0, 0), |(made, free), (length, spare)| {
            let (spare, numbers) = (spare.borrow(), LEAST << length);
            (made + spare.made as usize * numbers, free + spare.starts.len() * numbers)
        })
    }

    /// Hands each free range that is not clear to `clear`, once, and it is clear then. What `clear` itself takes and gives back meanwhile is
    /// left to the next call, or there would be no end.
    pub(crate) fn clear_free(&self, mut clear: impl FnMut(SiteRange) -> Option<SiteRange>) {
        for (length, spare) in self.lengths.iter().enumerate() {
            let (mut end, times) = {
                let spare = spare.borrow();
                (spare.starts.len(), spare.starts.len() - spare.clear as usize)
            };
            for _ in 0..times {
                let Some((start, behind)) = spare.borrow_mut().take_unclear(end) else { break };
                let Some(range) = clear(SiteRange { start, length }) else { return };
                end = spare.borrow_mut().give_back_clear(range.start, behind);
            }
        }
    }
}

impl Spare {
    /// Makes room for one range more than were ever made.
    fn reserve(&mut self) -> Result<(), Error> {
        let room = self.made as usize + 1;
        self.starts.try_reserve(room).map_err(|_| Error::Memory { bytes: room * size_of::<u32>() })
    }

    /// As its next owner has it: what was clear for one is not for another, and what is not here never comes back.
    fn handed_over(this: RefCell<Self>) -> Self {
        let starts = this.into_inner().starts;
        Self { clear: 0, made: starts.len() as u32, starts }
    }

    /// Returns `true` if the start that was popped just now was that of a clear range.
    fn was_clear(&mut self) -> bool {
        let left = self.starts.len() as u32;
        let clear = left < self.clear;
        self.clear = self.clear.min(left);
        clear
    }

    /// Takes the youngest start below `end` whose range is not clear; and the index below which the older ones are left.
    fn take_unclear(&mut self, end: usize) -> Option<(u32, usize)> {
        let index = end.min(self.starts.len()).checked_sub(1).filter(|&index| index >= self.clear as usize)?;
        // One that came later takes its place, if there is any.
        Some((self.starts.swap_remove(index), index))
    }

    /// Puts a start on top of the clear ones, with all that is not clear below `end` still below the index that comes back.
    fn give_back_clear(&mut self, start: u32, end: usize) -> usize {
        let (clear, last) = (self.clear as usize, self.starts.len());
        let end = end.clamp(clear, last);
        self.starts.push(start);
        self.starts.swap(end, last);
        self.starts.swap(clear, end);
        self.clear += 1;
        end + 1
    }
}
