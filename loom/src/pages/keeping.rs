//! A reservation of a pool is one arena's at a time, and what one noted of it is what is mapped anew.

use super::pool_slot::PoolSlot;
use crate::Watched;
use core::ptr::NonNull;
use loom::sync::Arc;
use loom::thread;

const LEN: usize = 64;

/// A place, with the contents of what it is for.
struct Pool {
    place: PoolSlot,
    contents: &'static Watched,
}

impl Pool {
    fn new() -> Arc<Self> {
        let place = PoolSlot::vacant();
        // Each atomic is used once before threads share it.
        assert!(place.take(LEN).is_none() && place.take_any().is_none() && !place.holds(address(0)));
        assert!(place.claim());
        place.made(Some((address(0), LEN)));
        place.note_use(address(0), 0);
        assert_eq!(place.stop(), 0..0);
        place.renewed();
        let (base, len) = place.take_any().unwrap();
        assert_eq!((base, len), (address(0), LEN));
        place.stop();
        place.renewed();
        Arc::new(Self { place, contents: Watched::new() })
    }

    /// What an arena does on a spare, if there is one: uses it, and leaves it.
    fn case(&self, offset: usize) -> bool {
        let Some(base) = self.place.take(LEN) else { return false };
        assert!(base == address(0) && self.place.holds(address(LEN - 1)) && !self.place.holds(address(LEN)));
        self.place.note_use(address(offset), 8);
        self.contents.write(self.contents.read() + 1);
        assert_eq!(self.place.stop(), offset..offset + 8, "what another noted is none of this one's");
        assert!(!self.place.holds(base));
        self.contents.write(0);
        self.place.renewed();
        true
    }
}

fn address(offset: usize) -> NonNull<u8> {
    NonNull::new(core::ptr::without_provenance_mut(4096 + offset)).unwrap()
}

#[test]
fn a_spare_is_one_threads_at_a_time() {
    loom::model(|| {
        let pool = Pool::new();
        let threads = [8, 40].map(|offset| {
            let pool = pool.clone();
            thread::spawn(move || pool.case(offset))
        });
        let used = threads.map(|thread| thread.join().unwrap()).contains(&true);
        assert!(used, "one found it");
        assert!(pool.case(16) && pool.contents.read() == 0);
    });
}

#[test]
fn who_finds_a_reservation_finds_where_it_is() {
    loom::model(|| {
        let place = Arc::new(PoolSlot::vacant());
        assert!(place.take_any().is_none() && !place.holds(address(0)));
        place.note_use(address(0), 0);
        let maker = place.clone();
        let contents = Watched::new();
        let making = thread::spawn(move || {
            assert!(maker.claim() && !maker.claim());
            maker.made(Some((address(0), LEN)));
            contents.write(1);
            maker.stop();
            contents.write(0);
            maker.renewed();
        });
        if let Some(base) = place.take(LEN) {
            assert_eq!((base, contents.read()), (address(0), 0));
        }
        assert!(!place.holds(address(LEN)), "seen whole or not at all");
        making.join().unwrap();
    });
}

#[test]
fn a_place_that_nothing_came_of_is_vacant_again() {
    loom::model(|| {
        let place = Arc::new(PoolSlot::vacant());
        assert!(place.take_any().is_none());
        let threads = [(); 2].map(|()| {
            let place = place.clone();
            thread::spawn(move || {
                let claimed = place.claim();
                if claimed {
                    place.made(None);
                }
                claimed
            })
        });
        let claimed = threads.map(|thread| thread.join().unwrap());
        assert!(claimed.contains(&true) && place.claim());
    });
}
