//! Records are published and found: whole, by as many as may.

use super::record::{AtomicRecord, Record};
use crate::Watched;
use loom::sync::Arc;
use loom::thread;

/// A place, used once before threads share it.
fn empty() -> Arc<AtomicRecord<Watched>> {
    // SAFETY: what is published there is leaked.
    let place = unsafe { AtomicRecord::empty() };
    assert!(place.get().is_none());
    Arc::new(place)
}

fn record(watched: &'static Watched) -> Record<'static, Watched> {
    // SAFETY: leaked.
    unsafe { Record::new(watched) }
}

#[test]
fn who_finds_a_record_finds_it_whole() {
    loom::model(|| {
        let place = empty();
        let other = place.clone();
        let writer = thread::spawn(move || {
            let watched = Watched::new();
            watched.write(7);
            other.set(record(watched));
        });
        let found = place.get().map(|found| found.read());
        assert!(found.is_none_or(|found| found == 7));
        writer.join().unwrap();
        assert_eq!(place.get().map(|found| found.read()), Some(7));
    });
}

#[test]
fn of_two_records_one_is_published_and_both_find_that_one() {
    loom::model(|| {
        let place = empty();
        let publish = |place: &AtomicRecord<Watched>, value| {
            let own = Watched::new();
            own.write(value);
            match place.set_if_empty(record(own)) {
                Ok(()) => (true, value),
                Err(first) => (false, first.read()),
            }
        };
        let other = place.clone();
        let second = thread::spawn(move || publish(&other, 2));
        let (first, found) = publish(&place, 1);
        let (second, found_there) = second.join().unwrap();
        assert!(first != second && found == found_there);
        assert_eq!(found, if first { 1 } else { 2 });
        assert_eq!(place.get().map(|found| found.read()), Some(found));
    });
}
