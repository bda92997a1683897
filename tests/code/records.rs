//! Records of modules and names have room wherever code needs none, and cost no memory before there are any.
#![cfg(not(miri))]

use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{CodeArena, Error};
use permacode_witness::PagesOf;
use permacode_witness::code::{Blocks, accounted};
use std::sync::{Arc, Barrier};
use std::thread;

const MEGABYTE: usize = 1 << 20;

fn arena(reservation: usize) -> CodeArena {
    CodeArena::builder().reservation(reservation).build().unwrap()
}

/// A short name of its own for each number.
fn name(number: usize) -> String {
    format!("n{number:x}")
}

/// Fails unless code and records lie apart and fill the arena's address space.
fn check_ranges(arena: &CodeArena) {
    let (code, [front, back]) = (arena.address_range(), arena.bookkeeping_ranges());
    assert_eq!((front.end, back.start), (code.start, code.end));
    assert_eq!(front.len() + code.len() + back.len(), arena.address_space());
    assert_eq!(code.len(), arena.stats().reserved);
    assert!(arena.stats().claimed <= code.len());
    for record in [front.start, front.end - 1, back.start, back.end - 1] {
        let record = std::ptr::without_provenance::<u8>(record);
        assert!(!arena.contains(record) && arena.locate(record).is_none());
    }
    for module in arena.modules().take(1000) {
        assert!(!arena.contains(module.name()), "a module's name is a record");
    }
}

#[test]
fn many_short_names_fit_an_arena_that_has_room_for_their_texts() {
    const NAMES: usize = 200_000;
    let arena = arena(16 * MEGABYTE);
    let loader = arena.load("names").unwrap();
    let names: Vec<&str> = (0..NAMES).map(|number| loader.intern(&name(number)).unwrap()).collect();
    loader.seal().unwrap();
    let again = arena.load("again").unwrap();
    for (number, text) in names.iter().enumerate() {
        assert_eq!(*text, name(number));
        assert!(arena.contains(*text));
        if number % 100 == 0 {
            assert!(std::ptr::eq(again.intern(text).unwrap(), *text));
        }
    }
    drop(again);
    check_ranges(&arena);
    assert!(arena.address_range().len() < 16 * MEGABYTE, "records took what code did not need");
}

#[test]
fn many_tiny_modules_fit_an_arena_that_has_room_for_their_code() {
    const MODULES: usize = 100_000;
    let arena = arena(16 * MEGABYTE);
    let mut blocks = Blocks::default();
    for number in 0..MODULES {
        let loader = arena.load(&name(number)).unwrap();
        blocks.alloc(&loader, 1 + number % 20).unwrap();
    }
    let _ = arena.seal().unwrap();
    assert_eq!(arena.modules().count(), MODULES);
    assert!(arena.modules().enumerate().all(|(number, module)| module.name() == name(number)));
    blocks.check();
    check_ranges(&arena);
    accounted(&arena.stats());
}

/// Loads modules and names until nothing more fits. How many names there are, and what was refused last, of code and of names.
fn fill<'a>(arena: &'a CodeArena, seed: usize, blocks: &mut Blocks<'a>) -> (usize, [Error; 2]) {
    let (mut names, mut refused) = (0, [None; 2]);
    let loader = arena.load("fill").unwrap();
    while refused.iter().any(Option::is_none) {
        if refused[0].is_none() {
            refused[0] = blocks.alloc(&loader, 700).err();
        }
        if refused[1].is_none() {
            match loader.intern(&name(seed + names)) {
                Ok(_) => names += 1,
                // A name needs code for its text, and a record.
                Err(error) => refused[1] = Some(error),
            }
        }
    }
    (names, refused.map(Option::unwrap))
}

#[test]
fn code_and_records_meet_and_leave_nothing_between() {
    for pages in [4096, 16 << 10, 64 << 10] {
        let pages = Arc::new(PagesOf(pages));
        let arena = CodeArena::builder().reservation(4 * MEGABYTE).pages(pages).build().unwrap();
        let mut blocks = Blocks::default();
        let (names, refused) = fill(&arena, 0, &mut blocks);
        assert!(names > 5000, "{names}");
        assert!(refused.iter().all(|error| matches!(error, Error::Exhausted { .. } | Error::Bookkeeping { .. })));
        check_ranges(&arena);
        let stats = arena.stats();
        assert!(stats.reserved - stats.claimed <= 64 << 10, "{stats:?}");
        blocks.check();
        let again = arena.load("again");
        assert!(again.is_ok_and(|loader| loader.intern(&name(0)) == Ok("n0")) || names > 0);
        accounted(&arena.stats());
    }
}

#[test]
fn code_that_is_there_first_leaves_records_what_is_set_aside_for_them() {
    let arena = arena(4 * MEGABYTE);
    let loader = arena.load("code").unwrap();
    while loader.alloc_padded(&[1; 100], 1, 1000).is_ok() {}
    while loader.alloc(1u8).is_ok() {}
    loader.finish();
    let mut modules = 0;
    let refused = loop {
        match arena.load("m") {
            Ok(loader) => drop(loader),
            Err(error) => break error,
        }
        modules += 1;
    };
    // A quarter of the reservation, at some 100 bytes a module.
    assert!(matches!(refused, Error::Bookkeeping { capacity } if capacity >= MEGABYTE), "{refused:?}");
    assert!(modules > 5000, "{modules}");
    check_ranges(&arena);
    assert_eq!(arena.address_range().len(), 4 * MEGABYTE);
}

#[test]
fn records_that_are_there_first_leave_code_the_rest() {
    let arena = arena(4 * MEGABYTE);
    while arena.load("a module with a rather long name, as paths of files are").is_ok() {
        if arena.address_range().len() < 2 * MEGABYTE {
            break;
        }
    }
    let (mut blocks, loader) = (Blocks::default(), arena.load("code").unwrap());
    let refused = loop {
        if let Err(error) = blocks.alloc(&loader, 1000) {
            break error;
        }
    };
    assert!(matches!(refused, Error::Exhausted { .. }), "{refused:?}");
    drop(loader);
    let stats = arena.stats();
    assert!(stats.used > 2 * MEGABYTE - (200 << 10), "{stats:?}");
    blocks.check();
    check_ranges(&arena);
}

// soundness S23: near the end, claims of code and of records cross.
#[test]
fn threads_that_fill_what_is_left_from_both_ends_share_no_byte() {
    for round in 0..10 {
        let arena = arena(2 * MEGABYTE + (round << 12));
        let start = Barrier::new(4);
        let names: usize = thread::scope(|scope| {
            let filler = |thread: usize| {
                let (arena, start) = (&arena, &start);
                scope.spawn(move || {
                    let mut blocks = Blocks::default();
                    start.wait();
                    let (names, _) = fill(arena, thread << 20, &mut blocks);
                    blocks.check();
                    names
                })
            };
            let threads = [0, 1, 2, 3].map(filler);
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(names > 1000, "{names}");
        check_ranges(&arena);
        accounted(&arena.stats());
        // What is full finds what is there.
        let _ = arena.seal().unwrap();
        assert!(arena.modules().all(|module| module.name() == "fill"));
    }
}

#[test]
fn a_name_longer_than_a_chunk_of_records_is_whole() {
    let arena = arena(4 * MEGABYTE);
    let long = "long ".repeat(40_000);
    for number in 0..8 {
        let module = arena.load(&format!("{number}{long}")).unwrap().finish();
        assert_eq!(module.name().len(), long.len() + 1);
    }
    assert!(arena.modules().enumerate().all(|(number, module)| module.name() == format!("{number}{long}")));
    check_ranges(&arena);
}

/// Loads a module of so many bytes in large blocks.
fn load_much(arena: &CodeArena, bytes: usize) -> Result<(), Error> {
    let loader = arena.load("much")?;
    for _ in 0..bytes / MEGABYTE {
        loader.alloc_padded(&[3], 1, MEGABYTE - 100)?;
    }
    loader.seal()?;
    Ok(())
}

// The page table goes on behind the code.
#[test]
fn every_page_of_much_code_is_known() {
    let pages = Pages::ordinary();
    let arena = CodeArena::builder().reservation(200 * MEGABYTE).pages(pages.clone()).build().unwrap();
    let before = pages.calls();
    load_much(&arena, 180 * MEGABYTE).unwrap();
    let module = arena.modules().next().unwrap();
    let range = arena.address_range();
    for at in (range.start..range.start + arena.stats().claimed - 4096).step_by(64 << 10) {
        let location = arena.locate(std::ptr::without_provenance::<u8>(at));
        assert!(location.is_none_or(|location| location.module == module));
    }
    assert!(arena.locate(std::ptr::without_provenance::<u8>(range.end - 1)).is_none());
    let stats = arena.stats();
    assert_eq!((stats.unsealed, stats.modules), (0, 1));
    assert!(pages.calls() - before < 200, "a run a MiB, a part of the table for 28");
    drop(arena);
    assert_eq!(pages.violations(), 0);
}

// soundness S16
#[test]
fn a_page_table_that_the_system_gives_no_memory_for_is_an_error_and_nothing_is_lost() {
    let mut of_table = 0;
    for nth in (0..3).chain(60..120) {
        let pages = Pages::ordinary();
        let arena = CodeArena::builder().reservation(160 * MEGABYTE).pages(pages.clone()).build().unwrap();
        pages.fail_calls_from(PageCall::Commit, nth);
        let refused = load_much(&arena, 130 * MEGABYTE);
        assert!(refused.is_ok() || matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Commit));
        assert_eq!(refused.is_err(), pages.failures() != 0);
        // Runs are longer by then.
        of_table +=
            usize::from(refused.is_err_and(|error| matches!(error, Error::Pages(error) if error.bytes <= 68 << 10)));
        accounted(&arena.stats());
        pages.relent();
        load_much(&arena, 20 * MEGABYTE).unwrap();
        accounted(&arena.stats());
        drop(arena);
        assert_eq!((pages.violations(), pages.live()), (0, 0));
    }
    assert!(of_table > 0, "the table was not refused memory");
}

#[cfg(all(target_os = "linux", not(permacode_ordinary_pages)))]
mod native {
    use super::*;

    /// Loads a native function of a few bytes. Where it lies.
    fn native(arena: &CodeArena) -> Result<usize, Error> {
        let loader = arena.load_native("native")?;
        let at = loader.alloc(&[0xC3; 6], 16)?.as_ptr().addr();
        let _ = loader.seal()?;
        Ok(at)
    }

    /// Opens and closes modules until their records are refused, at most so many.
    fn open_many(arena: &CodeArena, many: usize) -> usize {
        (0..many).take_while(|_| arena.load("a module with a rather long name, as paths of files are").is_ok()).count()
    }

    #[test]
    fn records_go_on_behind_code_until_machine_code_lies_there() {
        let arena = arena(4 * MEGABYTE);
        // Into the code pages.
        let before = open_many(&arena, 14_000);
        let end = arena.address_range().end;
        assert!(before == 14_000 && arena.address_range().len() < 4 * MEGABYTE);
        let at = native(&arena).unwrap();
        assert!((end - MEGABYTE / 2..end).contains(&at), "right in front of the records");
        let function = std::ptr::without_provenance::<u8>(at);
        assert!(arena.contains(function) && arena.locate(function).is_some_and(|at| at.module.name() == "native"));
        // No further, but what they have is filled.
        assert!(open_many(&arena, 20_000) < 1000);
        assert_eq!(arena.address_range().end, end);
        check_ranges(&arena);
        // Code in between goes on, both kinds, as far as there are records.
        let stats = arena.stats();
        assert_eq!((stats.unsealed, stats.native < MEGABYTE), (0, true), "{stats:?}");
        accounted(&stats);
    }

    #[test]
    fn machine_code_that_is_there_first_leaves_records_what_is_set_aside_for_them() {
        let arena = arena(4 * MEGABYTE);
        let at = native(&arena).unwrap();
        let many = open_many(&arena, 100_000);
        assert!((5000..12_000).contains(&many), "{many}");
        assert_eq!(arena.address_range().len(), 4 * MEGABYTE);
        assert!(arena.locate(std::ptr::without_provenance::<u8>(at)).is_some());
        check_ranges(&arena);
    }

    // The page table of code that is claimed from the back is writable there alone.
    #[test]
    fn machine_code_in_a_large_arena_is_known_and_costs_no_more_than_in_a_small_one() {
        permacode_witness::in_child(|| {
            let arena = super::arena(if usize::BITS == 64 { 1 << 40 } else { 1 << 28 });
            let before = permacode_witness::status("VmData");
            let functions: Vec<usize> = (0..3000).map(|_| native(&arena).unwrap()).collect();
            load_much(&arena, 10 * MEGABYTE).unwrap();
            // Sealed pages are not counted.
            assert!(permacode_witness::status("VmData") - before < 12 * MEGABYTE);
            for at in functions {
                let found = arena.locate(std::ptr::without_provenance::<u8>(at)).expect("a function that was loaded");
                assert_eq!((found.module.name(), found.offset), ("native", 0));
            }
            let _ = arena.seal().unwrap();
            assert_eq!(arena.stats().unsealed, 0);
            accounted(&arena.stats());
        });
    }
}

#[cfg(all(target_os = "linux", not(permacode_ordinary_pages)))]
mod charged {
    use super::*;
    use permacode_witness::{in_child, status};

    /// Bytes that may be written to, more than before.
    fn writable(make: impl FnOnce() -> CodeArena) -> (usize, CodeArena) {
        let before = status("VmData");
        let arena = make();
        (status("VmData") - before, arena)
    }

    #[test]
    fn what_is_writable_from_the_beginning_does_not_depend_on_the_reservation() {
        in_child(|| {
            let (bytes, _default) = writable(|| CodeArena::new().unwrap());
            assert!(bytes < 600 << 10, "{bytes}");
            for shift in if usize::BITS == 64 { 20..45 } else { 20..29 } {
                let (bytes, arena) = writable(|| super::arena(1 << shift));
                assert!(bytes < 600 << 10, "{bytes} of 1 << {shift}");
                arena.load("m").unwrap().alloc_slice_copy(&[1u8; 100_000]).unwrap();
                let _ = arena.seal().unwrap();
            }
        });
    }

    #[test]
    fn an_arena_writes_to_little_before_its_first_module_and_to_two_pages_with_it() {
        in_child(|| {
            for reservation in [MEGABYTE, 1 << 29, 1 << if usize::BITS > 32 { 34 } else { 30 }] {
                let arena = super::arena(reservation);
                let dirty = || {
                    let all = arena.bookkeeping_ranges()[0].start..arena.bookkeeping_ranges()[1].end;
                    permacode_witness::memory(0, all).unwrap().private_dirty()
                };
                assert_eq!(dirty(), 0);
                arena.load("m").unwrap().alloc(1u8).unwrap();
                let _ = arena.seal().unwrap();
                assert!(dirty() <= 2 * permacode_witness::page() as u64, "{}", dirty());
            }
        });
    }
}
