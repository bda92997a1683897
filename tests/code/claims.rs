//! How much is claimed for how much code, with loaders open at once: nested, on threads, on huge pages, beside machine code.

use permacode::code::CodeArenaBuilder;
use permacode::{CodeArena, Error, Loader};
use permacode_witness::code::accounted;
use permacode_witness::{Random, page};
use std::thread;

/// Both kinds of arenas.
fn modes() -> [CodeArenaBuilder; 2] {
    [CodeArena::builder(), CodeArena::builder().huge_pages()]
}

/// What N9 grants for `code` bytes with so many loaders open at once, and pages that seals pad.
fn granted(code: usize, open: usize, padded: usize) -> usize {
    code + code / 2 + open * (16 << 10).max(page()) + padded
}

/// Fills a module with blocks of `block` bytes, `bytes` in all.
fn fill(loader: &Loader<'_>, bytes: usize, block: usize) -> Result<(), Error> {
    let ones = vec![1u8; block.min(bytes)];
    for from in (0..bytes).step_by(block) {
        loader.alloc_slice_copy(&ones[..block.min(bytes - from)])?;
    }
    Ok(())
}

/// Loads modules that import the next one half-way, `deep` of them, as an interpreter does.
fn nest(arena: &CodeArena, deep: usize, bytes: usize, block: usize, native: bool) {
    let loader = arena.load("importer").unwrap();
    fill(&loader, bytes / 2, block).unwrap();
    let jit = native.then(|| arena.load_native("jit").unwrap());
    if let Some(jit) = &jit {
        jit.alloc(&[0xC3; 6], 16).unwrap();
    }
    if deep > 1 {
        nest(arena, deep - 1, bytes, block, native);
    }
    fill(&loader, bytes - bytes / 2, block).unwrap();
    if let Some(jit) = jit {
        jit.seal().unwrap();
    }
}

// soundness S21
#[test]
fn nested_imports_claim_in_proportion_to_their_code_in_both_modes() {
    for (bytes, block) in [(11_000, 450), (200, 200), (200, 50), (8_300, 8_300), (60_000, 700), (5_000, 5_000)] {
        for builder in modes() {
            let arena = builder.build().unwrap();
            let mut code = 0;
            for round in 0..170 {
                nest(&arena, 6, bytes, block, false);
                code += 6 * bytes;
                let claimed = arena.stats().claimed;
                assert!(claimed <= granted(code, 6, 0), "{claimed} for {code} in {round} ({bytes}, {block})");
            }
            accounted(&arena.stats());
        }
    }
}

// soundness S21, S23
#[test]
fn four_threads_that_nest_imports_claim_in_proportion_too() {
    for (bytes, block) in [(11_000, 450), (200, 200), (8_300, 8_300)] {
        for builder in modes() {
            let arena = builder.build().unwrap();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..42).for_each(|_| nest(&arena, 6, bytes, block, false)));
                }
            });
            let (code, stats) = (4 * 42 * 6 * bytes, arena.stats());
            assert!(stats.claimed <= granted(code, 24, 0), "{stats:?} for {code} ({bytes}, {block})");
            accounted(&stats);
        }
    }
}

// soundness S21
#[test]
fn beside_native_loaders_as_well() {
    for (threads, deep) in [(1, 6), (4, 3)] {
        for builder in modes() {
            let arena = builder.build().unwrap();
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..40).for_each(|_| nest(&arena, deep, 3000, 300, true)));
                }
            });
            let modules = threads * 40 * deep;
            let (code, stats) = (modules * 3000, arena.stats());
            // Each native module has a page to itself.
            assert!(stats.claimed <= granted(code, 2 * threads * deep, modules * page()), "{stats:?} for {code}");
            assert!(stats.native <= modules * page() + threads * deep * (16 << 10).max(page()), "{stats:?}");
            accounted(&stats);
        }
    }
}

// soundness S21
#[test]
fn two_loaders_open_at_once_on_huge_pages_lose_nothing_for_each_overlap() {
    let arena = CodeArena::builder().huge_pages().build().unwrap();
    fill(&arena.load("first").unwrap(), 3 << 20, 3 << 20).unwrap();
    let before = arena.stats().claimed;
    for _ in 0..500 {
        let (a, b) = (arena.load("a").unwrap(), arena.load("b").unwrap());
        fill(&a, 100, 100).unwrap();
        fill(&b, 100, 100).unwrap();
    }
    // What is claimed ahead is a tenth of what there was, wherever its huge pages begin.
    assert!(arena.stats().claimed - before <= granted(100_000, 2, 0) + before / 10 + page(), "{:?}", arena.stats());
    accounted(&arena.stats());
}

// soundness S21: what was given up is used before new pages are claimed, however it came to be.
#[test]
fn no_page_is_claimed_while_a_tail_that_was_given_up_has_room() {
    for builder in modes() {
        // A tail of each of many loaders.
        let arena = builder.clone().build().unwrap();
        let loaders: Vec<_> = (0..100).map(|_| arena.load("one of many").unwrap()).collect();
        loaders.iter().for_each(|loader| fill(loader, 4000, 4000).unwrap());
        drop(loaders);
        let (claimed, tails) = (arena.stats().claimed, arena.stats().tails);
        let loader = arena.load("all that they left").unwrap();
        fill(&loader, tails - 100 * 100, 100).unwrap();
        assert_eq!(arena.stats().claimed, claimed);
        drop(loader);
        accounted(&arena.stats());
        // A prefault that two loaders share.
        let arena = builder.clone().limit(64 << 10).prefault(64 << 10).build().unwrap();
        let (a, b) = (arena.load("a").unwrap(), arena.load("b").unwrap());
        for _ in 0..200 {
            fill(&a, 100, 100).unwrap();
            fill(&b, 100, 100).unwrap();
        }
        assert_eq!(arena.stats().claimed, 64 << 10);
        // The rest of a large module.
        let arena = builder.build().unwrap();
        fill(&arena.load("large").unwrap(), 5_000_000, 1000).unwrap();
        let (claimed, tails) = (arena.stats().claimed, arena.stats().tails);
        let loaders: Vec<_> = (0..tails >> 15).map(|_| arena.load("small").unwrap()).collect();
        loaders.iter().for_each(|loader| fill(loader, 200, 200).unwrap());
        assert_eq!(arena.stats().claimed, claimed, "{} loaders", loaders.len());
    }
}

// soundness S21: a seal between them pads a page for each loader that it closes, and takes no tail away.
#[test]
fn seals_between_modules_pad_their_own_pages_only() {
    for builder in modes() {
        let arena = builder.build().unwrap();
        let mut random = Random::new(14);
        let (mut code, mut padded) = (0, 0);
        for _ in 0..600 {
            let loaders: Vec<_> = (0..1 + random.below(5)).map(|_| arena.load("m").unwrap()).collect();
            for loader in &loaders {
                let bytes = 1 + random.below(9000);
                fill(loader, bytes, 1 + random.below(700)).unwrap();
                code += bytes;
            }
            for loader in loaders {
                match random.below(3) {
                    0 => drop(loader.seal().unwrap()),
                    _ => drop(loader),
                }
                padded += page();
            }
            if random.below(4) == 0 {
                let _ = arena.seal().unwrap();
            }
            assert!(arena.stats().claimed <= granted(code, 5, padded), "{:?} for {code}", arena.stats());
        }
        accounted(&arena.stats());
    }
}

// soundness S21: tails too short for most blocks are not looked at again and again, and serve those that they are long enough for.
#[test]
fn ten_thousand_tails_that_fit_nothing_wait_for_what_they_fit() {
    let arena = CodeArena::builder().reservation(1 << 30).build().unwrap();
    for _ in 0..1000 {
        let loaders: Vec<_> = (0..4).map(|_| arena.load("odd").unwrap()).collect();
        loaders.iter().for_each(|loader| fill(loader, 9 * 5_100, 5_100).unwrap());
    }
    let before = arena.stats();
    assert!(before.claimed <= granted(4000 * 9 * 5_100, 4, 0), "{before:?}");
    let loader = arena.load("small").unwrap();
    fill(&loader, before.tails / 10, 60).unwrap();
    assert_eq!(arena.stats().claimed, before.claimed);
}

// Of the tails that wait, a seal looks at those that begin in the middle of a page, and at short ones.
#[test]
fn a_seal_leaves_no_page_behind_among_two_thousand_tails_that_wait() {
    let arena = CodeArena::builder().build().unwrap();
    let loaders: Vec<_> = (0..2000).map(|_| arena.load("one of many").unwrap()).collect();
    loaders.iter().for_each(|loader| fill(loader, 5100, 5100).unwrap());
    drop(loaders);
    let _ = arena.seal().unwrap();
    assert_eq!(arena.stats().unsealed, 0);
    let mut random = Random::new(31);
    for round in 0..300 {
        let loaders: Vec<_> = (0..1 + random.below(4)).map(|_| arena.load("a few").unwrap()).collect();
        for loader in &loaders {
            fill(loader, 1 + random.below(20_000), 1 + random.below(900)).unwrap();
        }
        let modules: Vec<_> = loaders.into_iter().map(|loader| loader.finish()).collect();
        if round % 3 == 0 {
            modules.iter().for_each(|module| _ = module.seal().unwrap());
        } else {
            let _ = arena.seal().unwrap();
        }
        assert_eq!(arena.stats().unsealed, 0, "in round {round}");
    }
    let before = arena.stats();
    assert!(before.tails > 1000 * (8 << 10), "{before:?}");
    accounted(&before);
}

// soundness S21: many blocks of a size that no page holds two of.
#[test]
fn native_modules_of_many_blocks_claim_in_proportion() {
    for builder in modes() {
        let arena = builder.build().unwrap();
        let mut code = 0;
        for (round, &block) in [2100, 4200, 600, 5000, 8300, 16_000, 100_000].iter().cycle().take(140).enumerate() {
            let loaders = [(); 3].map(|()| arena.load_native("jit").unwrap());
            for _ in 0..12 {
                for jit in &loaders {
                    code += jit.alloc(&vec![0xC3; block], 16).unwrap().len() + 16;
                }
            }
            for jit in loaders {
                if round % 2 == 0 {
                    drop(jit);
                } else {
                    // Ordinary memory cannot be executed.
                    let _ = jit.seal();
                }
            }
            let claimed = arena.stats().claimed;
            assert!(claimed <= granted(code, 3, 3 * (round + 1) * page()), "{claimed} for {code} in {round}");
        }
        accounted(&arena.stats());
    }
}
