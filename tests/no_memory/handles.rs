//! Transient code when the program's allocator, which keeps the list of its site numbers, has no memory left.

use permacode::{CodeRef, Error, Sites, Transients};
use permacode_witness::after;
use permacode_witness::handles::{arena, heap};

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
