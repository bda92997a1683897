//! How densely modules lie, and in how few mappings: by the kernel's count, not by the library's.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::Protection;
use permacode::{CodeArena, Error, Loader};
use permacode_witness::code::{accounted, mapped, resident};
use permacode_witness::{Random, in_child, page};
use std::ops::Range;

/// What the kernel says of an arena's code pages.
#[derive(Debug)]
struct Kernel {
    /// Mappings of code pages with some access.
    mappings: usize,
    /// Bytes of those that are read-only.
    sealed: usize,
    /// Bytes in physical memory.
    resident: usize,
}

fn kernel(arena: &CodeArena) -> Kernel {
    let memory = mapped(arena);
    let sealed = memory.mappings.iter().filter(|mapping| mapping.permissions == "r--p");
    Kernel {
        mappings: memory.accessible().count(),
        sealed: sealed.map(|mapping| mapping.range.len()).sum(),
        resident: memory.resident() as usize,
    }
}

/// All mappings of this process.
fn all_mappings() -> Vec<Range<usize>> {
    let memory = permacode_witness::memory(0, 0..usize::MAX).unwrap();
    memory.mappings.into_iter().map(|mapping| mapping.range).collect()
}

/// Those that lie where nothing was mapped before; a heap of the global allocator that grows is no new one.
fn new_mappings(before: &[Range<usize>]) -> usize {
    let old = |new: &Range<usize>| before.iter().any(|old| old.start < new.end && new.start < old.end);
    all_mappings().iter().filter(|new| !old(new)).count()
}

/// Loads into an arena, which is then sealed; the library must count what the kernel counts. Returns that, the mappings that the process
/// has more than before, and the bytes of all blocks, in a child of its own.
fn measured(load: impl Fn(&CodeArena) -> usize, check: impl FnOnce(&CodeArena, Kernel, usize)) {
    in_child(|| {
        // Once for the global allocator's own mappings.
        let once = CodeArena::new().unwrap();
        load(&once);
        assert!(kernel(&once).resident > 0 && new_mappings(&[]) > 0);
        drop(once);
        let before = all_mappings();
        let arena = CodeArena::new().unwrap();
        let payload = load(&arena);
        assert_eq!(arena.seal().unwrap().held, 0);
        let (new, kernel, stats) = (new_mappings(&before), kernel(&arena), arena.stats());
        assert_eq!(kernel.mappings, stats.mappings, "{kernel:?} {stats:?}");
        assert_eq!(kernel.resident, stats.pages * page(), "{kernel:?} {stats:?}");
        assert!(kernel.sealed >= kernel.resident && stats.unsealed == 0, "{kernel:?} {stats:?}");
        assert!(arena.modules().all(|module| module.protection() == Protection::ReadOnly));
        accounted(&stats);
        assert!(new <= 4 && kernel.mappings <= 2, "{new} mappings, {kernel:?}");
        check(&arena, kernel, payload);
        drop(arena);
        assert_eq!(new_mappings(&before), 0);
    });
}

/// The share of the pages that is not payload, in thousandths of the payload.
fn waste(arena: &CodeArena, payload: usize) -> usize {
    (arena.stats().pages * page() - payload) * 1000 / payload
}

/// Sizes of modules drawn like those of the Python 3.11 standard library, and of the code objects in them (numbers.md §2).
struct Library {
    random: Random,
}

impl Library {
    const MODULES: usize = 1770;
    const MODULE: [(f64, f64); 5] = [(0.0, 300.0), (0.5, 11e3), (0.9, 86e3), (0.99, 352e3), (1.0, 929e3)];
    const BLOCK: [(f64, f64); 5] = [(0.0, 60.0), (0.5, 450.0), (0.9, 1400.0), (0.99, 4100.0), (1.0, 470e3)];

    fn new() -> Self {
        Self { random: Random::new(311) }
    }

    /// A number with these quantiles, log-linear between them.
    fn draw(&mut self, quantiles: &[(f64, f64)]) -> usize {
        let at = self.random.unit();
        let pair = quantiles.windows(2).find(|pair| at <= pair[1].0).unwrap();
        let along = (at - pair[0].0) / (pair[1].0 - pair[0].0);
        (pair[0].1.ln() + along * (pair[1].1.ln() - pair[0].1.ln())).exp() as usize
    }

    /// The sizes of one module's blocks.
    fn module(&mut self) -> Vec<usize> {
        let mut left = self.draw(&Self::MODULE);
        let mut blocks = Vec::new();
        while left > 0 {
            let block = self.draw(&Self::BLOCK).clamp(1, left);
            blocks.push(block);
            left -= block;
        }
        blocks
    }
}

static ONES: [u8; 1 << 20] = [1; 1 << 20];

fn fill(loader: &Loader<'_>, blocks: &[usize]) -> usize {
    blocks.iter().map(|&len| loader.alloc_slice_copy(&ONES[..len]).unwrap().len()).sum()
}

#[test]
fn the_draw_is_like_the_standard_library() {
    let mut library = Library::new();
    let mut sizes: Vec<usize> = (0..Library::MODULES).map(|_| library.module().iter().sum()).collect();
    sizes.sort_unstable();
    let at = |share: f64| sizes[(sizes.len() as f64 * share) as usize];
    assert!((9_000..13_000).contains(&at(0.5)) && (70_000..100_000).contains(&at(0.9)), "{} {}", at(0.5), at(0.9));
    assert!((250_000..450_000).contains(&at(0.99)) && sizes[sizes.len() - 1] <= 929_000);
}

// The budget of DESIGN.md §7.
#[test]
fn two_thousand_small_modules_take_one_percent_more_than_their_bytes_and_four_mappings() {
    let load = |arena: &CodeArena| {
        for _ in 0..2000 {
            let loader = arena.load("small").unwrap();
            fill(&loader, &[128]);
            loader.finish();
        }
        2000 * 128
    };
    measured(load, |arena, kernel, payload| {
        assert_eq!(kernel.sealed, payload.next_multiple_of(page()));
        assert!(waste(arena, payload) <= 10, "{kernel:?}");
        assert!(arena.stats().system_calls <= 30 && arena.stats().seals == 1, "{:?}", arena.stats());
    });
}

#[test]
fn a_whole_library_finished_and_sealed_at_once_takes_one_percent_more_than_its_bytes() {
    let load = |arena: &CodeArena| {
        let mut library = Library::new();
        (0..Library::MODULES).map(|_| fill(&arena.load("module").unwrap(), &library.module())).sum()
    };
    measured(load, |arena, kernel, payload| {
        assert!(payload > 30 << 20 && waste(arena, payload) <= 10, "{payload} {kernel:?}");
    });
}

#[test]
fn sealing_one_by_one_pads_each_module_to_its_page_and_no_further() {
    let load = |arena: &CodeArena| {
        let mut library = Library::new();
        let seal = |_| {
            let loader = arena.load("module").unwrap();
            let bytes = fill(&loader, &library.module());
            let module = loader.seal().unwrap();
            assert_eq!((module.protection(), module.bytes()), (Protection::ReadOnly, bytes));
            bytes
        };
        (0..Library::MODULES).map(seal).sum()
    };
    measured(load, |arena, kernel, payload| {
        let pages: usize = arena.modules().map(|module| module.bytes().div_ceil(page())).sum();
        assert_eq!((arena.stats().pages, kernel.sealed), (pages, pages * page()));
        assert!(waste(arena, payload) <= 90, "{} of {payload}", waste(arena, payload));
        assert!(arena.stats().seals <= Library::MODULES, "{:?}", arena.stats());
    });
}

#[test]
fn modules_loaded_two_at_a_time_are_packed_as_well() {
    let load = |arena: &CodeArena| {
        let mut library = Library::new();
        let mut payload = 0;
        for _ in 0..Library::MODULES / 2 {
            let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
            let (for_one, for_two) = (library.module(), library.module());
            for index in 0..for_one.len().max(for_two.len()) {
                payload += for_one.get(index).map_or(0, |&len| fill(&one, &[len]));
                payload += for_two.get(index).map_or(0, |&len| fill(&two, &[len]));
            }
        }
        payload
    };
    measured(load, |arena, kernel, payload| {
        assert!(waste(arena, payload) <= 50, "{} of {payload}, {kernel:?}", waste(arena, payload));
        // What was claimed and given up is address space that nothing was ever written to.
        assert!(arena.stats().claimed <= 2 * payload, "{:?} for {payload}", arena.stats());
    });
}

// soundness S21
#[test]
fn what_is_claimed_grows_linearly_with_what_is_filled() {
    let arena = CodeArena::new().unwrap();
    for (open, len) in
        [(1, 100), (1, 40_000), (3, 5000), (10, 100), (30, 16_000), (2, 17_000), (5, 70_000), (1, 900_000)]
    {
        let before = arena.stats().claimed;
        let loaders: Vec<_> = (0..open).map(|_| arena.load("m").unwrap()).collect();
        let rounds = (4 << 20) / (open * len);
        for _ in 0..rounds {
            loaders.iter().for_each(|loader| assert_eq!(fill(loader, &[len]), len));
        }
        drop(loaders);
        let grown = arena.stats().claimed - before;
        assert!(
            grown <= 2 * open * rounds * len + open * (32 << 10),
            "{grown} for {rounds} times {open} blocks of {len}"
        );
        accounted(&arena.stats());
    }
}

#[test]
fn pages_committed_ahead_are_not_in_memory_until_they_are_used() {
    in_child(|| {
        let arena = CodeArena::new().unwrap();
        assert_eq!((resident(&arena), arena.stats().claimed), (0, 0));
        let loader = arena.load("m").unwrap();
        fill(&loader, &[10]);
        assert!(resident(&arena) == page() && arena.stats().claimed > page());
        for _ in 0..1000 {
            fill(&loader, &[3000]);
        }
        let ahead = arena.stats().claimed - resident(&arena);
        assert!(resident(&arena) <= 3_000_010 + page(), "{ahead} ahead");
        assert!(ahead > 0 && ahead <= 1 << 20);
        // Nor are those of a slice that failed at its first element.
        assert!(loader.alloc_slice_try_fill_with::<u64, Error, _>(1 << 17, |_| Err(Error::Foreign)).is_err());
        assert!(resident(&arena) <= 3_000_010 + page());
        // Nor are the pages that an alignment skips.
        let aligned = loader.alloc_padded(&[1], 1 << 21, 0).unwrap();
        assert!(aligned.as_ptr().addr() % (1 << 21) == 0 && resident(&arena) < 3_100_000);
        loader.seal().unwrap();
        assert!(resident(&arena) < 3_100_000, "sealing touches no page");
    });
}
