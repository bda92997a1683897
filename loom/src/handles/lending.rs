//! Site numbers are lent to threads and given back: each range is one's at a time, none is lost, and who comes next sees what was done.
//!
//! Each model runs on the library's boards, and on copies that are weaker in one thing. There it must fail.

use crate::copies::copies;

/// Boards, and the models.
macro_rules! boards {
    ($of:literal, $copy:ident, $(#[$hidden:meta])?) => {
        include!(concat!(env!("OUT_DIR"), "/", $of, "/", stringify!($copy), ".rs"));

        impl crate::handles::region::Made for Board {
            fn made(&self) {
                self.waiting.load(Relaxed);
                self.used.load(Relaxed);
                self.starts.iter().for_each(|start| _ = start.load(Relaxed));
            }
        }

        mod models {
            use super::{BoardRange, SiteBoards};
            use crate::Watched;
            use crate::code::SiteCounter;
            use loom::sync::Arc;
            use loom::thread;

            /// The memory of each range's first number.
            struct Home {
                boards: SiteBoards,
                counter: SiteCounter,
                numbers: [&'static Watched; 2],
            }

            // SAFETY: as a `SharedHome`.
            unsafe impl Send for Home {}
            // SAFETY: as above.
            unsafe impl Sync for Home {}

            impl Home {
                /// So many ranges wait in it. What threads will use is used once before there are any.
                fn new(ranges: usize) -> Self {
                    let numbers = [(); 2].map(|()| Watched::new());
                    let home = Self { boards: SiteBoards::new(), counter: SiteCounter::new(), numbers };
                    assert!(home.boards.take(1).unwrap().is_none());
                    let made: Vec<_> = (0..ranges).map(|_| home.boards.make(&home.counter, 1).unwrap()).collect();
                    made.into_iter().for_each(|range| home.give_back(range));
                    home
                }

                fn give_back(&self, range: BoardRange) {
                    // SAFETY: the caller's, and nobody else's: loom would see it.
                    unsafe { self.boards.give_back(range) };
                }

                /// Writes to a range, as its only owner.
                fn count(&self, range: BoardRange) {
                    let number = self.numbers[range.numbers().start / 16];
                    number.write(number.read() + 1);
                }

                fn counts(&self) -> [u32; 2] {
                    self.numbers.map(|number| number.read())
                }

                /// The starts of what waits.
                fn waiting(self) -> Vec<usize> {
                    let (mut boards, mut starts) = (self.boards, Vec::new());
                    boards.drain(|range| starts.push(range.start));
                    starts.sort_unstable();
                    starts
                }
            }

            #[test]
            $(#[$hidden])?
            fn a_range_is_one_threads_at_a_time_and_the_next_one_sees_what_was_done() {
                loom::model(|| {
                    let home = Arc::new(Home::new(1));
                    let once = |home: &Home| {
                        let range = home.boards.take(1).unwrap();
                        range.iter().for_each(|range| home.count(*range));
                        range.iter().for_each(|range| home.give_back(*range));
                        u32::from(range.is_some())
                    };
                    let other = home.clone();
                    let second = thread::spawn(move || once(&other));
                    let taken = once(&home) + second.join().unwrap();
                    assert!(taken >= 1);
                    assert_eq!(home.counts(), [taken, 0]);
                    assert_eq!(Arc::try_unwrap(home).ok().unwrap().waiting(), [0]);
                });
            }

            #[test]
            $(#[$hidden])?
            fn ranges_that_wait_are_enough_for_as_many_threads() {
                loom::model(|| {
                    let home = Arc::new(Home::new(2));
                    let once = |home: &Home| {
                        let range = home.boards.take(1).unwrap().expect("two ranges wait");
                        home.count(range);
                        home.give_back(range);
                    };
                    let other = home.clone();
                    let second = thread::spawn(move || once(&other));
                    once(&home);
                    second.join().unwrap();
                    assert_eq!(home.counts().iter().sum::<u32>(), 2);
                    assert_eq!(Arc::try_unwrap(home).ok().unwrap().waiting(), [0, 16]);
                });
            }

            // There is no board yet, so both may add one; or one finds the other's, and what is given back there.
            #[test]
            $(#[$hidden])?
            fn ranges_that_are_made_at_once_are_all_there_in_the_end() {
                loom::model(|| {
                    let home = Arc::new(Home::new(0));
                    let once = |home: &Home| {
                        let (range, made) = match home.boards.take(1).unwrap() {
                            Some(range) => (range, 0),
                            None => (home.boards.make(&home.counter, 1).unwrap(), 1),
                        };
                        home.count(range);
                        home.give_back(range);
                        made
                    };
                    let other = home.clone();
                    let second = thread::spawn(move || once(&other));
                    let made = once(&home) + second.join().unwrap();
                    assert_eq!(home.counts().iter().sum::<u32>(), 2);
                    assert_eq!(Arc::try_unwrap(home).ok().unwrap().waiting(), [0, 16][..made]);
                });
            }
        }
    };
}

copies! {
    "site_boards", boards,
    a_range_goes_back_relaxed
    a_range_is_taken_relaxed
    a_bit_is_believed_that_was_seen
    a_place_is_looked_at_and_then_taken
    a_board_is_added_relaxed
    a_board_is_found_relaxed
    a_board_takes_the_place_of_another
    a_board_that_came_before_is_forgotten
}
