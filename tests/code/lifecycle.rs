//! From birth to drop: arenas, loaders, modules, owners, and what can be asked of them.

use permacode::code::SharedBytes;
use permacode::ffi::permacode_code_contains;
use permacode::{CodeArena, Error, Module, OpenModule};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{page, span};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

fn small() -> CodeArena {
    CodeArena::builder().reservation(1 << 20).build().unwrap()
}

#[test]
fn an_arena_that_nothing_was_done_with_can_be_dropped() {
    drop(small());
    drop(CodeArena::builder().reservation(1 << 20).prefault(5000).build().unwrap());
    let arena = small();
    drop(arena.load("never used").unwrap());
    assert_eq!((arena.seal().unwrap().pages, arena.stats().modules, arena.stats().claimed), (0, 1, 0));
}

/// Loads a module of blocks of these lengths.
fn module<'a>(arena: &'a CodeArena, blocks: &mut Blocks<'a>, name: &str, lens: &[usize]) -> Module<'a> {
    let loader = arena.load(name).unwrap();
    for &len in lens {
        blocks.alloc(&loader, len).unwrap();
    }
    loader.finish()
}

#[test]
fn modules_are_listed_in_the_order_in_which_they_were_finished() {
    let arena = small();
    let loaders: Vec<OpenModule<'_>> = ["a", "b", "c", "d", "e"].iter().map(|name| arena.load(name).unwrap()).collect();
    let [a, b, c, d, e] = <[_; 5]>::try_from(loaders).unwrap();
    assert_eq!(arena.modules().count(), 0, "open modules are not listed");
    c.alloc(1u8).unwrap();
    c.finish();
    a.seal().unwrap();
    drop(e);
    let mut early = arena.modules();
    std::mem::forget(b);
    d.finish();
    let listed: Vec<(&str, u32)> = arena.modules().map(|module| (module.name(), module.id())).collect();
    assert_eq!(listed, [("c", 2), ("a", 0), ("e", 4), ("d", 3)]);
    assert_eq!(early.by_ref().count(), 4, "an iterator that began before finds what came since");
    assert!(early.next().is_none());
    assert_ne!(arena.modules().next(), arena.modules().nth(1));
    assert_eq!(arena.modules().next(), arena.modules().find(|module| module.name() == "c"));
}

#[test]
fn a_tail_is_continued_by_the_next_module() {
    let arena = small();
    let mut blocks = Blocks::default();
    let modules: Vec<Module<'_>> = (1..40).map(|number| module(&arena, &mut blocks, "m", &[number * 7, 3])).collect();
    let spans: Vec<_> = blocks.iter().map(span).collect();
    assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start), "packed without a gap");
    assert_eq!(arena.stats().pages, blocks.bytes().div_ceil(page()));
    for (number, module) in (1..40).zip(&modules) {
        assert_eq!(module.bytes(), number * 7 + 3);
        let block = blocks.iter().nth(2 * (number - 1) + 1).unwrap();
        let at = arena.locate(&block[2]).unwrap();
        assert_eq!((at.module, at.offset), (*module, number * 7 + 2));
    }
    blocks.check_apart(&arena, &[]);
    let _ = arena.seal().unwrap();
    accounted(&arena.stats());
    assert_eq!((arena.stats().seals, arena.stats().tails), (1, arena.stats().claimed - blocks.bytes()));
}

#[test]
fn what_is_not_sealed_yet_is_counted_with_the_partial_page() {
    let arena = small();
    let mut blocks = Blocks::default();
    for (len, unsealed) in [(10, 1), (page(), 2), (2 * page() - 10, 3), (1, 4)] {
        module(&arena, &mut blocks, "m", &[len]);
        assert_eq!(arena.stats().unsealed, unsealed, "{len}");
    }
    assert_eq!((arena.seal().unwrap().pages, arena.stats().unsealed), (4, 0));
    assert_eq!(arena.seal().unwrap().pages, 0);
}

/// Every byte of a module has an offset of its own, below the module's size.
#[test]
fn offsets_number_the_bytes_of_a_module_across_all_of_its_runs() {
    let arena = CodeArena::builder().reservation(64 << 20).build().unwrap();
    let (one, two) = (arena.load("one").unwrap(), arena.load("two").unwrap());
    let (mut of_one, mut of_two) = (Blocks::default(), Blocks::default());
    for len in [100, 20_000, 5, 40_000, 16 << 10, 1, 70_000, 300, 300_000, 9, 2 << 20, 77] {
        of_one.alloc(&one, len).unwrap();
        of_two.alloc(&two, len / 2 + 1).unwrap();
    }
    let modules = [(one.finish(), of_one), (two.seal().unwrap(), of_two)];
    let mut packed = Blocks::default();
    let third = module(&arena, &mut packed, "three", &[50, 60_000]);
    for (module, blocks) in modules.iter().chain([&(third, packed)]) {
        let mut offsets = Vec::new();
        for block in blocks.iter() {
            let (first, last) = (arena.locate(block).unwrap(), arena.locate(&block[block.len() - 1]).unwrap());
            assert_eq!((first.module, last.module), (*module, *module));
            assert_eq!(last.offset - first.offset, block.len() - 1);
            offsets.push((first.offset, block.len()));
        }
        offsets.sort_unstable();
        let end = offsets.iter().try_fold(0, |end, &(offset, len)| (offset == end).then_some(end + len));
        assert_eq!(end, Some(module.bytes()), "no offset is missing and none comes twice");
        assert_eq!(offsets[0].0, 0);
    }
}

#[test]
fn what_lies_in_no_finished_module_is_not_located() {
    let arena = small();
    let open = arena.load("open").unwrap();
    let block = open.alloc_slice_copy(&[1u8; 10]).unwrap();
    assert!(arena.locate(block).is_none() && arena.contains(block));
    let forgotten = arena.load("forgotten").unwrap();
    let lost = forgotten.alloc_slice_copy(&[1u8; 10]).unwrap();
    std::mem::forget(forgotten);
    drop(open);
    assert!(arena.locate(block).is_some() && arena.locate(lost).is_none());
    let behind = span(block).end;
    for address in
        [behind, behind | (page() - 1), arena.address_range().end - 1, arena.address_range().end, 0, usize::MAX]
    {
        assert!(arena.locate(std::ptr::without_provenance::<u8>(address)).is_none(), "{address:x}");
    }
    assert!(arena.locate(&0u8).is_none());
    // A module that another one shares its page with ends where that begins.
    let next = arena.load("next").unwrap();
    let after = next.alloc_slice_copy(&[2u8; 10]).unwrap();
    assert_eq!(span(after).start, behind);
    assert!(arena.locate(after).is_none());
    drop(next);
    assert_eq!(arena.locate(after).map(|at| (at.module.name(), at.offset)), Some(("next", 0)));
    assert_eq!(arena.locate(&block[9]).map(|at| (at.module.name(), at.offset)), Some(("open", 9)));
}

#[test]
fn an_arena_contains_its_address_range_and_nothing_else() {
    // The least of function pointer types that C could call through.
    let contains: unsafe extern "C" fn(*const CodeArena, *const c_void) -> bool = permacode_code_contains;
    let arena = small();
    let range = arena.address_range();
    assert_eq!(range.len(), arena.stats().reserved);
    let inside = [range.start, range.start + 1, range.end - 1];
    let outside = [range.start - 1, range.end, 0, 1, usize::MAX, usize::MAX / 2, &raw const arena as usize];
    for (addresses, expected) in [(&inside[..], true), (&outside[..], false)] {
        for &address in addresses {
            let ptr = std::ptr::without_provenance::<c_void>(address);
            assert_eq!(arena.contains(ptr), expected, "{address:x}");
            // SAFETY: the arena is alive; null is allowed.
            let (asked, null) = unsafe { (contains(&raw const arena, ptr), contains(std::ptr::null(), ptr)) };
            assert_eq!((asked, null), (expected, false), "{address:x}");
        }
    }
}

// soundness S11: what a loader that is never dropped made stays, and costs its pages only.
#[test]
fn a_forgotten_loader_loses_its_pages_and_nothing_else() {
    let arena = small();
    let mut blocks = Blocks::default();
    module(&arena, &mut blocks, "first", &[100]);
    let forgotten = arena.load("forgotten").unwrap();
    blocks.alloc(&forgotten, 200).unwrap();
    std::mem::forget(forgotten);
    let sealed = arena.seal().unwrap();
    assert_eq!((sealed.pages, sealed.held), (0, 1), "it holds the first module's page");
    module(&arena, &mut blocks, "second", &[5000]);
    let sealed = arena.seal().unwrap();
    assert_eq!((sealed.pages, sealed.held), (5000usize.div_ceil(page()), 1));
    blocks.check_apart(&arena, &[]);
    assert!(arena.stats().used == 5100 && arena.modules().count() == 2);
    assert!(arena.stats().claimed > arena.stats().used + arena.stats().gaps + arena.stats().tails);
}

#[test]
fn a_leaked_arena_works_on_for_ever() {
    let arena = small();
    let first = arena.load("before").unwrap().finish().id();
    let kept = arena.load("kept").unwrap().alloc_str("kept").unwrap().as_ptr().addr();
    let arena: &'static CodeArena = arena.leak();
    let at = arena.locate(std::ptr::without_provenance::<u8>(kept)).unwrap();
    assert_eq!((at.module.name(), first), ("kept", 0));
    assert!(!arena.contains(arena), "its own words lie with the records");
    let text: &'static str = thread::spawn(move || {
        let loader = arena.load("after").unwrap();
        let text = loader.alloc_str("static").unwrap();
        loader.seal().unwrap();
        text
    })
    .join()
    .unwrap();
    assert!(text == "static" && arena.modules().count() == 3 && arena.modules().all(|module| module.id() < 3));
    assert!(std::ptr::eq(arena.load("m").unwrap().intern("x").unwrap(), arena.load("m").unwrap().intern("x").unwrap()));
}

#[test]
fn shared_bytes_keep_the_mapping_until_the_last_is_gone() {
    let pages = permacode::testing::Pages::ordinary();
    let arena = Arc::new(CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap());
    let loader = arena.load("m").unwrap();
    let shared: SharedBytes = arena.share(loader.alloc_slice_copy(b"abc").unwrap()).unwrap();
    drop(loader);
    drop(arena);
    let (one, two) = (shared.clone(), shared);
    let read = thread::spawn(move || one.to_vec()).join().unwrap();
    assert_eq!((&read[..], two.as_ref(), pages.live()), (&b"abc"[..], &b"abc"[..], 1));
    assert_eq!(two.arena().load("later").unwrap().alloc(5u8), Ok(&5));
    drop(two);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn an_arena_may_be_moved_between_threads_and_boxes() {
    let mut arena = Box::new(small());
    let mut addresses = Vec::new();
    for round in 0..10u8 {
        let (send, receive) = mpsc::channel();
        let moved = *arena;
        thread::spawn(move || {
            let loader = moved.load("m").unwrap();
            let block = loader.alloc_slice_copy(&[round; 300]).unwrap().as_ptr().addr();
            assert_eq!(loader.intern("name").map(str::len), Ok(4));
            if round % 2 == 0 {
                drop(loader)
            } else {
                assert!(loader.seal().is_ok())
            }
            send.send((moved, block)).unwrap();
        });
        let (back, block) = receive.recv().unwrap();
        *arena = back;
        addresses.push(block);
    }
    for (round, &address) in addresses.iter().enumerate() {
        let at = arena.locate(std::ptr::without_provenance::<u8>(address)).unwrap();
        assert_eq!((at.module.id(), at.offset), (round as u32, 0));
    }
    let names: usize = arena.stats().used - 10 * 300;
    assert_eq!((names, arena.modules().count()), (4, 10), "one copy of the name");
}

#[test]
fn a_name_is_interned_once_for_all_modules() {
    let arena = small();
    let first = arena.load("first").unwrap();
    let name = first.intern("name").unwrap();
    let open = arena.load("open").unwrap();
    assert!(std::ptr::eq(open.intern("name").unwrap(), name), "while its module is open");
    first.seal().unwrap();
    assert!(std::ptr::eq(open.intern("name").unwrap(), name), "and when it is sealed");
    assert!(!std::ptr::eq(open.alloc_str("name").unwrap(), name), "which `alloc_str` does not");
    assert!(!std::ptr::eq(small().load("m").unwrap().intern("name").unwrap(), name), "in each arena");
    assert_eq!(open.intern("nam"), Ok("nam"));
    assert_eq!(open.finish().bytes(), 4 + 3);
}

#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
#[test]
fn prefaulted_pages_are_in_memory_and_the_first_loader_gets_them() {
    let arena = CodeArena::builder().reservation(4 << 20).prefault(100_000).build().unwrap();
    let pages = 100_000usize.div_ceil(page()) * page();
    assert_eq!((permacode_witness::code::resident(&arena), arena.stats().claimed), (pages, pages));
    let calls = arena.stats().system_calls;
    let mut blocks = Blocks::default();
    let loader = arena.load("first").unwrap();
    blocks.alloc(&loader, 60_000).unwrap();
    let first = loader.finish();
    module(&arena, &mut blocks, "second", &[30_000]);
    assert_eq!(arena.stats().system_calls, calls, "no page was asked for");
    assert_eq!(span(blocks.iter().next().unwrap()).start, arena.loaded_range().start);
    assert_eq!(first.bytes(), 60_000);
    module(&arena, &mut blocks, "third", &[60_000]);
    let _ = arena.seal().unwrap();
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}

// soundness S16
#[test]
fn an_arena_whose_records_are_full_says_so_and_keeps_what_it_has() {
    let arena = CodeArena::builder().reservation(1 << 16).build().unwrap();
    let mut blocks = Blocks::default();
    let (open, late) = (arena.load("open").unwrap(), arena.load("late").unwrap());
    blocks.alloc(&open, 10).unwrap();
    let refused = (0..100_000).find_map(|_| arena.load("module").map(OpenModule::finish).err());
    assert!(matches!(refused, Some(Error::Bookkeeping { capacity }) if capacity >= 1 << 16), "{refused:?}");
    while arena.load("").is_ok() {}
    let modules = arena.modules().count();
    assert!(modules > 100);
    blocks.alloc(&open, 10).unwrap();
    while open.intern(&format!("{}", blocks.len())).is_ok() {
        blocks.alloc(&open, 1).unwrap();
    }
    let claimed = arena.stats().claimed;
    let full = |refused| matches!(refused, Err(Error::Bookkeeping { .. }));
    assert!((0..50).all(|_| full(late.alloc(1u8).map(|_| ()))), "pages without a record are given back");
    assert_eq!(arena.stats().claimed, claimed);
    drop(late);
    assert_eq!(open.seal().unwrap().name(), "open");
    assert_eq!((arena.modules().count(), arena.stats().claimed), (arena.stats().modules, claimed));
    blocks.check();
    accounted(&arena.stats());
}
