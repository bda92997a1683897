//! Runs are claimed, made longer and given back: nobody's bytes are anybody else's.

use super::watermark::{Claimed, End, Watermark};
use crate::Watched;
use core::ops::Range;
use loom::sync::Arc;
use loom::thread;

/// Pages of an arena, each watched.
struct Pages {
    watermark: Watermark,
    pages: [&'static Watched; 3],
}

impl Pages {
    fn new() -> Arc<Self> {
        let watermark = Watermark::new();
        assert_eq!(watermark.get(), Claimed { front: 0, back: 0, native: false });
        Arc::new(Self { watermark, pages: [Watched::new(), Watched::new(), Watched::new()] })
    }

    /// Claims so many pages from the front, if there are.
    fn claim(&self, count: usize) -> Option<Range<usize>> {
        self.claim_from(End::Front, count)
    }

    /// Claims so many pages from one end, if there are.
    fn claim_from(&self, end: End, count: usize) -> Option<Range<usize>> {
        let fits = |claimed: Claimed| claimed.front + claimed.back + count <= self.pages.len();
        let claimed = self.watermark.claim(end, |claimed| if fits(claimed) { Ok(count) } else { Err(()) }).ok()?;
        let len = self.pages.len();
        Some(if end == End::Front { claimed } else { len - claimed.end..len - claimed.start })
    }

    /// Claims one page behind `limit`, if nobody has claimed it.
    fn extend(&self, limit: usize) -> Option<Range<usize>> {
        self.watermark.claim(End::Front, |claimed| if claimed.front == limit { Ok(1) } else { Err(()) }).ok()
    }

    fn give_back(&self, claimed: &Range<usize>) -> bool {
        self.watermark.give_back(End::Front, claimed)
    }

    /// Fills claimed pages, as their only owner.
    fn fill(&self, claimed: &Range<usize>, byte: u32) {
        claimed.clone().for_each(|page| self.pages[page].write(byte));
    }

    fn holds(&self, claimed: &Range<usize>, byte: u32) -> bool {
        claimed.clone().all(|page| self.pages[page].read() == byte)
    }
}

#[test]
fn claims_of_threads_do_not_overlap_and_leave_nothing_between() {
    loom::model(|| {
        let pages = Pages::new();
        let claimer = |byte| {
            let pages = pages.clone();
            thread::spawn(move || {
                let claimed = pages.claim(1);
                claimed.iter().for_each(|claimed| pages.fill(claimed, byte));
                claimed.map(|claimed| (claimed, byte))
            })
        };
        let threads = [claimer(1), claimer(2)];
        let own = pages.claim(1).unwrap();
        pages.fill(&own, 3);
        let mut claims = threads.map(|thread| thread.join().unwrap().unwrap()).to_vec();
        claims.push((own, 3));
        assert!(claims.iter().all(|(claimed, byte)| pages.holds(claimed, *byte)));
        claims.sort_by_key(|(claimed, _)| claimed.start);
        assert!(claims.iter().enumerate().all(|(place, (claimed, _))| *claimed == (place..place + 1)));
        assert_eq!((pages.watermark.get().front, pages.claim(1)), (3, None));
    });
}

#[test]
fn what_is_given_back_is_claimed_after_what_was_done_to_it() {
    loom::model(|| {
        let pages = Pages::new();
        let other = pages.clone();
        let giver = thread::spawn(move || {
            let claimed = other.claim(2).unwrap_or(0..0);
            other.fill(&claimed, 1);
            let given_back = other.give_back(&claimed);
            (claimed, given_back)
        });
        // Two claims: the second continues where the first one was.
        for byte in [2, 3] {
            if let Some(claimed) = pages.claim(1) {
                pages.fill(&claimed, byte);
                assert!(pages.holds(&claimed, byte));
            }
        }
        let (claimed, given_back) = giver.join().unwrap();
        let behind = pages.watermark.get().front > claimed.end;
        assert!(claimed.is_empty() || given_back || behind, "only a claim behind it keeps one from being given back");
    });
}

#[test]
fn a_run_is_made_longer_by_its_owner_or_claimed_behind_by_another() {
    loom::model(|| {
        let pages = Pages::new();
        let own = pages.claim(1).unwrap();
        let other = pages.clone();
        let claimer = thread::spawn(move || {
            let claimed = other.claim(1).unwrap();
            other.fill(&claimed, 1);
            let back = claimed.end == 2 && other.give_back(&claimed);
            (claimed, back)
        });
        let added = pages.extend(own.end);
        added.iter().for_each(|added| pages.fill(added, 2));
        let (claimed, back) = claimer.join().unwrap();
        assert!(added.as_ref().is_none_or(|added| *added == (1..2) && pages.holds(added, 2)));
        assert_eq!(claimed, if claimed.start == 2 { 2..3 } else { 1..2 });
        assert!(back || pages.holds(&claimed, 1), "it was overwritten");
        assert!(added.is_some() || claimed.start == 1, "neither has the page behind the run");
    });
}

#[test]
fn claims_from_both_ends_meet_and_never_cross() {
    loom::model(|| {
        let pages = Pages::new();
        let claimer = |end, byte| {
            let pages = pages.clone();
            thread::spawn(move || {
                let claimed = pages.claim_from(end, 2);
                claimed.iter().for_each(|claimed| pages.fill(claimed, byte));
                claimed.map(|claimed| (claimed, byte))
            })
        };
        let threads = [claimer(End::Front, 1), claimer(End::Back, 2)];
        let claims = threads.map(|thread| thread.join().unwrap());
        assert_eq!(claims.iter().flatten().count(), 1, "there is room for one of them, and one has it");
        assert!(claims.iter().flatten().all(|(claimed, byte)| pages.holds(claimed, *byte)));
        let left = claims[0].as_ref().map_or(End::Front, |_| End::Back);
        assert_eq!(pages.claim_from(left, 1).map(|claimed| claimed.len()), Some(1));
        assert_eq!((pages.claim_from(End::Front, 1), pages.claim_from(End::Back, 1)), (None, None));
    });
}
