//! Site numbers that threads use again: ranges that are somebody's, or wait.
//!
//! ```text
//!   a list for each length  ─▶ Board { waiting, a bit a place │ used, a count │ start, start, start, … } ─▶ Board ─▶ …
//! ```
//!
//! * A range has a place on a board for ever. It is somebody's from the moment that he clears its bit, or makes it, until he sets its bit again.
//! * A step is one atomic operation (invariant 5). There is no pointer that comes and goes, so none that is mistaken for another one.
//!   A thread that vanishes loses the ranges that it has, and no other.
//! * A place is used when its range is made, so giving a range back cannot fail.
//! * Boards are only added. They go with the home, and leave what waits to the arena (`site_lease`).

use crate::base::atomics::{AtomicPtr, AtomicUsize};
use crate::code::{SiteCounter, SitePool};
use crate::error::Error;
use crate::handles::region::boxed;
use alloc::boxed::Box;
use core::iter;
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

const LEAST: usize = SitePool::LEAST;

/// Places on a board: no more than a word has bits, on any machine.
const PLACES: usize = 32;

/// All ranges of a home.
pub(super) struct SiteBoards {
    /// For each length the newest board.
    newest: [AtomicPtr<Board>; SitePool::LENGTHS],
}

struct Board {
    /// A bit for each range that is nobody's.
    waiting: AtomicUsize,
    /// Places that have a range, from the front; or more, if several asked for the last one.
    used: AtomicUsize,
    /// Written by who makes the range.
    starts: [AtomicUsize; PLACES],
    /// The board that was the newest before.
    below: *mut Board,
}

/// A range of numbers that is somebody's. It does not give itself back.
#[derive(Clone, Copy)]
pub(super) struct BoardRange {
    board: NonNull<Board>,
    place: usize,
    start: usize,
    len: usize,
}

impl BoardRange {
    pub(super) fn numbers(&self) -> Range<usize> {
        self.start..self.start + self.len
    }
}

impl SiteBoards {
    pub(super) fn new() -> Self {
        Self { newest: [const { AtomicPtr::new(ptr::null_mut()) }; SitePool::LENGTHS] }
    }

    /// A range of at least `count` numbers, at most 65,536, that was somebody's before. `None` if no such range waits here.
    pub(super) fn take(&self, count: usize) -> Result<Option<BoardRange>, Error> {
        let (newest, len) = self.of_length(count)?;
        Ok(boards(newest).find_map(|board| Some(board.range(board.take_waiting()?, len))))
    }

    /// A new range of at least `count` numbers, at most 65,536.
    pub(super) fn make(&self, counter: &SiteCounter, count: usize) -> Result<BoardRange, Error> {
        let (newest, len) = self.of_length(count)?;
        place(newest, len, || Ok(counter.number(len)? as usize))
    }

    /// Takes in a range that was another's, and that nobody uses.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when there is none for a board.
    pub(super) fn adopt(&self, range: Range<usize>) -> Result<(), Error> {
        let (newest, len) = self.of_length(range.len())?;
        let range = place(newest, len, || Ok(range.start))?;
        // SAFETY: 1. It was placed here. 2. The caller's to give, and nobody uses it.
        unsafe { self.give_back(range) };
        Ok(())
    }

    /// Shows each range that waits. It waits no more.
    pub(super) fn drain(&mut self, mut show: impl FnMut(Range<usize>)) {
        for (length, newest) in self.newest.iter().enumerate() {
            for board in boards(newest) {
                while let Some(place) = board.take_waiting() {
                    show(board.range(place, LEAST << length).numbers());
                }
            }
        }
    }

    /// The newest board for ranges of so many numbers or somewhat more, and their length.
    fn of_length(&self, count: usize) -> Result<(&AtomicPtr<Board>, usize), Error> {
        let length = (count.max(LEAST).next_power_of_two() / LEAST).ilog2() as usize;
        let newest = self.newest.get(length).ok_or(Error::Sites { asked: count, left: 0 })?;
        Ok((newest, LEAST << length))
    }

    /// Takes a range back.
    ///
    /// # Safety
    ///
    /// 1. The range came from these boards.
    /// 2. Nobody uses its numbers any more.
    pub(super) unsafe fn give_back(&self, range: BoardRange) {
        // SAFETY: boards live as long as this value (1). Release, paired with the acquire of the next owner: what was done with the numbers
        // was done before.
        unsafe { range.board.as_ref() }.waiting.fetch_or(1 << range.place, Release);
    }
}

/// Gives a range a place, which is the caller's. It begins at the number that `start` returns, which is asked once there is room for it.
fn place(
    newest: &AtomicPtr<Board>,
    len: usize,
    start: impl FnOnce() -> Result<usize, Error>,
) -> Result<BoardRange, Error> {
    // Room for it first, so that a refusal loses no numbers.
    let mut room = boards(newest).find(|board| board.used.load(Relaxed) < PLACES);
    if room.is_none() {
        room = Some(add_board(newest)?);
    }
    let start = start()?;
    loop {
        let board = match room.take() {
            Some(board) => board,
            // Others were first, so often as a board has places. These numbers are lost if there is no memory.
            None => add_board(newest)?,
        };
        if let Some(place) = board.take_unused() {
            // Relaxed: this thread reads it, or one that found the bit, which is set by a release.
            board.starts[place].store(start, Relaxed);
            return Ok(board.range(place, len));
        }
    }
}

/// The boards of a length, the newest first.
fn boards(newest: &AtomicPtr<Board>) -> impl Iterator<Item = &Board> {
    // SAFETY: null, or a board that was whole when it became the newest. Boards live as long as the list does.
    let board = |board: *mut Board| unsafe { board.as_ref() };
    iter::successors(board(newest.load(Acquire)), move |found| board(found.below))
}

/// Makes a board the newest one.
fn add_board(newest: &AtomicPtr<Board>) -> Result<&Board, Error> {
    let mut below = newest.load(Relaxed);
    let board = Box::into_raw(boxed(Board {
        waiting: AtomicUsize::new(0),
        used: AtomicUsize::new(0),
        starts: [const { AtomicUsize::new(0) }; PLACES],
        below,
    })?);
    // Release: whoever finds the board finds it whole, and those below it, which were put there by such exchanges.
    while let Err(now) = newest.compare_exchange(below, board, Release, Relaxed) {
        below = now;
        // SAFETY: nobody has found it yet.
        unsafe { (*board).below = now };
    }
    // SAFETY: as in `boards`.
    Ok(unsafe { &*board })
}

impl Board {
    /// Takes the place of a range that waits.
    fn take_waiting(&self) -> Option<usize> {
        loop {
            let place = self.waiting.load(Relaxed).trailing_zeros() as usize;
            if place >= PLACES {
                return None;
            }
            // The thread that clears the bit is the next owner.
            if self.waiting.fetch_and(!(1 << place), Acquire) & (1 << place) != 0 {
                return Some(place);
            }
        }
    }

    /// Takes a place that had no range yet.
    fn take_unused(&self) -> Option<usize> {
        Some(self.used.fetch_add(1, Relaxed)).filter(|&place| place < PLACES)
    }

    fn range(&self, place: usize, len: usize) -> BoardRange {
        BoardRange { board: NonNull::from(self), place, start: self.starts[place].load(Relaxed), len }
    }
}

impl Drop for SiteBoards {
    fn drop(&mut self) {
        for newest in &mut self.newest {
            let mut next = newest.load(Acquire);
            while !next.is_null() {
                // SAFETY: boxed, in one list, and nobody has a range of it any more.
                next = unsafe { Box::from_raw(next) }.below;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CodeArena;
    use std::collections::BTreeSet;
    use std::thread;

    /// A range, and whether it was somebody's before.
    fn take(boards: &SiteBoards, arena: &CodeArena, count: usize) -> (BoardRange, bool) {
        match boards.take(count).unwrap() {
            Some(range) => (range, true),
            None => (boards.make(arena.site_counter(), count).unwrap(), false),
        }
    }

    #[test]
    fn ranges_that_went_back_are_used_again_before_numbers_are_taken() {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let boards = SiteBoards::new();
        let take = |count| take(&boards, &arena, count);
        for (count, len) in [(0, 16), (16, 16), (17, 32), (65_535, 65_536)] {
            let before = arena.site_counter().given();
            let taken: Vec<_> = (0..3 * PLACES).map(|_| take(count)).collect();
            let starts: BTreeSet<usize> = taken.iter().map(|(range, _)| range.numbers().start).collect();
            assert_eq!((starts.len(), starts.first()), (3 * PLACES, Some(&before)));
            assert!(taken.iter().all(|(range, used)| !used && range.numbers().len() == len));
            let given = arena.site_counter().given();
            assert_eq!(given, before + 3 * PLACES * len);
            // SAFETY: nobody uses the numbers.
            taken.into_iter().for_each(|(range, _)| unsafe { boards.give_back(range) });
            let again: Vec<_> = (0..3 * PLACES).map(|_| take(count)).collect();
            assert!(again.iter().all(|(range, used)| *used && starts.contains(&range.numbers().start)));
            assert_eq!((again.len(), arena.site_counter().given()), (starts.len(), given));
        }
        let refused = Some(Error::Sites { asked: 65_537, left: 0 });
        assert_eq!((boards.take(65_537).err(), boards.make(arena.site_counter(), 65_537).err()), (refused, refused));
    }

    #[test]
    fn what_waits_is_shown_once_and_is_another_boards_then() {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let (mut first, second) = (SiteBoards::new(), SiteBoards::new());
        let taken: Vec<_> = (0..200).map(|at| take(&first, &arena, at * 10).0).collect();
        let expected: BTreeSet<_> = taken.iter().skip(50).map(|range| (range.start, range.len)).collect();
        // SAFETY: nobody uses the numbers.
        taken.into_iter().skip(50).for_each(|range| unsafe { first.give_back(range) });
        let mut shown = BTreeSet::new();
        first.drain(|range| {
            second.adopt(range.clone()).unwrap();
            assert!(shown.insert((range.start, range.len())));
        });
        assert_eq!(shown, expected);
        first.drain(|range| panic!("{range:?} again"));
        let given = arena.site_counter().given();
        let again: BTreeSet<_> = (50..200)
            .map(|at| take(&second, &arena, at * 10))
            .map(|(range, used)| (range.start, if used { range.len } else { 0 }))
            .collect();
        assert_eq!((again, arena.site_counter().given()), (expected, given));
    }

    // soundness S23
    #[test]
    fn threads_never_have_one_range_at_once_and_need_no_more_than_they_have() {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let boards = SiteBoards::new();
        let owners: Vec<AtomicUsize> = (0..100_000).map(|_| AtomicUsize::new(0)).collect();
        let (threads, rounds) = (4, if cfg!(miri) { 20 } else { 20_000 });
        thread::scope(|scope| {
            for thread in 1..=threads {
                let (boards, owners, arena) = (&boards, &owners, &arena);
                scope.spawn(move || {
                    for round in 0..rounds {
                        let held: Vec<_> = (0..round % 5).map(|_| take(boards, arena, 16).0).collect();
                        for range in &held {
                            assert_eq!(owners[range.numbers().start].swap(thread, Relaxed), 0, "it is another's");
                        }
                        for range in held {
                            assert_eq!(owners[range.numbers().start].swap(0, Relaxed), thread);
                            // SAFETY: nobody uses the numbers.
                            unsafe { boards.give_back(range) };
                        }
                    }
                });
            }
        });
        // Four ranges a thread at once, and now and then one that went back behind the search.
        assert!(arena.site_counter().given() <= 16 * 4 * threads * 2, "{}", arena.site_counter().given());
    }
}
