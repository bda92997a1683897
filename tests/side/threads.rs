//! Threads: one with a table each, or all with one table of atomics that grows beneath them.
#![cfg(not(miri))]

use permacode::side::{InlineCache, Version};
use permacode::{CodeArena, Permanent, SideTable, Sites};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::thread;

#[derive(Permanent)]
struct Code<'a> {
    seed: u64,
    ops: &'a [u8],
    sites: Sites,
}

fn arena() -> CodeArena {
    CodeArena::builder().reservation(16 << 20).build().unwrap()
}

fn load(arena: &CodeArena, functions: u64) -> Vec<&Code<'_>> {
    let loader = arena.load("m").unwrap();
    let code = |seed: u64| {
        let ops = loader.alloc_slice_copy(&vec![seed as u8; (seed % 40) as usize]).unwrap();
        loader.alloc(Code { seed, ops, sites: loader.sites(ops.len()).unwrap() }).unwrap()
    };
    let all = (0..functions).map(code).collect();
    loader.seal().unwrap();
    all
}

#[test]
fn two_threads_with_a_table_each_run_the_same_sealed_code() {
    let arena = arena();
    let codes = load(&arena, 2000);
    let work = |thread: usize| {
        let table: SideTable<'_, InlineCache<u64>> = SideTable::new(&arena).unwrap();
        let mut now = Version::FIRST;
        let mut hits = 0;
        for round in 0..6u64 {
            for code in &codes {
                let caches = table.of(code.sites).unwrap();
                for (cache, key) in caches.iter().zip(thread..) {
                    let value = code.seed << 8 | thread as u64;
                    match cache.get(key, now) {
                        Some(found) => {
                            assert_eq!(found, value, "a cache of another function, or of another thread");
                            hits += 1;
                        }
                        None => cache.set(key, now, value),
                    }
                }
            }
            if round == 2 {
                now = now.next();
            }
        }
        hits
    };
    let accesses: usize = codes.iter().map(|code| code.ops.len()).sum();
    thread::scope(|scope| {
        let threads = [1000, 2000].map(|thread| scope.spawn(move || work(thread)));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), accesses * 4, "two of six rounds fill");
        }
    });
}

// soundness S12, S23
#[test]
fn threads_that_share_a_table_of_atomics_see_every_count_while_it_grows() {
    const THREADS: u64 = 4;
    for _ in 0..20 {
        let arena = arena();
        let codes = load(&arena, 3000);
        let table: SideTable<'_, AtomicU64> = SideTable::new(&arena).unwrap();
        let start = Barrier::new(THREADS as usize);
        let addresses = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (start, table, codes, addresses) = (&start, &table, &codes, &addresses);
                scope.spawn(move || {
                    start.wait();
                    for step in 0..codes.len() as u64 {
                        // Each in an order of its own, so that growth comes from all of them.
                        let code = codes[((step * 7 + thread * 751) % 3000) as usize];
                        for entry in table.of(code.sites).unwrap() {
                            entry.fetch_add(code.seed + 1, Relaxed);
                        }
                    }
                    addresses.fetch_max(table.of(codes[39].sites).unwrap().as_ptr().addr(), Relaxed);
                });
            }
        });
        assert_eq!(addresses.load(Relaxed), table.of(codes[39].sites).unwrap().as_ptr().addr());
        for code in &codes {
            let entries = table.of(code.sites).unwrap();
            assert!(entries.iter().all(|entry| entry.load(Relaxed) == (code.seed + 1) * THREADS), "a count was lost");
        }
    }
}

// soundness S12: a table goes to another thread with what is in it.
#[test]
fn a_table_of_cells_may_be_given_to_another_thread() {
    let arena = arena();
    let codes = load(&arena, 100);
    let table: SideTable<'_, std::cell::Cell<u64>> = SideTable::new(&arena).unwrap();
    table.of(codes[39].sites).unwrap()[38].set(7);
    let (table, seen) = thread::scope(|scope| {
        scope
            .spawn(|| {
                let seen = table.of(codes[39].sites).unwrap()[38].replace(8);
                (table, seen)
            })
            .join()
            .unwrap()
    });
    assert_eq!((seen, table.of(codes[39].sites).unwrap()[38].get()), (7, 8));
}
