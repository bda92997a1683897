//! Numbers of transient code are used again, and what lies in tables under them is cleared first, whatever the clearing does.

use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, SideTable, Sites, Transients};
use permacode_witness::PagesOf;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Table<'a> = SideTable<'a, Cell<u32>>;
type Eval<'a> = CodeRef<'a, Sites>;

fn arenas() -> (CodeArena, HeapArena) {
    (CodeArena::builder().reservation(1 << 20).build().unwrap(), HeapArena::new().unwrap())
}

fn eval<'a>(transients: &'a Transients<'a>, sites: usize) -> Result<Eval<'a>, Error> {
    CodeRef::transient(transients, |loader| loader.alloc(loader.sites(sites)?))
}

/// The entries are new; from now on they are used.
fn uses(table: &Table<'_>, code: &Eval<'_>) {
    assert!(table.of(*code.get()).unwrap().iter().all(|entry| entry.replace(7) == 0), "what old code left is there");
}

#[test]
fn numbers_are_flat_over_100000_transient_functions_and_cleared_each_time() {
    let (arena, heap) = arenas();
    let table: Table<'_> = SideTable::new(&arena).unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    let mut held: Vec<Eval<'_>> = Vec::new();
    let mut flat = 0;
    for number in 0..100_000 {
        let code = eval(&transients, number % 90).unwrap();
        uses(&table, &code);
        held.push(code);
        if held.len() > 10 {
            held.swap_remove(number % 10);
        }
        if number == 1000 {
            flat = transients.stats().sites;
        }
    }
    let stats = transients.stats();
    assert_eq!((stats.regions, stats.made, stats.sites), (10, 100_000, flat));
    assert!(flat < 4000, "{flat}");
    held.clear();
    assert_eq!((transients.stats().free_sites, heap.stats().live), (flat, 0));
}

#[test]
fn code_without_sites_takes_no_numbers() {
    let (arena, heap) = arenas();
    let cleared = Cell::new(0);
    let clear = |_: Sites| cleared.set(cleared.get() + 1);
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    let table: Table<'_> = SideTable::new(&arena).unwrap();
    drop(eval(&transients, 16).unwrap());
    for _ in 0..100 {
        let code = eval(&transients, 0).unwrap();
        assert!(code.get().is_empty() && table.of(*code.get()).unwrap().is_empty());
    }
    assert_eq!((transients.stats().sites, cleared.get()), (16, 0));
}

// soundness S15: with each size of range there is.
#[test]
fn ranges_of_every_length_are_cleared_whole() {
    let (arena, heap) = arenas();
    let table: Table<'_> = SideTable::new(&arena).unwrap();
    let seen = RefCell::new(Vec::new());
    let clear = |sites: Sites| {
        seen.borrow_mut().push(sites.len());
        table.present(sites).iter().for_each(|entry| entry.set(0));
    };
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    for count in [1, 15, 16, 17, 100, 1000, 32_767, 32_768, 32_769, 65_535] {
        uses(&table, &eval(&transients, count).unwrap());
        seen.borrow_mut().clear();
        uses(&table, &eval(&transients, count).unwrap());
        assert_eq!(seen.borrow().iter().sum::<usize>(), count.max(16).next_power_of_two());
    }
    assert_eq!(eval(&transients, 65_536).err(), Some(Error::Sites { asked: 65_536, left: 65_535 }));
}

// soundness S8
#[test]
fn numbers_whose_clearing_panics_are_cleared_before_the_next_use() {
    let (arena, heap) = arenas();
    let table: Table<'_> = SideTable::new(&arena).unwrap();
    let panics = Cell::new(0);
    let clear = |sites: Sites| {
        for (number, entry) in table.present(sites).iter().enumerate() {
            if number == 5 && panics.get() > 0 {
                panics.set(panics.get() - 1);
                panic!("in the middle of clearing");
            }
            entry.set(0);
        }
    };
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    uses(&table, &eval(&transients, 16).unwrap());
    for round in 1..4 {
        panics.set(round);
        for _ in 0..round {
            assert!(catch_unwind(AssertUnwindSafe(|| eval(&transients, 16).map(drop))).is_err());
            let stats = transients.stats();
            assert_eq!((stats.regions, stats.sites, stats.free_sites, heap.stats().live), (0, 16, 16, 0));
        }
        uses(&table, &eval(&transients, 16).unwrap());
    }
}

// soundness S7
#[test]
fn clearing_may_itself_make_transient_code() {
    let (arena, heap): (&'static CodeArena, &'static HeapArena) = {
        let (arena, heap) = arenas();
        (Box::leak(Box::new(arena)), Box::leak(Box::new(heap)))
    };
    let table: &'static Table<'static> = Box::leak(Box::new(SideTable::new(arena).unwrap()));
    let (itself, depth) =
        (&*Box::leak(Box::new(Cell::new(None::<&'static Transients<'static>>))), &*Box::leak(Box::new(Cell::new(0))));
    let clear: &'static dyn Fn(Sites) = Box::leak(Box::new(move |sites: Sites| {
        depth.set(depth.get() + 1);
        if let Some(transients) = itself.get().filter(|_| depth.get() < 5) {
            let inner = eval(transients, 16).unwrap();
            let (inner, outer) = (inner.get().range(), sites.range());
            assert!(inner.end <= outer.start || outer.end <= inner.start, "two have the same numbers");
            uses(table, &eval(transients, 3).unwrap());
        }
        depth.set(depth.get() - 1);
        table.present(sites).iter().for_each(|entry| entry.set(0));
    }));
    let transients: &'static Transients<'static> = Box::leak(Box::new(Transients::new(arena, heap).clearing(clear)));
    itself.set(Some(transients));
    for _ in 0..50 {
        let both = [eval(transients, 16).unwrap(), eval(transients, 9).unwrap()];
        both.iter().for_each(|code| uses(table, code));
    }
    let stats = transients.stats();
    assert_eq!((stats.regions, stats.free_sites, heap.stats().live), (0, stats.sites, 0));
    assert!(stats.sites < 500, "{stats:?}");
}

#[test]
fn sites_that_outlive_their_code_name_entries_of_the_table_and_no_more() {
    let (arena, heap) = arenas();
    let table: Table<'_> = SideTable::builder(&arena).capacity(16).build().unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    let stale = *eval(&transients, 16).unwrap().get();
    let held = table.of(stale).unwrap();
    held[3].set(9);
    let new = eval(&transients, 16).unwrap();
    assert_eq!((stale, held[3].get()), (*new.get(), 0), "other code has the number by now");
    let beyond = eval(&transients, 1).unwrap();
    assert_eq!(table.of(*beyond.get()).err(), Some(Error::SideTable { needed: 17, capacity: 16 }));
}

// soundness S15, S16: a range may begin in the table and end above it, or above what the system grants.
#[test]
fn a_range_that_is_partly_above_the_table_is_cleared_where_it_is_not() {
    let pages = Pages::watching(Box::new(PagesOf(64)));
    for capacity in [20, 1000] {
        let (arena, heap) = arenas();
        let table: Table<'_> = SideTable::builder(&arena).capacity(capacity).pages(pages.clone()).build().unwrap();
        let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
        let transients = Transients::new(&arena, &heap).clearing(&clear);
        for _ in 0..3 {
            pages.fail_call(PageCall::Commit, 0); // more than is needed is refused
            let (low, high) = (eval(&transients, 16).unwrap(), eval(&transients, 4).unwrap());
            let (one, other) = (low.get().range().start, high.get().range().start);
            assert_eq!(one + other, 16, "the same two ranges each time");
            // Whichever begins at 16 has four entries below the capacity.
            uses(&table, if one == 16 { &high } else { &low });
            let second = if one == 16 { low } else { high };
            let entries = table.of(*second.get());
            assert_eq!(entries.is_err(), second.get().len() == 16 && capacity == 20);
            entries
                .into_iter()
                .flatten()
                .for_each(|entry| assert_eq!(entry.replace(7), 0, "what old code left is there"));
        }
        assert_eq!(transients.stats().regions, 0);
    }
}

#[test]
fn no_two_code_objects_of_one_region_have_a_number_in_common() {
    let (arena, heap) = arenas();
    let table: Table<'_> = SideTable::new(&arena).unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    for round in 0..3 {
        let code: CodeRef<'_, &[Sites]> = CodeRef::transient(&transients, |loader| {
            loader.alloc(loader.alloc_slice_try_fill_with(200, |number| loader.sites(number % 30))?)
        })
        .unwrap();
        for (number, &sites) in code.get().iter().enumerate() {
            assert_eq!(sites.len(), number % 30);
            let unused = table.of(sites).unwrap().iter().all(|entry| entry.replace(7) == 0);
            assert!(unused, "the numbers of number {number} are another's, or were not cleared in round {round}");
        }
    }
}

#[test]
fn promoted_code_gets_numbers_that_nobody_had() {
    let (arena, heap) = arenas();
    let table: Table<'_> = SideTable::new(&arena).unwrap();
    let transients = Transients::new(&arena, &heap);
    let code = eval(&transients, 10).unwrap();
    uses(&table, &code);
    let loader = arena.load("m").unwrap();
    let promoted = code.promote(&loader).unwrap();
    assert!(table.of(*promoted).unwrap().iter().all(|entry| entry.get() == 0));
    assert!(promoted.range().start >= code.get().range().end && promoted.len() == 10);
}
