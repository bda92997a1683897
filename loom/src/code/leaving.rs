//! A value that one owner leaves is one other's, and whole.

use super::berth::Berth;
use crate::Watched;
use loom::sync::Arc;
use loom::thread;

/// A berth that is the caller's, used once before threads share it.
fn berth() -> Arc<Berth<&'static Watched>> {
    let berth = Berth::taken();
    assert!(berth.take().is_none());
    Arc::new(berth)
}

#[test]
fn what_is_left_is_taken_whole_and_by_one() {
    loom::model(|| {
        let berth = berth();
        let takers = [0, 1].map(|_| {
            let berth = berth.clone();
            thread::spawn(move || {
                let Some(value) = berth.take() else { return false };
                assert_eq!(value.read(), 7);
                value.write(8);
                true
            })
        });
        let value = Watched::new();
        value.write(7);
        // SAFETY: it is this thread's.
        unsafe { berth.leave(value) };
        let taken = takers.map(|taker| taker.join().unwrap());
        assert!(taken != [true, true]);
        // Both may have come too early.
        assert_eq!(berth.take().is_some(), taken == [false, false]);
    });
}

#[test]
fn an_owner_goes_on_where_the_last_one_stopped() {
    loom::model(|| {
        let berth = berth();
        // SAFETY: it is this thread's.
        unsafe { berth.leave(Watched::new()) };
        let add = |berth: &Berth<&'static Watched>| {
            let Some(value) = berth.take() else { return 0 };
            value.write(value.read() + 1);
            // SAFETY: what waited there was taken just now.
            unsafe { berth.leave(value) };
            1
        };
        let other = berth.clone();
        let thread = thread::spawn(move || add(&other));
        let added = add(&berth) + thread.join().unwrap();
        assert!(added >= 1, "one found it");
        assert_eq!(berth.take().map(Watched::read), Some(added));
    });
}
