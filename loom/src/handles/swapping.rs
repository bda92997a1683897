//! A function's code is replaced while threads call it: what they call is whole, whichever it is.

use super::atomic_slot::AtomicCodeSlot;
use crate::Watched;
use loom::sync::Arc;
use loom::thread;

type Slot = Arc<AtomicCodeSlot<'static, Watched>>;

fn code(number: u32) -> &'static Watched {
    let code = Watched::new();
    code.write(number);
    code
}

/// A slot, used once before threads share it.
fn slot(number: u32) -> (Slot, &'static Watched) {
    let first = code(number);
    let slot = AtomicCodeSlot::new(first);
    assert!(std::ptr::eq(slot.get(), first));
    (Arc::new(slot), first)
}

#[test]
fn who_calls_finds_the_code_whole() {
    loom::model(|| {
        let (slot, _) = slot(1);
        let other = slot.clone();
        let replacer = thread::spawn(move || other.replace(code(2)).read());
        let called = slot.get().read();
        assert!([1, 2].contains(&called));
        assert_eq!((replacer.join().unwrap(), slot.get().read()), (1, 2));
    });
}

#[test]
fn each_code_that_is_replaced_comes_out_once_and_whole() {
    loom::model(|| {
        let (slot, _) = slot(1);
        let threads = [2, 3].map(|number| {
            let slot = slot.clone();
            thread::spawn(move || slot.replace(code(number)).read())
        });
        let mut all: Vec<u32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        all.push(slot.get().read());
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}

#[test]
fn of_two_that_expect_the_same_one_wins_and_the_other_sees_by_what() {
    loom::model(|| {
        let (slot, first) = slot(1);
        let threads = [2, 3].map(|number| {
            let slot = slot.clone();
            thread::spawn(move || match slot.compare_exchange(first, code(number)) {
                Ok(old) => (true, old.read(), number),
                Err(found) => (false, found.read(), number),
            })
        });
        let [one, two] = threads.map(|thread| thread.join().unwrap());
        let (winner, loser) = if one.0 { (one, two) } else { (two, one) };
        assert!(winner.0 && !loser.0 && winner.1 == 1 && loser.1 == winner.2);
        assert_eq!(slot.get().read(), winner.2);
    });
}

#[test]
fn an_exchange_finds_what_a_replacement_made() {
    loom::model(|| {
        let (slot, _) = slot(1);
        let second = code(2);
        let other = slot.clone();
        let replacer = thread::spawn(move || {
            let made = code(3);
            other.replace(made);
            other.compare_exchange(made, code(4)).is_ok()
        });
        // Whatever is found is whole, and is what is then exchanged.
        let mut found = slot.get();
        let taken = loop {
            match slot.compare_exchange(found, second) {
                Ok(old) => break old.read(),
                Err(now) => {
                    assert!([3, 4].contains(&now.read()));
                    found = now;
                }
            }
        };
        let exchanged = replacer.join().unwrap();
        assert!([1, 3, 4].contains(&taken));
        assert!(exchanged || taken == 3 || slot.get().read() == 3 || slot.get().read() == 2);
    });
}
