//! Many threads on one arena: they load, intern, seal and look up at once (soundness S23).

use permacode::code::Protection;
use permacode::{CodeArena, Error, Link, OpenModule, Permanent};
use permacode_witness::code::{Blocks, accounted};
use permacode_witness::{Random, span};
use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::mpsc;
use std::thread;

const THREADS: usize = 4;

/// What a sealed module is on these pages.
const SEALED: Protection = if cfg!(permacode_ordinary_pages) { Protection::TypeOnly } else { Protection::ReadOnly };

fn arena() -> CodeArena {
    CodeArena::builder().reservation(256 << 20).build().unwrap()
}

/// Loads `modules` modules of random blocks; some are sealed, some finished, some dropped.
fn load_some(arena: &CodeArena, seed: u64, modules: usize) -> Vec<&[u8]> {
    let mut random = Random::new(seed);
    let mut all = Vec::new();
    for number in 0..modules {
        let loader = arena.load(&format!("{seed} {number}")).unwrap();
        for _ in 0..random.below(20) {
            let len = if random.below(40) == 0 { random.below(50_000) } else { random.below(700) } + 8;
            let mut bytes = vec![seed as u8; len];
            bytes[..8].copy_from_slice(&(all.len() as u64).to_le_bytes());
            all.push(loader.alloc_slice_copy(&bytes).unwrap());
        }
        match random.below(3) {
            0 => assert_eq!(
                loader.seal().unwrap().protection() == Protection::ReadOnly,
                cfg!(all(unix, not(permacode_ordinary_pages)))
            ),
            1 => assert_eq!(loader.finish().name(), format!("{seed} {number}")),
            _ => drop(loader),
        }
    }
    all
}

fn check(seed: u64, blocks: &[&[u8]]) {
    for (index, block) in blocks.iter().enumerate() {
        assert_eq!(block[..8], (index as u64).to_le_bytes());
        assert!(permacode_witness::all(&block[8..], seed as u8));
    }
}

#[test]
fn loaders_on_many_threads_share_no_byte() {
    let arena = arena();
    let loaded: Vec<Vec<&[u8]>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                scope.spawn({
                    let arena = &arena;
                    move || load_some(arena, seed as u64 + 1, 150)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let _ = arena.seal().unwrap();
    let mut spans = Vec::new();
    for (seed, blocks) in loaded.iter().enumerate() {
        check(seed as u64 + 1, blocks);
        spans.extend(blocks.iter().map(|block| span(block)));
    }
    Blocks::default().check_apart(&arena, &spans);
    accounted(&arena.stats());
    assert_eq!(arena.stats().used, spans.iter().map(|span| span.len()).sum::<usize>());
    let names: HashSet<&str> = arena.modules().map(|module| module.name()).collect();
    let ids: HashSet<u32> = arena.modules().map(|module| module.id()).collect();
    assert_eq!((names.len(), ids.len(), arena.modules().count()), (THREADS * 150, THREADS * 150, THREADS * 150));
    assert!(arena.modules().all(|module| module.protection() == SEALED));
}

#[test]
fn many_threads_that_intern_the_same_names_get_the_same_copies() {
    let arena = arena();
    let start = Barrier::new(THREADS);
    let interned: Vec<Vec<&str>> = thread::scope(|scope| {
        let intern = |thread: usize| {
            let loader = arena.load("names").unwrap();
            start.wait();
            // All in the same order, so that they meet at each name; and each thread some of its own in between.
            (0..3000)
                .map(|number| {
                    let name = loader.intern(&format!("name {number}")).unwrap();
                    assert_eq!(
                        loader.intern(&format!("{thread}'s own {number}")).unwrap().len(),
                        format!("{thread}'s own {number}").len()
                    );
                    name
                })
                .collect()
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || intern(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for names in &interned {
        assert!(names.iter().zip(&interned[0]).all(|(one, other)| std::ptr::eq(*one, *other)));
    }
    let bytes: usize =
        (0..3000).map(|number| format!("name {number}").len() + THREADS * format!("1's own {number}").len()).sum();
    assert_eq!(arena.stats().used, bytes, "{:?}", arena.stats());
    assert_eq!(interned[0].iter().map(|name| name.as_ptr()).collect::<HashSet<_>>().len(), 3000);
    accounted(&arena.stats());
}

#[test]
fn the_arena_is_sealed_while_others_load_and_read() {
    let arena = arena();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Acquire) {
                    assert!(arena.seal().unwrap().held <= 2);
                }
            });
        }
        let threads: Vec<_> = (0..2)
            .map(|seed| {
                scope.spawn({
                    let arena = &arena;
                    move || {
                        let mut all = Vec::new();
                        for round in 0..10 {
                            let seed = seed * 10 + round + 1;
                            all.push((seed, load_some(arena, seed, 30)));
                            all.iter().for_each(|(seed, blocks)| check(*seed, blocks));
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Release);
    });
    let left = arena.seal().unwrap();
    assert_eq!(left.held, 0);
    assert!(arena.modules().all(|module| module.protection() == SEALED));
    assert_eq!((arena.stats().unsealed, arena.modules().count()), (0, 600));
    accounted(&arena.stats());
}

#[test]
fn two_threads_seal_the_same_pages_at_once() {
    for _ in 0..50 {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let blocks = load_some(&arena, 7, 10);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    arena.seal().unwrap()
                });
            }
        });
        check(7, &blocks);
        let _ = arena.seal().unwrap();
        assert!(arena.modules().all(|module| module.protection() == SEALED));
        accounted(&arena.stats());
    }
}

// What is asked of an arena while others load is answered, whatever moment it is asked at: no difference wraps.
#[test]
fn statistics_can_be_read_at_any_moment() {
    for _ in 0..100 {
        let arena = CodeArena::builder().reservation(16 << 20).build().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Acquire) {
                        let stats = arena.stats();
                        assert!(stats.claimed <= stats.reserved && stats.tails <= stats.reserved, "{stats:?}");
                    }
                });
            }
            // Each module is longer than the tail it finds, so the run is made longer in place.
            for number in 0..200 {
                let loader = arena.load("m").unwrap();
                loader.alloc_padded(&[1], 1, 17_000 + number).unwrap();
            }
            done.store(true, Release);
        });
        accounted(&arena.stats());
    }
}

#[test]
fn other_threads_locate_what_is_finished_and_list_all_modules() {
    let arena = arena();
    let (send, receive) = mpsc::channel::<(&[u8], u32)>();
    let arena = &arena;
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..2000u32 {
                let loader = arena.load("m").unwrap();
                let block = loader.alloc_slice_copy(&vec![1u8; 1 + number as usize % 900]).unwrap();
                let module = loader.finish();
                send.send((block, module.id())).unwrap();
            }
        });
        for (block, id) in receive {
            let first = arena.locate(block).unwrap();
            let last = arena.locate(&block[block.len() - 1]).unwrap();
            assert_eq!((first.module.id(), first.offset, last.module.id(), last.offset), (id, 0, id, block.len() - 1));
            assert_eq!(first.module.bytes(), block.len());
            assert!(arena.modules().count() > id as usize);
        }
    });
    assert!(arena.modules().map(|module| module.id()).eq(0..2000), "finished in order by one thread");
}

// A module that is found has all that a finished one has, even if its loader is closing just now.
#[test]
fn a_module_is_complete_as_soon_as_it_can_be_located() {
    let arena = arena();
    let next = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20_000usize {
                let loader = arena.load("m").unwrap();
                let block = loader.alloc_slice_copy(&[7u8; 40]).unwrap();
                next.store(block.as_ptr().addr(), Release);
                match number % 7 {
                    0 => assert_eq!(loader.seal().unwrap().bytes(), 40),
                    _ => assert_eq!(loader.finish().bytes(), 40),
                }
            }
            done.store(true, Release);
        });
        let mut found = 0;
        loop {
            // Asked first, so that the last module is found however late this thread comes.
            let last = done.load(Acquire);
            let address = next.load(Acquire);
            if let Some(at) = arena.locate(std::ptr::without_provenance::<u8>(address)) {
                assert!(at.offset < at.module.bytes(), "offset {} of {} bytes", at.offset, at.module.bytes());
                found += 1;
            }
            if last {
                break;
            }
        }
        assert!(found > 0);
    });
}

#[derive(Permanent)]
struct Node<'a> {
    words: [usize; 4],
    next: Link<'a, Node<'a>>,
}

// soundness S23: whoever sees a link set sees what it leads to.
#[test]
fn links_are_followed_while_they_are_set() {
    let arena = arena();
    let loader = arena.load("m").unwrap();
    let node = |number: usize| loader.alloc(Node { words: [number; 4], next: Link::unset() }).unwrap();
    let heads: Vec<&Node<'_>> = (0..2000).map(node).collect();
    let (ready, seen) = (Barrier::new(THREADS), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(|| {
                ready.wait();
                for (number, head) in heads.iter().enumerate() {
                    let target = loop {
                        match head.next.get() {
                            Some(target) => break target,
                            None => thread::yield_now(),
                        }
                    };
                    assert_eq!(target.words, [number + 1_000_000; 4]);
                    assert_eq!(target.next.get().map(|back| back.words[3]).unwrap_or(number), number);
                    seen.fetch_add(1, Relaxed);
                }
            });
        }
        ready.wait();
        for (number, head) in heads.iter().enumerate() {
            let target = node(number + 1_000_000);
            loader.link(&head.next, target).unwrap();
            loader.link(&target.next, head).unwrap();
        }
    });
    assert_eq!(seen.into_inner(), 2000 * (THREADS - 1));
    let module = loader.seal().unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                heads.iter().for_each(|head| assert_eq!(head.next.get().unwrap().next.get().unwrap().words, head.words))
            });
        }
    });
    assert_eq!(module.protection(), SEALED);
}

#[test]
fn a_loader_goes_on_where_it_was_on_another_thread() {
    let arena = arena();
    let mut blocks = Blocks::default();
    let mut loader = arena.load("wanders").unwrap();
    for _ in 0..30 {
        let carried: OpenModule<'_> = loader;
        let known = &mut blocks;
        loader = thread::scope(|scope| {
            let moved = scope.spawn(move || {
                known.alloc(&carried, 3001)?;
                assert_eq!(carried.intern("name")?, "name");
                Ok::<_, Error>(carried)
            });
            moved.join().unwrap().unwrap()
        });
        blocks.alloc(&loader, 17).unwrap();
    }
    let name = loader.intern("name").unwrap();
    let module = thread::scope(|scope| scope.spawn(move || loader.seal()).join().unwrap()).unwrap();
    assert_eq!(module.bytes(), blocks.bytes() + name.len());
    blocks.check_apart(&arena, &[span(name.as_bytes())]);
}
