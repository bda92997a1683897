//! Transient code when the program's allocator, which keeps the list of its site numbers, has no memory left.

use permacode::owned::SharedHome;
use permacode::{CodeRef, Error, Owned, Sites, Transients};
use permacode_witness::after;
use permacode_witness::handles::{arena, heap};
use std::sync::Arc;

/// Does something without memory for it.
fn refusing<R>(body: impl FnOnce() -> R) -> R {
    after(0, body)
}

// soundness S16
#[test]
fn site_numbers_are_not_taken_without_memory_to_take_them_back_and_go_back_without_any() {
    const RANGE: usize = 16;
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let evaluate = || -> Result<CodeRef<'_, Sites>, Error> {
        CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(3)?))
    };
    let (mut held, mut refused) = (Vec::with_capacity(100), 0);
    for ranges in 0..100 {
        let code = refusing(evaluate).unwrap_or_else(|error| {
            assert_eq!(error, Error::Memory { bytes: (ranges + 1) * size_of::<u32>() });
            assert_eq!((arena.stats().sites, transients.stats().sites), (ranges * RANGE, ranges * RANGE));
            refused += 1;
            evaluate().expect("there is memory again")
        });
        assert_eq!(code.get().range().start, ranges * RANGE, "numbers were lost");
        held.push(code);
    }
    assert!((2..20).contains(&refused), "refused {refused} times");
    refusing(|| held.clear());
    let stats = transients.stats();
    assert_eq!((stats.regions, stats.sites, stats.free_sites), (0, 100 * RANGE, 100 * RANGE));
    // What is used again needs no memory.
    held.extend((0..100).map(|_| refusing(evaluate).unwrap()));
    assert_eq!((arena.stats().sites, transients.stats().free_sites), (100 * RANGE, 0));
}

// soundness S16: memory lacks when a home of threads is made, when it goes, or both.
#[test]
fn a_home_of_threads_without_memory_for_the_numbers_that_wait_leaves_them_to_the_next() {
    const RANGES: usize = 100;
    let arena = Arc::new(arena());
    let starts = |home: Arc<SharedHome>| {
        let codes: Vec<Owned<Sites>> = (0..RANGES)
            .map(|_| Owned::transient(&home, |loader| loader.alloc(loader.sites(3)?)))
            .collect::<Result<_, Error>>()
            .unwrap();
        let mut starts: Vec<usize> = codes.iter().map(|code| code.range().start).collect();
        starts.sort_unstable();
        drop(codes);
        (starts, home)
    };
    let all = |home| (starts(home).0, arena.stats().sites);
    let first = all(Arc::new(SharedHome::new(arena.clone())));
    assert_eq!(first.1, RANGES * 16);
    // Made without memory: nothing comes to the boards, and nothing is lost.
    let room = refusing(|| SharedHome::new(arena.clone()));
    drop(room);
    assert_eq!(all(Arc::new(SharedHome::new(arena.clone()))), first);
    // Goes without memory: the pool has the room that it came with.
    let (found, home) = starts(Arc::new(SharedHome::new(arena.clone())));
    refusing(|| drop(home));
    assert_eq!((found, all(Arc::new(SharedHome::new(arena.clone())))), (first.0.clone(), first));
    // One that makes all of its numbers, and goes without memory for them: they are lost, and only they.
    let (_keeps, home) = (SharedHome::new(arena.clone()), Arc::new(SharedHome::new(arena.clone())));
    let (_, home) = starts(home);
    assert_eq!(arena.stats().sites, 2 * RANGES * 16);
    refusing(|| drop(home));
    assert_eq!(starts(Arc::new(SharedHome::new(arena.clone()))).0[0], 2 * RANGES * 16);
}
