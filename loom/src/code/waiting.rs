//! Tails are left and taken, whole or in pieces: each byte is one thread's at a time, and none is lost.

use super::record::Record;
use super::shelf::{Board, Shelf};
use crate::Watched;
use crate::base::page::PageSize;
use core::ops::Range;
use loom::sync::Arc;
use loom::thread;

/// Bytes that one watched cell stands for: so many that all tails are of one class.
const UNIT: usize = 2 << 20;

struct Pages {
    shelf: Shelf,
    units: [&'static Watched; 4],
}

impl Pages {
    /// A tail waits in these units. Every atomic that threads will use is used once before there are any.
    fn new(tail: Range<usize>) -> Arc<Self> {
        let page = PageSize::new(64 << 10).unwrap();
        // SAFETY: what the shelf is given is leaked.
        let pages = Self { shelf: unsafe { Shelf::new(page) }, units: [(); 4].map(|()| Watched::new()) };
        assert!(pages.shelf.take(1, UNIT, |_| true).is_none());
        pages.leave(tail);
        let held = pages.shelf.take(UNIT, UNIT, |_| true).unwrap();
        pages.shelf.leave(held);
        Arc::new(pages)
    }

    /// Leaves units that the caller holds at a new place.
    fn leave(&self, units: Range<usize>) {
        self.leave_bytes(units.start * UNIT..units.end * UNIT);
    }

    fn leave_bytes(&self, bytes: Range<usize>) {
        let board = || {
            // SAFETY: leaked.
            let board: &'static Board = Box::leak(Box::new(unsafe { Board::new() }));
            // SAFETY: as above.
            Some(unsafe { Record::new(board) })
        };
        let vacant = self.shelf.vacancy(board).unwrap();
        // SAFETY: the caller's, and nobody else's: loom would see it.
        self.shelf.leave(unsafe { vacant.fill(bytes) });
    }

    /// Goes on in a tail: takes `count` units of one that has as many, writes there, and leaves the rest. The units.
    fn go_on(&self, count: usize) -> Option<Range<usize>> {
        let mut held = self.shelf.take(count * UNIT, UNIT, |range| range.len() >= count * UNIT)?;
        let end = held.range().start + count * UNIT;
        let piece = if end < held.range().end {
            let piece = held.split_front(end);
            self.shelf.leave(held);
            piece
        } else {
            self.shelf.vacate(held)
        };
        let units = piece.start / UNIT..piece.end / UNIT;
        self.count(&units);
        Some(units)
    }

    /// Writes to units, as their only owner.
    fn count(&self, units: &Range<usize>) {
        for unit in units.clone() {
            self.units[unit].write(self.units[unit].read() + 1);
        }
    }

    /// How often each unit was written to.
    fn counts(&self) -> [u32; 4] {
        self.units.map(|unit| unit.read())
    }
}

#[test]
fn a_tail_is_one_threads_at_a_time_and_the_next_one_sees_what_was_done() {
    loom::model(|| {
        let pages = Pages::new(0..1);
        let threads = [(); 2].map(|()| {
            let pages = pages.clone();
            thread::spawn(move || {
                let held = pages.shelf.take(UNIT, UNIT, |_| true);
                let taken = held.is_some();
                if let Some(held) = held {
                    pages.count(&(0..1));
                    pages.shelf.leave(held);
                }
                u32::from(taken)
            })
        });
        let taken: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(taken >= 1);
        let held = pages.shelf.take(UNIT, UNIT, |_| true);
        assert_eq!((held.map(|held| held.range()), pages.counts()[0]), (Some(0..UNIT), taken));
    });
}

#[test]
fn pieces_of_a_tail_do_not_overlap() {
    loom::model(|| {
        let pages = Pages::new(0..3);
        let other = pages.clone();
        let second = thread::spawn(move || other.go_on(1));
        let first = pages.go_on(1);
        let second = second.join().unwrap();
        // Who comes while the other one holds the tail finds none, and claims pages.
        let taken = usize::from(first.is_some()) + usize::from(second.is_some());
        assert!(taken >= 1 && first != second);
        let counts = pages.counts();
        assert!(counts[..taken].iter().all(|&count| count == 1) && counts[taken..].iter().all(|&count| count == 0));
        assert_eq!(pages.go_on(3 - taken), Some(taken..3), "the rest waits");
        assert!(pages.go_on(1).is_none());
    });
}

// A place is emptied and filled between a look at it and the taking.
#[test]
fn a_place_that_was_filled_anew_gives_what_lies_there_now() {
    loom::model(|| {
        let pages = Pages::new(0..2);
        let other = pages.clone();
        let second = thread::spawn(move || {
            let taken = other.go_on(2);
            // One of the units goes back, to the same place.
            taken.iter().for_each(|_| other.leave(1..2));
            taken
        });
        let first = pages.go_on(1);
        match (first, second.join().unwrap()) {
            // What is left of the whole tail was too short for the other thread, or was taken back by it.
            (Some(first), None) => assert_eq!((first, pages.go_on(1)), (0..1, Some(1..2))),
            (Some(first), Some(_)) => assert_eq!((first, pages.go_on(1)), (1..2, None)),
            (None, Some(_)) => assert_eq!(pages.go_on(1), Some(1..2)),
            (None, None) => panic!("nobody took what waited"),
        }
    });
}

// A seal must find each tail that begins in the middle of a page, whoever left another one meanwhile.
#[test]
fn a_tail_that_begins_in_a_page_is_found_after_it_was_left() {
    loom::model(|| {
        let pages = Pages::new(0..1);
        let other = pages.clone();
        let second = thread::spawn(move || other.leave_bytes(UNIT + 1..2 * UNIT + 1));
        let held = pages.shelf.take(UNIT, UNIT, |range| range.start == 0);
        pages.shelf.vacate(held.unwrap());
        pages.leave_bytes(3 * UNIT + 1..4 * UNIT + 1);
        second.join().unwrap();
        let ragged =
            |start| pages.shelf.ragged().any(|spot| pages.shelf.take_at(spot, |range| range.start == start).is_some());
        assert!(ragged(UNIT + 1) && ragged(3 * UNIT + 1));
    });
}
