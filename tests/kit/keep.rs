//! Values that an arena keeps: they stay, they end with it, and nobody else sees them.

#![allow(clippy::disallowed_types)] // a lock of the test's own page source

use permacode::pages::{OrdinaryPages, PageSource, Step};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, Name, Owned, SideTable, Sites, Transients, error::PageError};
use permacode_witness::Random;
use static_assertions::assert_impl_all;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

assert_impl_all!(CodeArena: Send, Sync, UnwindSafe, RefUnwindSafe);

fn arena_on(pages: &Arc<Pages>) -> CodeArena {
    CodeArena::builder().reservation(4 << 20).pages(pages.clone()).build().unwrap()
}

fn table_on<'a>(arena: &'a CodeArena, pages: &Arc<Pages>) -> Result<SideTable<'a, Cell<u64>>, Error> {
    SideTable::builder(arena).capacity(1000).pages(pages.clone()).build()
}

/// A value that says which it should be, and may lead to others.
#[repr(C)]
struct Known<'a, const N: usize> {
    number: Cell<u64>,
    filled: [u64; N],
    next: Cell<Option<&'a Known<'a, N>>>,
}

fn known<'a, const N: usize>(number: u64) -> Known<'a, N> {
    Known { number: Cell::new(number), filled: [number; N], next: Cell::new(None) }
}

// soundness S1, S4
#[test]
fn kept_values_of_all_sizes_lie_apart_among_records_and_stay_as_they_were() {
    #[repr(align(64))]
    struct Wide(u64);
    let pages = Pages::ordinary();
    let arena = arena_on(&pages);
    let (mut small, mut large, mut wide, mut words) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut blocks, mut random) = (Vec::new(), Vec::new(), Random::new(7));
    for number in 0..2000_u64 {
        match random.below(6) {
            0 => small.push((number, arena.keep(known::<1>(number)).unwrap())),
            1 => large.push((number, arena.keep(known::<50>(number)).unwrap())),
            2 => wide.push((number, arena.keep(Wide(number)).unwrap())),
            3 => words.push((number as u8, arena.keep(number as u8).unwrap())),
            4 => names.push((number, arena.load("m").unwrap().intern_name(&format!("name {number}")).unwrap())),
            _ => blocks.push((number, arena.load(&format!("m {number}")).unwrap().alloc(number).unwrap())),
        }
    }
    // What may change does, and changes nothing beside it.
    small.iter().for_each(|(_, kept)| kept.number.set(kept.number.get() ^ u64::MAX));
    for (number, kept) in &small {
        assert_eq!((kept.number.get(), kept.filled), (number ^ u64::MAX, [*number]));
    }
    assert!(large.iter().all(|(number, kept)| kept.number.get() == *number && kept.filled == [*number; 50]));
    assert!(wide.iter().all(|(number, kept)| kept.0 == *number && std::ptr::from_ref(*kept).addr() % 64 == 0));
    assert!(words.iter().all(|(number, kept)| number == *kept));
    assert!(names.iter().all(|(number, name)| name.as_str() == format!("name {number}")));
    assert!(names.iter().all(|(_, name)| arena.interned(name.as_str()) == Some(*name)));
    assert!(blocks.iter().all(|(number, block)| number == *block));
    assert_eq!(arena.modules().count(), names.len() + blocks.len());
    assert!(!arena.contains(small[0].1), "it may change, so it lies apart from code");
    assert!(arena.bookkeeping_ranges().iter().any(|range| range.contains(&std::ptr::from_ref(small[0].1).addr())));
    drop(arena);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// soundness S5
#[test]
fn values_without_bytes_are_kept() {
    #[repr(align(32))]
    struct Nothing;
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    for _ in 0..10_000 {
        let nothing: &Nothing = arena.keep(Nothing).unwrap();
        assert_eq!(std::ptr::from_ref(nothing).addr() % 32, 0);
    }
    assert_eq!(*arena.keep(7).unwrap(), 7);
}

#[test]
fn kept_values_may_lead_to_each_other_in_a_ring() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let ring: Vec<&Known<'_, 1>> = (0..100).map(|number| arena.keep(known(number)).unwrap()).collect();
    ring.iter().zip(ring.iter().cycle().skip(1)).for_each(|(one, next)| one.next.set(Some(next)));
    let mut at = ring[0];
    for step in 1..=1000 {
        at = at.next.get().unwrap();
        assert_eq!(at.number.get(), step % 100);
    }
}

#[test]
fn values_of_a_leaked_arena_are_static_and_an_arena_may_be_moved_after_a_borrow() {
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    let sum = (0..100).map(|n| arena.keep(n).unwrap()).sum::<i32>();
    assert_eq!(sum, 4950);
    let moved = Box::new(arena);
    let kept = moved.keep(Cell::new(sum)).unwrap();
    assert_eq!(kept.replace(1), 4950);
    let arena: &'static CodeArena = moved.leak();
    let kept: &'static AtomicUsize = arena.keep(AtomicUsize::new(0)).unwrap();
    let threads = [(); 4].map(|()| thread::spawn(|| (0..1000).for_each(|_| _ = kept.fetch_add(1, SeqCst))));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(kept.load(SeqCst), 4000);
}

// soundness S23
#[test]
fn threads_keep_at_once_and_each_value_is_its_own_threads() {
    let pages = Pages::ordinary();
    let arena = arena_on(&pages);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (arena, barrier, pages) = (&arena, &barrier, &pages);
            scope.spawn(move || {
                barrier.wait();
                let kept: Vec<&Cell<u64>> =
                    (0..2000).map(|n| arena.keep(Cell::new(thread << 32 | n)).unwrap()).collect();
                let tables: Vec<_> = (0..20).map(|_| table_on(arena, pages).unwrap().keep().unwrap()).collect();
                assert!(kept.iter().zip(0..).all(|(cell, n)| cell.replace(n) == thread << 32 | n));
                assert!(kept.iter().zip(0..).all(|(cell, n)| cell.get() == n));
                let sites = arena.load("m").unwrap().sites(3).unwrap();
                tables.iter().zip(0..).for_each(|(table, n)| table.of(sites).unwrap()[2].set(n));
                assert!(tables.iter().zip(0..).all(|(table, n)| table.of(sites).unwrap()[2].get() == n));
            });
        }
    });
    assert_eq!(pages.live(), 1 + 4 * 20);
    thread::spawn(move || drop(arena)).join().unwrap(); // what is kept ends on another thread
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// soundness S16
#[test]
fn an_arena_that_is_full_refuses_and_what_was_to_be_kept_is_gone() {
    let pages = Pages::ordinary();
    let arena = CodeArena::builder().reservation(64 << 10).pages(pages.clone()).build().unwrap();
    let module = arena.load("m").unwrap();
    let before = module.alloc(7_u64).unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        match arena.keep([kept.len(); 20]) {
            Ok(value) => kept.push(value),
            Err(error) => break error,
        }
        assert!(kept.len() < 10_000, "it never refuses");
    };
    assert!(matches!(refused, Error::Bookkeeping { .. }), "{refused}");
    assert!(kept.len() > 10 && kept.iter().enumerate().all(|(n, value)| **value == [n; 20]));
    let refused = loop {
        // What is smaller may fit still.
        match table_on(&arena, &pages).unwrap().keep() {
            Ok(_) => kept.push(kept[0]),
            Err(error) => break error,
        }
        assert!(kept.len() < 10_000, "it never refuses");
    };
    assert!(matches!(refused, Error::Bookkeeping { .. }), "{refused}");
    let heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
    let live = pages.live();
    assert!(Transients::new(&arena, &heap).keep().is_err());
    assert_eq!((pages.live(), *before), (live, 7));
    drop(module);
    drop(arena);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// soundness S16
#[test]
fn a_system_that_refuses_memory_for_what_is_kept_loses_nothing() {
    let pages = Pages::ordinary();
    for nth in 0..4 {
        let arena = arena_on(&pages);
        pages.fail_nth(nth);
        let (mut kept, mut refused) = (Vec::new(), 0);
        for number in 0..2000_u64 {
            match arena.keep(known::<20>(number)) {
                Ok(value) => kept.push((number, value)),
                Err(Error::Pages(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((refused, kept.len()), (1, 1999), "the {nth}. call was never made");
        assert!(kept.iter().all(|(number, value)| value.filled == [*number; 20]));
        // A table that is refused a record is dropped.
        pages.relent();
        let live = pages.live();
        let table = table_on(&arena, &pages).unwrap();
        assert_eq!(pages.live(), live + 1);
        pages.fail_nth(0);
        let mut tables = vec![table.keep()];
        while tables.last().is_some_and(Result::is_ok) {
            pages.relent();
            let table = table_on(&arena, &pages).unwrap();
            pages.fail_nth(0);
            tables.push(table.keep());
        }
        pages.relent();
        assert_eq!(pages.live(), live + tables.len() - 1);
        drop(tables);
        drop(kept);
        drop(arena);
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    }
}

/// Kept transient code and its table, with code that is held, code that is lost, and numbers that wait.
fn evaluate<'a>(arena: &'a CodeArena, heap: &'a HeapArena, pages: &Arc<Pages>) -> Result<&'a Transients<'a>, Error> {
    let table = table_on(arena, pages)?.keep()?;
    let clear = arena.keep(move |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0)))?;
    let transients = Transients::new(arena, heap).clearing(clear).keep()?;
    let eval = || {
        CodeRef::<(Sites, Name<'_>)>::transient(transients, |loader| {
            loader.alloc((loader.sites(2)?, loader.intern_name("a name of the region")?))
        })
    };
    let held = eval()?;
    for _ in 0..100 {
        let code = eval()?;
        assert_eq!(table.of(code.get().0)?[1].replace(7), 0, "cleared before it was used again");
    }
    std::mem::forget(eval()?);
    assert_eq!(held.get().1.as_str(), "a name of the region");
    // The region is surveyed, which its `Transients` remembers.
    let module = arena.load("promoted")?;
    assert_eq!(held.promote(&module)?.1.as_str(), "a name of the region");
    std::mem::forget(held);
    Ok(transients)
}

// soundness S27, S41
#[test]
fn kept_transients_end_with_the_arena_before_the_heap_and_after_it() {
    let pages = Pages::ordinary();
    for heap_first in [false, true] {
        let (arena, heap) = (arena_on(&pages), HeapArena::builder().reservation(4 << 20).pages(pages.clone()).build());
        let heap = heap.unwrap();
        for _ in 0..3 {
            let transients = evaluate(&arena, &heap, &pages).unwrap();
            assert_eq!(transients.stats().regions, 2);
        }
        assert_eq!(pages.live(), 2 + 3);
        if heap_first {
            drop(heap);
            drop(arena);
        } else {
            thread::spawn(move || drop(arena)).join().unwrap();
            drop(heap);
        }
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    }
}

// soundness S41
#[test]
fn what_arenas_keep_ends_when_a_chain_of_arenas_ends() {
    let pages = Pages::ordinary();
    let mut code: Option<Owned<&'static [u8]>> = None;
    for number in 0..50_u8 {
        let arena = Arc::new(arena_on(&pages));
        let next = Owned::<&[u8]>::load(&arena, "m", |loader| {
            let bytes = match &code {
                Some(older) => loader.at(older)?,
                None => loader.alloc(loader.alloc_slice_copy(&[number])?)?,
            };
            loader.alloc(*bytes)
        });
        code = Some(next.unwrap());
        table_on(&arena, &pages).unwrap().keep().unwrap();
        arena.keep(Cell::new(number)).unwrap();
    }
    assert_eq!(pages.live(), 2 * 50);
    assert_eq!(code.as_ref().map(|code| code.get()[0]), Some(0));
    drop(code);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

/// Ordinary pages that run something whenever a reservation goes back.
struct Releases(Mutex<Box<dyn FnMut() + Send>>, AtomicUsize);

// SAFETY: all is left to ordinary pages; what runs before they release uses no arena whose pages come from here.
unsafe impl PageSource for Releases {
    fn page_size(&self) -> usize {
        OrdinaryPages.page_size()
    }

    fn protects(&self) -> bool {
        false
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        self.1.fetch_add(1, SeqCst);
        OrdinaryPages.reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { OrdinaryPages.apply(step, at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: the caller's promise.
        unsafe { OrdinaryPages.release(at, bytes) }?;
        self.1.fetch_sub(1, SeqCst);
        (self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))();
        Ok(())
    }
}

impl Releases {
    fn running(body: impl FnMut() + Send + 'static) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Box::new(body)), AtomicUsize::new(0)))
    }
}

// soundness S8
#[test]
fn a_page_source_that_panics_keeps_no_other_kept_value_from_its_end() {
    for panics_at in 0..5 {
        let count = Cell::new(0);
        let source = Releases::running(move || {
            count.set(count.get() + 1);
            assert!(count.get() != panics_at + 1, "a release");
        });
        let arena = CodeArena::builder().reservation(1 << 20).pages(source.clone()).build().unwrap();
        for _ in 0..5 {
            SideTable::<Cell<u64>>::builder(&arena).capacity(10).pages(source.clone()).build().unwrap().keep().unwrap();
        }
        assert_eq!(source.1.load(SeqCst), 6);
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(arena)));
        assert!(panicked.is_err());
        assert_eq!(source.1.load(SeqCst), 0, "the others ended all the same");
    }
}

// soundness S41
#[test]
fn a_page_source_may_drop_other_arenas_when_a_kept_table_ends() {
    let pages = Pages::ordinary();
    let others: Vec<CodeArena> = (0..3).map(|_| arena_on(&pages)).collect();
    others.iter().for_each(|arena| _ = table_on(arena, &pages).unwrap().keep().unwrap());
    let others = RefCell::new(others);
    let source = Releases::running(move || drop(others.borrow_mut().pop()));
    let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
    for _ in 0..4 {
        SideTable::<Cell<u64>>::builder(&arena).capacity(10).pages(source.clone()).build().unwrap().keep().unwrap();
    }
    assert_eq!(pages.live(), 6);
    drop(arena);
    assert_eq!((pages.live(), source.1.load(SeqCst)), (0, 0));
}

// numbers N1
#[test]
#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
fn a_child_keeps_and_writes_to_what_is_kept_and_copies_no_code() {
    use permacode_witness::{copied, watched};
    let arena = CodeArena::builder().reservation(16 << 20).build().unwrap();
    let module = arena.load("m").unwrap();
    let code = module.alloc_slice_fill_iter(0..100_000_u32).unwrap();
    let sites = module.sites(1).unwrap();
    module.seal().unwrap();
    let cell = arena.keep(Cell::new(1)).unwrap();
    let table = SideTable::<Cell<u32>>::new(&arena).unwrap().keep().unwrap();
    table.of(sites).unwrap()[0].set(5);
    let work = || {
        cell.set(2);
        table.of(sites).unwrap()[0].set(6);
        let more: &Cell<u64> = arena.keep(Cell::new(code.iter().map(|&n| u64::from(n)).sum())).unwrap();
        assert_eq!(more.get(), 4_999_950_000_u64);
        SideTable::<Cell<u32>>::new(&arena).unwrap().keep().unwrap().of(sites).unwrap()[0].set(7);
        assert_eq!((cell.get(), table.of(sites).unwrap()[0].get()), (2, 6));
    };
    let look = |pid| (copied(pid, [arena.address_range()]), copied(pid, arena.bookkeeping_ranges()));
    let (of_code, of_records) = watched(work, look);
    assert_eq!(of_code.unwrap(), 0);
    assert!(of_records.unwrap() > 0, "kept values lie there: this test shows nothing");
    assert_eq!((cell.get(), table.of(sites).unwrap()[0].get()), (1, 5), "the parent's are its own");
}
