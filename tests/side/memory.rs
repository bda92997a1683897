//! What a side table costs, seen from outside: pages of its own, and only those of what runs.
//!
//! Invariants 1 and 5.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::side::{InlineCache, Version};
use permacode::{CodeArena, HeapArena, Permanent, SideTable, Sites};
use permacode_witness::{Random, copied, in_child, memory, page, watched};
use std::collections::BTreeSet;
use std::ops::Range;

/// As many as Python's standard library has.
const OBJECTS: usize = 77_000;
const RUN: usize = 500;

type Cache = InlineCache<u32>;

#[derive(Permanent)]
struct Code<'a> {
    ops: &'a [u8],
    sites: Sites,
}

/// Code objects with 12 sites on average: most with few, some with hundreds.
fn load(arena: &CodeArena, objects: usize) -> Vec<&Code<'_>> {
    let (mut random, mut all) = (Random::new(5), Vec::new());
    while all.len() < objects {
        let loader = arena.load("m").unwrap();
        for _ in 0..44 {
            let sites = (-12.5 * (1.0 - random.unit()).ln()) as usize;
            let ops = loader.alloc_slice_copy(&vec![7; sites * 6 + 10]).unwrap();
            all.push(loader.alloc(Code { ops, sites: loader.sites(sites).unwrap() }).unwrap());
        }
        drop(loader);
    }
    arena.seal().unwrap();
    all.truncate(objects);
    all
}

/// Runs code: every byte is read, and every cache filled and asked.
fn run(table: &SideTable<'_, Cache>, code: &Code<'_>) {
    assert!(code.ops.iter().all(|&op| op == 7));
    for (cache, key) in table.of(code.sites).unwrap().iter().zip(1..) {
        if cache.get(key, Version::FIRST).is_none() {
            cache.set(key, Version::FIRST, 1);
        }
        assert_eq!(cache.get(key, Version::FIRST), Some(1));
    }
}

/// The pages on which entries of code lie.
fn pages<'c, 'a: 'c>(
    table: &SideTable<'_, Cache>,
    codes: impl IntoIterator<Item = &'c &'a Code<'a>>,
) -> BTreeSet<usize> {
    let start = table.address_range().start;
    let bytes =
        |sites: Sites| start + sites.range().start * size_of::<Cache>()..start + sites.range().end * size_of::<Cache>();
    let touched = |bytes: Range<usize>| bytes.start / page()..(bytes.end.max(bytes.start + 1) - 1) / page() + 1;
    codes.into_iter().filter(|code| !code.sites.is_empty()).flat_map(|code| touched(bytes(code.sites))).collect()
}

/// Pages of a table that this process alone has in memory.
fn private(table: &SideTable<'_, Cache>) -> usize {
    copied(0, [table.address_range()]).unwrap()
}

#[test]
fn a_table_over_77000_code_objects_holds_only_the_pages_of_the_500_that_ran() {
    // In a child, because a fork of another test would share this one's pages.
    in_child(only_what_ran);
}

fn only_what_ran() {
    let arena = CodeArena::new().unwrap();
    let codes = load(&arena, OBJECTS);
    let sites: usize = codes.iter().map(|code| code.sites.len()).sum();
    assert!((11 * OBJECTS..13 * OBJECTS).contains(&sites), "{sites}");
    let table: SideTable<'_, Cache> = SideTable::builder(&arena).capacity(1_000_000).build().unwrap();
    assert_eq!((table.resident().unwrap(), private(&table)), (0, 0));

    // In modules, as a program runs; then anywhere, which is the worst case.
    let within: Vec<_> = codes.chunks(44).step_by(150).flatten().take(RUN).copied().collect();
    within.iter().for_each(|code| run(&table, code));
    let touched = pages(&table, &within);
    assert_eq!((table.resident().unwrap(), private(&table)), (touched.len() * page(), touched.len()));
    let entries: usize = within.iter().map(|code| code.sites.len()).sum();
    println!(
        "{RUN} of {OBJECTS} in their modules: {entries} entries, {} KiB of {} KiB",
        touched.len() * page() / 1024,
        sites * size_of::<Cache>() / 1024
    );
    assert!(touched.len() * page() < 2 * entries * size_of::<Cache>());

    let anywhere: Vec<_> = codes.iter().step_by(OBJECTS / RUN).take(RUN).copied().collect();
    anywhere.iter().for_each(|code| run(&table, code));
    let more = pages(&table, within.iter().chain(&anywhere));
    assert_eq!((table.resident().unwrap(), private(&table)), (more.len() * page(), more.len()));
    println!("and {RUN} anywhere: {} KiB", more.len() * page() / 1024);

    // What is only read is the system's page of zeros: present, but nobody's memory.
    assert_eq!(table.walk(|cache| cache.entry().is_some()).count(), {
        let mut ran: Vec<usize> = within.iter().chain(&anywhere).flat_map(|code| code.sites.range()).collect();
        ran.sort_unstable();
        ran.dedup();
        ran.len()
    });
    assert_eq!(private(&table), more.len());
}

#[test]
fn no_page_holds_entries_and_code_or_heap_objects() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let codes = load(&arena, 2000);
    let tables: Vec<SideTable<'_, Cache>> = (0..3).map(|_| SideTable::new(&arena).unwrap()).collect();
    let objects: Vec<usize> = (0..5000)
        .map(|n| heap.alloc(std::alloc::Layout::from_size_align(n % 300 + 1, 8).unwrap()).unwrap().addr().get())
        .collect();
    let numbers = |address: usize| address / page();
    let code: BTreeSet<usize> = codes
        .iter()
        .flat_map(|code| [numbers(std::ptr::from_ref(*code).addr()), numbers(code.ops.as_ptr().addr())])
        .collect();
    let heap: BTreeSet<usize> = objects.into_iter().map(numbers).collect();
    let mut taken = &code | &heap;
    assert_eq!(taken.len(), code.len() + heap.len());
    for table in &tables {
        codes.iter().for_each(|code| run(table, code));
        let entry = |entry: &Cache| numbers(std::ptr::from_ref(entry).addr());
        let entries: BTreeSet<usize> = codes.iter().flat_map(|code| table.of(code.sites).unwrap()).map(entry).collect();
        assert!(entries.len() > 100 && entries.is_disjoint(&taken));
        assert_eq!(entries, pages(table, &codes));
        assert!(table.address_range().start % page() == 0);
        taken.extend(entries);
    }
}

// Target N1, with side caches on.
#[test]
fn a_child_that_runs_everything_dirties_no_code_page_and_of_the_table_what_it_writes() {
    let arena = CodeArena::new().unwrap();
    let codes = load(&arena, 20_000);
    let table: SideTable<'_, Cache> = SideTable::builder(&arena).capacity(1_000_000).build().unwrap();
    let warm = &codes[..5000];
    warm.iter().for_each(|code| run(&table, code));
    let (code, entries) = (arena.address_range(), table.address_range());
    let look = |pid| {
        let code = memory(pid, code.clone()).unwrap();
        (code.private_dirty(), code.resident(), copied(pid, [entries.clone()]).unwrap())
    };

    // What the parent has warmed already is read, and stays shared.
    let (dirty, _, own) = watched(|| warm.iter().for_each(|code| run(&table, code)), look);
    assert_eq!((dirty, own), (0, 0));
    // What ran in the child only is the child's, to the page.
    let some = &codes[10_000..10_500];
    let (dirty, _, own) = watched(|| some.iter().for_each(|code| run(&table, code)), look);
    assert_eq!((dirty, own), (0, pages(&table, some).len()));
    // All of it, with every cache written.
    let all = || {
        for code in &codes {
            run(&table, code);
            table.of(code.sites).unwrap().iter().for_each(|cache| cache.set(9, Version::FIRST.next(), 9));
        }
    };
    let (dirty, resident, own) = watched(all, look);
    assert_eq!((dirty, own), (0, pages(&table, &codes).len()));
    assert!(resident > 1 << 20, "{resident}");
    println!("{} KiB of code: 0 dirty; {} KiB of entries", resident / 1024, own * page() / 1024);
    assert!(
        table.of(codes[6000].sites).unwrap().iter().all(|cache| cache.entry().is_none()),
        "the child's are the child's"
    );
}
