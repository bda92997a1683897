//! Levels above protection: what is replaced, what is fixed, in how many mappings, and that nobody who reads meanwhile sees other bytes.
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

use permacode::code::{CodeArenaBuilder, Protection};
use permacode::{CodeArena, Module};
use permacode_witness::code::{Blocks, accounted, mapped};
use permacode_witness::{in_child, page, permissions, span, stopped, store};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

/// The highest level that this kernel has; the tests say what they could not show.
fn highest() -> Protection {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap().leak();
    let loader = arena.load("probe").unwrap();
    loader.alloc(1u8).unwrap();
    let module = loader.seal().unwrap();
    let result = arena.harden_forever();
    if let Err(refusal) = result {
        eprintln!("NOT SHOWN: above {:?}: {refusal}", module.protection());
    }
    module.protection()
}

/// Ends what loops until it is done, also where a test fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn at(level: Protection) -> CodeArenaBuilder {
    CodeArena::builder().reservation(64 << 20).protection(level).strict()
}

fn load<'a>(arena: &'a CodeArena, blocks: &mut Blocks<'a>, bytes: usize) -> Module<'a> {
    let loader = arena.load("m").unwrap();
    blocks.alloc(&loader, bytes).unwrap();
    loader.seal().unwrap()
}

/// The kernel's count of mappings equals the arena's.
#[track_caller]
fn counted(arena: &CodeArena) {
    assert_eq!(arena.stats().mappings, mapped(arena).accessible().count(), "{:#?}", mapped(arena));
}

#[test]
fn mappings_are_counted_as_the_kernel_counts_them_at_every_level() {
    let highest = highest();
    for level in [Protection::ReadOnly, Protection::SealedFile, Protection::Fixed] {
        if level > highest {
            continue;
        }
        let arena = at(level).build().unwrap().leak();
        let mut blocks = Blocks::default();
        counted(arena);
        let open = arena.load("open").unwrap();
        for round in 0..40usize {
            load(arena, &mut blocks, 100 + 3000 * (round % 9));
            if round % 3 == 0 {
                let loader = arena.load("finished").unwrap();
                blocks.alloc(&loader, 20_000 * (round % 5)).unwrap();
                loader.finish();
            }
            if round % 8 == 0 {
                blocks.alloc(&open, 9000).unwrap();
                let native = arena.load_native("native").unwrap();
                native.alloc(&[0xC3; 100], 16).unwrap();
                native.seal().unwrap();
            }
            counted(arena);
        }
        let _ = arena.seal().unwrap();
        counted(arena);
        if level >= Protection::SealedFile {
            arena.harden().unwrap();
            counted(arena);
        }
        if level == Protection::Fixed {
            arena.harden_forever().unwrap();
            counted(arena);
            load(arena, &mut blocks, 5000);
            arena.harden_forever().unwrap();
            counted(arena);
        }
        drop(open);
        blocks.check();
    }
}

#[test]
fn two_hundred_and_fifty_six_seals_are_fixed_in_four_mappings_at_most() {
    for level in [Protection::ReadOnly, Protection::SealedFile] {
        if highest() < Protection::Fixed {
            return;
        }
        let arena = at(level).build().unwrap().leak();
        let mut blocks = Blocks::default();
        let modules: Vec<_> = (0..256).map(|n| load(arena, &mut blocks, 200 + 37 * (n % 100))).collect();
        arena.harden_forever().unwrap();
        assert!(modules.iter().all(|module| module.protection() == Protection::Fixed));
        assert!(arena.stats().mappings <= 4, "{:?}", arena.stats());
        counted(arena);
        blocks.check_apart(arena, &[]);
    }
}

#[test]
fn behind_a_seal_at_memfile_nothing_is_packed_and_no_sealed_page_is_writable() {
    if highest() < Protection::SealedFile {
        return;
    }
    let arena = at(Protection::SealedFile).build().unwrap();
    let mut blocks = Blocks::default();
    for round in 0..20 {
        let module = load(&arena, &mut blocks, 1 + 700 * round);
        assert_eq!(module.protection(), Protection::SealedFile);
        let block = blocks.iter().last().unwrap();
        assert_eq!(span(block).start % page(), 0, "behind a seal begins a page");
        assert_eq!(permissions(span(block).start), "r--s");
        assert_eq!(permissions(span(block).end - 1), "r--s");
    }
    let last = span(blocks.iter().last().unwrap()).end - 1;
    assert_eq!(store(last), stopped(last));
    blocks.check_apart(&arena, &[]);
    accounted(&arena.stats());
}

#[test]
fn hardening_later_takes_all_that_is_sealed_and_nothing_that_is_open() {
    if highest() < Protection::SealedFile {
        return;
    }
    let arena = CodeArena::new().unwrap();
    let mut blocks = Blocks::default();
    let sealed: Vec<_> = (0..20).map(|n| load(&arena, &mut blocks, 3000 * n + 1)).collect();
    let open = arena.load("open").unwrap();
    blocks.alloc(&open, 50_000).unwrap();
    arena.harden().unwrap();
    assert!(sealed.iter().all(|module| module.protection() == Protection::SealedFile));
    counted(&arena);
    blocks.alloc(&open, 50_000).unwrap();
    let open = open.seal().unwrap();
    assert_eq!(open.protection(), Protection::ReadOnly, "the arena's own level");
    let before = arena.stats().system_calls;
    arena.harden().unwrap();
    assert_eq!((open.protection(), arena.refused()), (Protection::SealedFile, None));
    arena.harden().unwrap();
    assert_eq!(arena.stats().system_calls, before + 1, "what is replaced is not replaced again");
    blocks.check_apart(&arena, &[]);
}

#[test]
fn readers_on_other_threads_read_the_same_bytes_throughout() {
    if highest() < Protection::SealedFile {
        return;
    }
    let arena = CodeArena::builder().reservation(256 << 20).build().unwrap().leak();
    let mut old = Blocks::default();
    for n in 0..30 {
        let loader = arena.load("old").unwrap();
        old.alloc(&loader, 4096 * n + 17).unwrap();
        loader.finish();
    }
    let (done, rounds, hardened) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _ended = Ended(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    old.check();
                    rounds.fetch_add(1, SeqCst);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    arena.harden().unwrap();
                    hardened.fetch_add(1, SeqCst);
                }
            });
        }
        let loaders: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = Blocks::default();
                    for n in 0..80 {
                        let module = load(arena, &mut own, 100 + 501 * (n % 40));
                        assert!(module.protection() >= Protection::ReadOnly);
                        own.check();
                    }
                    own.check();
                })
            })
            .collect();
        let _ = arena.seal().unwrap();
        for loader in loaders {
            loader.join().unwrap();
        }
    });
    assert!(rounds.load(SeqCst) > 0 && hardened.load(SeqCst) > 0);
    old.check();
    arena.harden().unwrap();
    assert!(arena.modules().all(|module| module.protection() == Protection::SealedFile));
}

#[test]
fn threads_may_seal_harden_and_fix_the_same_pages_at_once() {
    if highest() < Protection::Fixed {
        return;
    }
    for _ in 0..8 {
        let arena = CodeArena::builder().reservation(64 << 20).build().unwrap().leak();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut own = Blocks::default();
                    for n in 0..30 {
                        assert!(load(arena, &mut own, 900 * n + 1).protection() >= Protection::ReadOnly);
                    }
                    own.check();
                });
            }
            scope.spawn(|| {
                for _ in 0..30 {
                    let _ = arena.seal().unwrap();
                    // Another thread may fix what this one is about to; what is left is left for the last.
                    let _ = arena.harden_forever();
                }
            });
        });
        let _ = arena.seal().unwrap();
        arena.harden_forever().unwrap();
        assert!(arena.modules().all(|module| module.protection() == Protection::Fixed));
    }
}

#[test]
fn a_child_forked_in_the_middle_of_everything_reads_loads_and_hardens() {
    let highest = highest();
    if highest < Protection::SealedFile {
        return;
    }
    let arena = CodeArena::builder().reservation(256 << 20).protection(Protection::SealedFile).build().unwrap().leak();
    let mut old = Blocks::default();
    for n in 0..20 {
        load(arena, &mut old, 2000 * n + 1);
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ended = Ended(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                let mut n = 0;
                while !done.load(SeqCst) && arena.stats().claimed < 8 << 20 {
                    let loader = arena.load("racing").unwrap();
                    loader.alloc_slice_copy(&vec![9u8; 1000 * (n % 30) + 1]).unwrap();
                    if n % 2 == 0 {
                        loader.seal().unwrap()
                    } else {
                        loader.finish()
                    };
                    n += 1;
                }
            });
        }
        scope.spawn(|| {
            while !done.load(SeqCst) {
                let _ = arena.seal();
                let _ = arena.harden();
                thread::yield_now();
            }
        });
        for _ in 0..12 {
            in_child(|| {
                old.check();
                let mut own = Blocks::default();
                let module = load(arena, &mut own, 30_000);
                assert_eq!(module.protection(), Protection::SealedFile, "{:?}", arena.refused());
                let _ = arena.seal().unwrap();
                arena.harden().unwrap();
                if highest == Protection::Fixed {
                    arena.harden_forever().unwrap();
                    assert_eq!(module.protection(), Protection::Fixed);
                }
                old.check();
                own.check();
            });
        }
    });
    old.check();
}
