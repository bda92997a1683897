//! Sealing one finished module by itself: its pages and no others, whatever lies beside it.

use permacode::code::{Protection, SealReport};
use permacode::error::PageCall;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
use permacode::testing::Pages;
use permacode::{CodeArena, Error, Module};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::page;
use std::thread;

fn small() -> CodeArena {
    CodeArena::builder().reservation(4 << 20).build().unwrap()
}

/// A module of one block, finished.
fn finished<'a>(arena: &'a CodeArena, blocks: &mut Blocks<'a>, bytes: usize) -> Module<'a> {
    let loader = arena.load("m").unwrap();
    blocks.alloc(&loader, bytes).unwrap();
    loader.finish()
}

/// What a seal did.
fn did(sealed: SealReport) -> (usize, usize) {
    (sealed.pages, sealed.held)
}

/// What protects a sealed module here.
fn protected() -> Protection {
    let arena = small();
    arena.load("probe").unwrap().alloc(1u8).unwrap();
    arena.seal().unwrap();
    arena.modules().next().unwrap().protection()
}

#[test]
fn a_module_is_sealed_and_its_neighbours_stay_as_they_are() {
    let (arena, mut blocks) = (small(), Blocks::default());
    let [before, module, behind] = [3, 3, 3].map(|pages| finished(&arena, &mut blocks, pages * page() + 100));
    // Pages 3 to 6: the first one shared with the module before, the last one with the one behind, which fills it.
    assert_eq!(did(module.seal().unwrap()), (4, 0));
    assert_eq!(module.protection(), protected());
    assert_eq!([before, behind].map(|module| module.protection()), [Protection::TypeOnly; 2]);
    assert_eq!((did(module.seal().unwrap()), arena.stats().seals), ((0, 0), 1), "nothing is left to do");
    assert_eq!(did(before.seal().unwrap()), (3, 0));
    assert_eq!(did(behind.seal().unwrap()), (3, 0));
    assert_eq!(arena.seal().unwrap().pages, 0);
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}

#[test]
fn the_rest_of_its_last_page_is_padded_and_the_next_module_begins_behind_it() {
    let (arena, mut blocks) = (small(), Blocks::default());
    let module = finished(&arena, &mut blocks, 100);
    assert_eq!(did(module.seal().unwrap()), (1, 0));
    let next = arena.load("next").unwrap();
    let block = blocks.alloc(&next, 100).unwrap();
    assert_eq!(block.as_ptr().addr() - arena.address_range().start, page());
    assert_eq!(arena.stats().claimed, (16 << 10).max(page()), "the rest of the run is used");
    drop(next);
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}

// soundness S20: a page that an open loader writes to is never sealed.
#[test]
fn a_page_that_an_open_loader_fills_is_left_and_counted_until_it_is_closed() {
    let (arena, mut blocks) = (small(), Blocks::default());
    let module = finished(&arena, &mut blocks, 2 * page() + 100);
    let open = arena.load("open").unwrap();
    blocks.alloc(&open, 50).unwrap();
    assert_eq!(did(module.seal().unwrap()), (2, 1));
    assert_eq!(module.protection(), Protection::TypeOnly, "not all of its pages are sealed");
    blocks.alloc(&open, 50).unwrap();
    assert_eq!(did(module.seal().unwrap()), (0, 1));
    let open = open.finish();
    assert_eq!(did(module.seal().unwrap()), (1, 0));
    assert_eq!([module, open].map(|module| module.protection()), [protected(); 2]);
    blocks.check_apart(&arena, &[]);
}

#[test]
fn a_module_that_lies_in_several_places_is_sealed_in_all_of_them() {
    let (arena, mut blocks) = (small(), Blocks::default());
    let loaders = [(); 3].map(|()| arena.load("interleaved").unwrap());
    for _ in 0..40 {
        for loader in &loaders {
            blocks.alloc(loader, 3000).unwrap();
        }
    }
    let [first, second, third] = loaders.map(|loader| loader.finish());
    let sealed = second.seal().unwrap();
    assert!(sealed.held == 0 && sealed.pages >= 120_000 / page(), "{sealed:?}");
    assert_eq!([first, second, third].map(|module| module.protection() == protected()), [false, true, false]);
    assert_eq!(first.seal().and_then(|_| third.seal()).map(|sealed| sealed.held), Ok(0));
    assert_eq!((arena.seal().unwrap().pages, arena.stats().unsealed), (0, 0));
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}

#[test]
fn a_module_without_bytes_has_nothing_to_seal() {
    let (arena, mut blocks) = (small(), Blocks::default());
    finished(&arena, &mut blocks, 10);
    let empty = arena.load("empty").unwrap().finish();
    assert_eq!((did(empty.seal().unwrap()), arena.stats().seals), ((0, 0), 0));
}

// soundness S16, S20
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
#[test]
fn a_refused_seal_is_an_error_and_can_be_repeated_and_nobody_writes_there_meanwhile() {
    for halfway in [false, true] {
        let pages = Pages::system();
        let arena = CodeArena::builder().reservation(4 << 20).pages(pages.clone()).build().unwrap();
        let mut blocks = Blocks::default();
        let (before, module) = (finished(&arena, &mut blocks, 100), finished(&arena, &mut blocks, 3 * page() + 100));
        if halfway {
            pages.fail_call_halfway(PageCall::Seal, 0)
        } else {
            pages.fail_call(PageCall::Seal, 0)
        }
        assert!(matches!(module.seal(), Err(Error::Pages(error)) if error.call == PageCall::Seal));
        assert_eq!(module.protection(), Protection::TypeOnly);
        let next = arena.load("next").unwrap();
        let block = blocks.alloc(&next, 100).unwrap();
        assert!(block.as_ptr().addr() - arena.address_range().start >= 4 * page());
        assert_eq!(did(module.seal().unwrap()), (4, 0));
        assert_eq!([before, module].map(|module| module.protection()), [protected(); 2]);
        drop(next);
        blocks.check_apart(&arena, &[]);
        drop(arena);
        assert_eq!((pages.violations(), pages.live()), (0, 0));
    }
}

#[test]
fn any_number_of_threads_may_seal_one_module_beside_loaders_and_other_seals() {
    for _ in 0..20 {
        let arena = small();
        let mut blocks = Blocks::default();
        let modules: Vec<Module<'_>> = (0..30).map(|n| finished(&arena, &mut blocks, 700 * n + 1)).collect();
        thread::scope(|scope| {
            for from in 0..4 {
                let (arena, modules) = (&arena, &modules);
                scope.spawn(move || {
                    for module in modules.iter().cycle().skip(from * 7).take(30) {
                        module.seal().unwrap();
                        arena.load("beside").unwrap().alloc([1u8; 300]).unwrap();
                    }
                });
            }
        });
        modules.iter().for_each(|module| assert_eq!(module.seal().unwrap().held, 0));
        assert!(modules.iter().all(|module| module.protection() == protected()));
        blocks.check();
        accounted(&arena.stats());
    }
}

#[test]
fn machine_code_that_was_only_finished_becomes_read_only() {
    let (arena, mut blocks) = (small(), Blocks::default());
    let data = finished(&arena, &mut blocks, 100);
    let jit = arena.load_native("jit").unwrap();
    let code = jit.alloc(&[0xC3; 5000], 16).unwrap();
    drop(jit);
    let module = arena.locate(code).unwrap().module;
    assert_eq!(did(module.seal().unwrap()), (5000usize.div_ceil(page()), 0));
    assert_eq!(
        [module, data].map(|module| module.protection() == protected()),
        [true, protected() == Protection::TypeOnly]
    );
    #[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
    assert_eq!(permacode_witness::permissions(code.as_ptr().addr()), "r--p");
}

#[test]
fn a_level_that_was_asked_for_is_reached_or_an_error() {
    use permacode::pages::OrdinaryPages;
    let arena = CodeArena::builder().protection(Protection::SealedFile).build().unwrap();
    let mut blocks = Blocks::default();
    let module = finished(&arena, &mut blocks, 9000);
    module.seal().unwrap();
    assert!(module.protection() == Protection::SealedFile || arena.refused().is_some());
    let ordinary = CodeArena::builder().protection(Protection::SealedFile).strict();
    let arena = ordinary.pages(std::sync::Arc::new(OrdinaryPages)).build().unwrap();
    let module = finished(&arena, &mut blocks, 9000);
    for _ in 0..2 {
        assert!(matches!(module.seal(), Err(Error::Pages(error)) if error.call == PageCall::Replace));
    }
}

// The level that is refused once is not asked for again at each later seal for each earlier one.
#[test]
fn a_refused_level_is_tried_a_bounded_number_of_times_for_each_seal() {
    use permacode::pages::OrdinaryPages;
    let builder = CodeArena::builder().reservation(64 << 20).protection(Protection::SealedFile).strict();
    let arena = builder.pages(std::sync::Arc::new(OrdinaryPages)).build().unwrap();
    let mut open = Vec::new();
    for number in 0..400 {
        let loader = arena.load("sealed").unwrap();
        // Something open lies between what is sealed, so that each is a stretch of its own.
        let beside = arena.load("open").unwrap();
        for _ in 0..3 {
            beside.alloc([1u8; 3000]).unwrap();
            loader.alloc([2u8; 3000]).unwrap();
        }
        open.push(beside);
        let calls = arena.stats().system_calls;
        match number % 3 {
            0 => assert!(loader.seal().is_err()),
            1 => assert!(loader.finish().seal().is_err()),
            _ => {
                loader.finish();
                assert!(arena.seal().is_err());
            }
        }
        let made = arena.stats().system_calls - calls;
        assert!(made <= 12, "{made} calls for seal {number}");
    }
    let calls = arena.stats().system_calls;
    assert!(arena.seal().is_err(), "still not what was asked for");
    assert!(arena.stats().system_calls - calls <= 2);
}

#[test]
fn an_open_loader_says_how_many_bytes_its_module_has() {
    let arena = small();
    let (one, other) = (arena.load("one").unwrap(), arena.load("other").unwrap());
    assert_eq!((one.bytes(), other.bytes()), (0, 0));
    for n in 1..200usize {
        one.alloc(n).unwrap();
        let before = other.bytes();
        other.alloc_slice_copy(&vec![1u8; 7 * n]).unwrap();
        assert!(other.bytes() >= before + 7 * n && one.bytes() >= n * size_of::<usize>());
    }
    // A fill that fails takes back what it placed.
    let before = one.bytes();
    assert!(one.alloc_slice_try_fill_with::<u64, Error, _>(10, |_| Err(Error::Foreign)).is_err());
    assert!(one.bytes() - before < 8);
    let said = [one.bytes(), other.bytes()];
    assert_eq!([one.finish(), other.finish()].map(|module| module.bytes()), said);
}
