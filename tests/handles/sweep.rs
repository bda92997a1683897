//! Transient code under a collector that sweeps: a handle in an object that is swept is never dropped, and its code ends all the same.
//!
//! soundness S27 throughout. A *lost* handle is a forgotten one: it lay in an object that nobody reaches any more.

use core::cell::{Cell, RefCell};
use core::mem;
use permacode::handles::CodeProxy;
use permacode::side::LazyConstant;
use permacode::stats::TransientStats;
use permacode::{CodeArena, CodeRef, CodeSlot, Error, HeapArena, Permanent, SideTable, Sites, Transients};
use permacode_witness::handles::{Node, NodeRef, arena, heap};
use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Permanent)]
struct Code<'a> {
    number: u64,
    sites: Sites,
    /// A name of the region's own, an aligned block, and more than one piece, where there are any.
    name: &'a str,
    bytes: &'a [u8],
    inner: &'a [&'a Code<'a>],
    /// What it was patched from.
    before: Option<&'a Code<'a>>,
}

type Handle<'t> = CodeRef<'t, Code<'t>>;

/// Code of several pieces, names, padded blocks and ranges of sites, with `nested` code objects in it.
fn eval<'t>(home: &'t Transients<'t>, number: u64, nested: u64) -> Result<Handle<'t>, Error> {
    CodeRef::transient(home, |loader| {
        let inner = loader.alloc_slice_try_fill_with(nested as usize, |at| {
            let sites = loader.sites(20)?;
            let bytes = loader.alloc_padded(&[at as u8; 100], 64, 5)?;
            let name = loader.intern(&format!("nested {at} of {number}"))?;
            loader.alloc(Code { number: number + at as u64 + 1, sites, name, bytes, inner: &[], before: None })
        })?;
        loader.alloc(Code { number, sites: loader.sites(1)?, name: "", bytes: &[], inner, before: None })
    })
}

fn patch<'t>(code: &Handle<'t>, home: &'t Transients<'t>) -> Handle<'t> {
    let patched = code.patched(home, |loader, code| {
        loader.alloc(Code { number: code.number + 1, before: Some(code), sites: loader.sites(2)?, ..*code })
    });
    patched.unwrap_or_else(|error: Error| panic!("{error}"))
}

fn nth<'t>(code: &Handle<'t>, at: usize) -> Handle<'t> {
    code.project::<Code<'_>>(|code| Some(code.inner[at])).unwrap().unwrap()
}

fn lose<T>(handle: T) {
    mem::forget(handle);
}

/// Sweeps one heap with one `Transients` on it. What is marked stays.
fn sweep<'t>(home: &Transients<'_>, marked: &[&Handle<'t>]) {
    home.heap().clear_marks();
    marked.iter().for_each(|code| code.mark());
    // SAFETY: a test uses what it gives here and nothing else afterwards, and has no other transients on the heap.
    unsafe { home.sweep() };
}

/// Regions that are alive, and site numbers in use.
fn alive(stats: TransientStats) -> (usize, usize) {
    (stats.regions, stats.sites - stats.free_sites)
}

/// There is nothing left but numbers to be used again.
fn nothing_is_left(home: &Transients<'_>) {
    let stats = home.stats();
    assert_eq!((alive(stats), stats.bytes, home.heap().stats().live), ((0, 0), 0, 0), "{stats:?}");
}

// The case `swept_handle`.
#[test]
fn evaluations_whose_handles_are_swept_run_on_with_the_numbers_of_the_first() {
    let (arena, heap) = (arena(), heap());
    let table: SideTable<'_, Cell<u64>> = SideTable::builder(&arena).capacity(100_000).build().unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    for round in 0..20_000 {
        let code = eval(&transients, round, 0).unwrap();
        let entries = table.of(code.get().sites).unwrap_or_else(|error| panic!("eval {round}: {error}"));
        assert_eq!(entries[0].replace(7), 0, "what old code left is there");
        lose(code);
        sweep(&transients, &[]);
        assert_eq!((alive(transients.stats()), transients.stats().sites), ((0, 0), 16));
    }
    nothing_is_left(&transients);
}

// Its second form: one handle is swept, another one is dropped.
#[test]
fn code_of_which_one_handle_was_swept_ends_with_the_next_sweep_after_the_other_is_dropped() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    for round in 0..200 {
        let one = eval(&transients, round, 3).unwrap();
        let other = one.clone();
        lose(one);
        sweep(&transients, &[&other]);
        assert_eq!(
            (transients.stats().regions, other.get().number, other.get().inner[2].number),
            (1, round, round + 3)
        );
        match round % 3 {
            0 => drop(other),
            // Held by another handle again, which goes with a sweep too.
            1 => lose(nth(&other, 1)),
            _ => drop((nth(&other, 1), other.clone(), other)),
        }
        assert_eq!(transients.stats().regions, 1, "its count is too high");
        sweep(&transients, &[]);
        assert_eq!(alive(transients.stats()), (0, 0));
    }
    nothing_is_left(&transients);
    assert!(transients.stats().sites < 300, "{:?}", transients.stats());
}

#[test]
fn a_part_whose_handle_was_swept_stays_with_its_region_and_no_longer() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    // More parts than share a list.
    let code = eval(&transients, 0, 50).unwrap();
    let parts: Vec<_> = (0..50).map(|at| nth(&code, at)).collect();
    let (lost, held): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.get().number % 3 == 0);
    lost.into_iter().for_each(lose);
    drop(code);
    sweep(&transients, &[&held[0]]);
    for part in &held {
        let number = part.get().number;
        assert_eq!((&part.get().bytes[..100], part.count()), (&[number as u8 - 1; 100][..], Some(1)));
        assert!(part.same(&part.clone()) && part.get().name == format!("nested {} of 0", number - 1));
    }
    drop(held);
    assert_eq!(transients.stats().regions, 1);
    sweep(&transients, &[]);
    nothing_is_left(&transients);
}

// The case `floating_roots`.
#[test]
fn a_walk_of_a_table_finds_no_root_of_code_that_is_gone_once_free_numbers_are_cleared() {
    let (arena, heap) = (arena(), heap());
    let table: SideTable<'_, LazyConstant<u64>> = SideTable::new(&arena).unwrap();
    let cleared = Cell::new(0);
    let clear = |sites: Sites| {
        cleared.set(cleared.get() + 1);
        table.present(sites).iter().for_each(|entry| _ = entry.take());
    };
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    let uses = |code: &Handle<'_>| {
        for entry in table.of(code.get().sites).unwrap() {
            let object = || Ok::<_, Error>(heap.alloc(Layout::new::<u64>())?.cast());
            assert_eq!(entry.get(), None, "what old code left is there");
            entry.get_or_try_make(object).unwrap();
        }
    };
    let roots = || table.walk(|constant| constant.get().is_some()).count();
    let mut all: Vec<_> = (0..1000).map(|number| eval(&transients, number, 0).unwrap()).collect();
    all.iter().for_each(uses);
    transients.clear_free();
    assert_eq!((roots(), cleared.get()), (1000, 0), "none of them is free");

    all.drain(..400).for_each(drop);
    assert_eq!(roots(), 1000, "they are cleared when they are used again");
    transients.clear_free();
    assert_eq!((roots(), cleared.get()), (600, 400));
    transients.clear_free();
    all.extend((0..100).map(|number| eval(&transients, number, 0).unwrap()));
    assert_eq!(cleared.get(), 400, "each once");
    all[600..].iter().for_each(uses);

    all.drain(..).for_each(lose);
    sweep(&transients, &[]);
    assert_eq!((alive(transients.stats()), roots()), ((0, 0), 700));
    transients.clear_free();
    assert_eq!((roots(), cleared.get()), (0, 1100), "300 were clear all the time");
    for number in 0..1000 {
        uses(&eval(&transients, number, 0).unwrap());
    }
    let stats = transients.stats();
    assert_eq!((stats.sites, stats.free_sites), (16_000, 16_000));
}

// soundness S8
#[test]
fn numbers_whose_clearing_panics_are_cleared_by_the_next_who_needs_them_clear() {
    let (arena, heap) = (arena(), heap());
    let table: SideTable<'_, Cell<u64>> = SideTable::new(&arena).unwrap();
    let (calls, panics_at) = (Cell::new(0), Cell::new(usize::MAX));
    let clear = |sites: Sites| {
        calls.set(calls.get() + 1);
        assert_ne!(calls.get(), panics_at.get(), "in the middle of clearing");
        table.present(sites).iter().for_each(|entry| entry.set(0));
    };
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    for at in 1..=11 {
        let all: Vec<_> = (0..10).map(|number| eval(&transients, number, number % 2 * 2).unwrap()).collect();
        let ranges = (transients.stats().sites / 16).min(20);
        for code in &all {
            assert!(table.of(code.get().sites).unwrap().iter().all(|entry| entry.replace(7) == 0));
            code.get().inner.iter().for_each(|inner| {
                assert!(table.of(inner.sites).unwrap().iter().all(|entry| entry.replace(7) == 0));
            });
        }
        drop(all);
        calls.set(0);
        panics_at.set(at);
        let cleared = catch_unwind(AssertUnwindSafe(|| transients.clear_free()));
        assert_eq!(cleared.is_err(), calls.get() == at, "{at} of {ranges}");
        assert_eq!(transients.stats().free_sites, transients.stats().sites, "numbers were lost");
        panics_at.set(usize::MAX);
        if at % 2 == 0 {
            transients.clear_free();
            assert!(table.walk(|entry| entry.get() != 0).next().is_none());
        }
    }
    nothing_is_left(&transients);
}

// soundness S7
#[test]
fn clearing_free_numbers_ends_though_the_closure_makes_transient_code_itself() {
    let arena: &'static CodeArena = arena().leak();
    let heap: &'static HeapArena = Box::leak(Box::new(heap()));
    let itself: &'static Cell<Option<&'static Transients<'static>>> = Box::leak(Box::new(Cell::new(None)));
    let seen: &'static RefCell<Vec<usize>> = Box::leak(Box::default());
    let [depth, greed]: &'static [Cell<usize>; 2] = Box::leak(Box::default());
    let clear: &'static dyn Fn(Sites) = Box::leak(Box::new(move |sites: Sites| {
        if depth.get() == 0 {
            seen.borrow_mut().push(sites.range().start);
        }
        depth.set(depth.get() + 1);
        if let Some(transients) = itself.get().filter(|_| depth.get() == 1) {
            let all: Vec<_> = (0..greed.get()).map(|number| eval(transients, number as u64, 0).unwrap()).collect();
            let apart = |code: &Handle<'_>| code.get().sites.range().start != sites.range().start;
            assert!(all.iter().all(apart), "two have the same numbers");
            if greed.get() % 2 == 1 {
                transients.clear_free();
            }
        }
        depth.set(depth.get() - 1);
    }));
    let transients: &'static Transients<'static> = Box::leak(Box::new(Transients::new(arena, heap).clearing(clear)));
    itself.set(Some(transients));
    for uses in 0..30 {
        greed.set(0);
        let all: Vec<_> = (0..10).map(|number| eval(transients, number, 0).unwrap()).collect();
        let numbers: Vec<usize> = all.iter().map(|code| code.get().sites.range().start).collect();
        drop(all);
        greed.set(uses);
        seen.borrow_mut().clear();
        transients.clear_free();
        let stats = transients.stats();
        assert_eq!((stats.regions, stats.free_sites), (0, stats.sites));
        assert!(seen.borrow().len() <= stats.sites / 16, "some were cleared again and again: {:?}", seen.borrow());
        if uses == 0 {
            assert!(numbers.iter().all(|start| seen.borrow().contains(start)));
        }
    }
    assert!(transients.stats().sites <= 40 * 16, "{:?}", transients.stats());
}

#[test]
fn patched_chains_stay_with_what_is_held_of_them_and_go_with_it() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    for round in 0..64u32 {
        // Five, each patched from the one before; which of them are held, dropped and lost, the bits of the round say.
        let mut chain = vec![eval(&transients, 0, 2).unwrap()];
        for at in 0..4 {
            chain.push(patch(&chain[at], &transients));
        }
        let mut held = Vec::new();
        for (at, code) in chain.into_iter().enumerate() {
            match (round >> at) & 1 {
                0 if round % 3 == 0 => drop(code),
                0 => lose(code),
                _ => held.push(code),
            }
        }
        sweep(&transients, &held.iter().collect::<Vec<_>>());
        let longest = held.last().map_or(0, |code| code.get().number + 1);
        assert_eq!(transients.stats().regions as u64, longest, "what is kept by what is held, in round {round:b}");
        for code in &held {
            let mut next = Some(code.get());
            for number in (0..=code.get().number).rev() {
                let code = next.unwrap();
                assert_eq!((code.number, code.inner[1].number), (number, 2));
                next = code.before;
            }
        }
        // Half of them are dropped, in two orders, and half lost.
        if round % 2 == 0 {
            held.reverse();
        }
        for (at, code) in held.into_iter().enumerate() {
            if at as u32 % 2 == round / 2 % 2 { drop(code) } else { lose(code) }
        }
        sweep(&transients, &[]);
        nothing_is_left(&transients);
    }
    assert!(transients.stats().sites < 2000, "{:?}", transients.stats());
}

// Marked anew for each copy that was made of it, a chain of so many would take hours.
#[test]
fn a_chain_of_many_copies_is_marked_once() {
    let (arena, heap) = (arena(), heap());
    let homes = [Transients::new(&arena, &heap), Transients::new(&arena, &heap)];
    let (mut code, half) = (eval(&homes[0], 0, 1).unwrap(), 20_000);
    for home in &homes {
        for _ in 0..half {
            code = patch(&code, home);
        }
    }
    let retire = || {
        // SAFETY: all that is held is marked, and both retire what is not before the sweep.
        let retired: usize = unsafe { homes[0].retire_unmarked() + homes[1].retire_unmarked() };
        // SAFETY: as above.
        unsafe { heap.sweep() };
        retired
    };
    code.mark();
    assert_eq!((retire(), homes.each_ref().map(|home| home.stats().regions)), (0, [half + 1, half]));
    let (mut first, mut copies) = (code.get(), 0);
    while let Some(before) = first.before {
        (first, copies) = (before, copies + 1);
    }
    assert_eq!((copies, first.inner[0].number), (2 * half, 1));
    lose(code);
    assert_eq!(retire(), 2 * half + 1);
    homes.iter().for_each(nothing_is_left);
}

#[test]
fn two_transients_on_one_heap_retire_in_any_order_and_what_one_patched_from_the_other_too() {
    let (arena, heap) = (arena(), heap());
    let (one, other) = (Transients::new(&arena, &heap), Transients::new(&arena, &heap));
    for round in 0..64u32 {
        let chain = [eval(&one, 0, 2).unwrap()];
        let chain = [patch(&chain[0], &other)].into_iter().chain(chain);
        let chain: Vec<_> = chain.collect();
        let last = patch(&chain[0], &one);
        let mut held = Vec::new();
        for (at, code) in chain.into_iter().rev().chain([last]).enumerate() {
            if (round >> at) & 1 == 1 { held.push(code) } else { lose(code) }
        }
        held.iter().for_each(Handle::mark);
        let homes = if round & 8 == 0 { [&one, &other] } else { [&other, &one] };
        // SAFETY: what is not marked was lost, and both retired it.
        let retired = unsafe { homes.map(|home| home.retire_unmarked()) };
        // SAFETY: as above.
        unsafe { heap.sweep() };
        let alive = held.last().map_or(0, |code| code.get().number as usize + 1);
        let expected = [alive.div_ceil(2), alive / 2];
        assert_eq!([one.stats().regions, other.stats().regions], expected, "in round {round:b}");
        assert_eq!(retired.iter().sum::<usize>(), 3 - alive);
        assert!(held.iter().all(|code| code.get().inner[1].number == 2));
        drop(held);
        // SAFETY: there is no handle any more.
        unsafe { (one.retire_unmarked(), other.retire_unmarked(), heap.sweep()) };
        nothing_is_left(&one);
        nothing_is_left(&other);
    }
}

#[test]
fn what_was_patched_from_another_heap_is_counted_until_that_is_swept() {
    let (arena, heaps) = (arena(), [heap(), heap()]);
    let homes = heaps.each_ref().map(|heap| Transients::new(&arena, heap));
    for swept_first in [0, 1] {
        let original = eval(&homes[0], 0, 1).unwrap();
        let patched = patch(&original, &homes[1]);
        let again = patch(&patched, &homes[0]);
        let part = nth(&again, 0);
        drop((original, patched));
        // The one heap is swept: all of the chain is marked, on both.
        for home in &homes {
            sweep(home, &[&again]);
        }
        assert_eq!((again.get().before.unwrap().before.unwrap().number, part.get().number), (0, 1));
        lose((again, part));
        sweep(&homes[swept_first], &[]);
        let counted = if swept_first == 0 { [0, 1] } else { [2, 0] };
        assert_eq!(homes.each_ref().map(|home| home.stats().regions), counted);
        sweep(&homes[1 - swept_first], &[]);
        homes.iter().for_each(nothing_is_left);
    }
}

// The walk of a heap's regions must not look at what they keep elsewhere: it may be gone.
#[test]
fn lost_code_that_was_patched_from_a_heap_that_is_gone_ends_like_any_other() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    for _ in 0..10 {
        let elsewhere = permacode_witness::handles::heap();
        let home = Transients::new(&arena, &elsewhere);
        let patched = patch(&eval(&home, 0, 0).unwrap(), &transients);
        patched.mark(); // and it is lost all the same: the marks are of no use
        lose(patched);
        drop(home);
        drop(elsewhere);
        // SAFETY: the code is lost, and these are the only transients. What is marked stays for this time.
        unsafe { transients.sweep() };
        assert_eq!(transients.stats().regions, 1);
        sweep(&transients, &[]);
        nothing_is_left(&transients);
    }
}

// `Transients` is covariant: code can be made at a shorter lifetime, and lost, before it is moved.
#[test]
fn lost_code_ends_though_its_transients_were_moved_since() {
    let (arena, heap) = (arena(), heap());
    let mut places = [Some(Transients::new(&arena, &heap)), None];
    for round in 0..10 {
        let [Some(transients), None] = &places else { unreachable!("it was moved twice") };
        let code = eval(transients, round, 2).unwrap();
        lose(patch(&code, transients));
        lose(code);
        places.swap(0, 1);
        let [None, Some(transients)] = &places else { unreachable!("it was moved") };
        assert_eq!(transients.stats().regions, 2);
        if round % 2 == 0 {
            lose(eval(transients, round, 0).unwrap());
        }
        places.swap(0, 1);
        let [Some(transients), None] = &places else { unreachable!("it was moved back") };
        if round % 3 == 0 {
            drop(eval(transients, round, 0).unwrap());
        }
        sweep(transients, &[]);
        nothing_is_left(transients);
    }
}

#[test]
fn transients_may_be_dropped_before_a_sweep_frees_their_lost_code() {
    let (arena, heap) = (arena(), heap());
    let lasting = Transients::new(&arena, &heap);
    let held = eval(&lasting, 7, 1).unwrap();
    for round in 0..10 {
        let short = Transients::new(&arena, &heap);
        let code = eval(&short, round, 2).unwrap();
        // In the list of those that last, and kept by nobody but a count.
        lose(patch(&code, &lasting));
        lose(code);
        drop(short);
        assert_eq!(lasting.stats().regions, 2);
        sweep(&lasting, &[&held]);
        assert_eq!((lasting.stats().regions, held.get().inner[0].number), (1, 8));
    }
    drop(held);
    nothing_is_left(&lasting);
}

#[test]
fn a_sweep_in_a_lowering_function_leaves_what_is_being_made_and_what_it_is_patched_from() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let held = eval(&transients, 100, 1).unwrap();
    for fails in [false, true] {
        let original = eval(&transients, 0, 2).unwrap();
        let inner = nth(&original, 0);
        drop(original);
        let made: Result<Handle<'_>, Error> = inner.patched(&transients, |loader, code| {
            let first = loader.alloc(Code { number: 5, before: Some(code), ..*code })?;
            let name = loader.intern("a name of its own")?;
            lose(eval(&transients, 9, 3)?);
            let inside: Handle<'_> = CodeRef::transient(&transients, |loader| {
                let bytes = loader.alloc_slice_copy(&[3; 5000])?;
                sweep(&transients, &[&held, &inner]);
                // What was garbage is used again.
                lose(eval(&transients, 10, 3)?);
                loader.alloc(Code { number: 6, sites: loader.sites(40)?, name: "", bytes, inner: &[], before: None })
            })?;
            sweep(&transients, &[&held, &inner, &inside]);
            assert_eq!(transients.stats().regions, 4, "held, original, inside and this");
            assert_eq!((inside.get().number, inside.get().bytes), (6, &[3; 5000][..]));
            let bytes = loader.alloc_slice_copy(&[4; 5000])?;
            if fails {
                return Err(Error::Foreign); // the compiler's, say
            }
            loader.alloc(Code { name, bytes, before: Some(first), ..*first })
        });
        assert_eq!(made.is_err(), fails);
        drop(inner);
        if let Ok(made) = made {
            sweep(&transients, &[&held, &made]);
            let first = made.get().before.unwrap();
            assert_eq!((made.get().name, made.get().bytes, first.number), ("a name of its own", &[4; 5000][..], 5));
            assert_eq!((first.before.unwrap().number, held.get().number), (1, 100));
        }
        assert_eq!(transients.stats().regions, 1);
    }
    drop(held);
    nothing_is_left(&transients);
}

#[test]
fn what_a_lowering_function_makes_after_its_code_was_marked_is_marked_with_its_handle() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let original = eval(&transients, 0, 2).unwrap();
    let made: Result<Handle<'_>, Error> = original.patched(&transients, |loader, code| {
        original.mark();
        // SAFETY: the only handle is marked.
        unsafe { transients.retire_unmarked() };
        let bytes = loader.alloc_slice_copy(&[4; 5000])?;
        let (name, sites) = (loader.intern("a name of its own")?, loader.sites(3)?);
        loader.alloc(Code { name, sites, bytes, before: Some(code), ..*code })
    });
    let made = made.unwrap();
    drop(original);
    // The marks are as the lowering function left them.
    made.mark();
    // SAFETY: all that is held is marked, and there are no other transients.
    assert_eq!(unsafe { transients.sweep() }.objects, 0, "all of it is used");
    let users: Vec<_> = (0..100).map(|_| heap.alloc_zeroed(Layout::new::<[u8; 6000]>()).unwrap()).collect();
    assert_eq!((made.get().bytes, made.get().name, users.len()), (&[4; 5000][..], "a name of its own", 100));
    assert_eq!(made.get().before.unwrap().inner[1].number, 2);
}

// A mark belongs to a place: it may be left from code that was dropped since, and a conservative collector sets some by chance.
#[test]
fn code_that_begins_at_a_marked_place_stays_whole_and_ends_with_the_next_sweep() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    for round in 0..20 {
        let old = patch(&eval(&transients, 0, 3).unwrap(), &transients);
        old.mark();
        drop(old);
        // Its places are used again, by code that is lost. No object is marked for its sake.
        let code = eval(&transients, round, 3).unwrap();
        let patched = patch(&code, &transients);
        assert!(heap.is_marked(code.get()) || heap.is_marked(patched.get()), "else this tests nothing");
        lose((code, patched, eval(&transients, round, 3).unwrap()));
        // SAFETY: all of it was lost, and these are the only transients.
        unsafe { transients.sweep() };
        assert!(transients.stats().regions >= 1);
        // What stayed is whole, so it can end.
        let other = eval(&transients, 50, 3).unwrap();
        sweep(&transients, &[&other]);
        assert_eq!((transients.stats().regions, other.get().inner[2].number), (1, 53));
        drop(other);
        nothing_is_left(&transients);
    }
}

// Marked by chance, it is kept for longer than what it was patched from, which another list had already let go.
#[test]
fn what_is_kept_by_a_chance_mark_leads_to_nothing_that_was_dropped_since() {
    let (arena, heap) = (arena(), heap());
    let (one, other) = (Transients::new(&arena, &heap), Transients::new(&arena, &heap));
    let held = eval(&other, 0, 1).unwrap();
    let between = patch(&held, &other);
    let last = patch(&between, &one);
    let place: *const () = core::ptr::from_ref(last.get()).cast();
    lose((between, last));
    assert_eq!(heap.mark(place), Some(true));
    held.mark();
    // SAFETY: what is held is marked, and both retire what is not before the sweep.
    let retired = unsafe { [other.retire_unmarked(), one.retire_unmarked()] };
    // SAFETY: as above.
    unsafe { heap.sweep() };
    assert_eq!((retired, held.count(), held.get().inner[0].number), ([1, 0], Some(1), 1), "it was counted out");
    drop(held);
    assert_eq!(other.stats().regions, 0);
    let users: Vec<_> = (0..100).map(|_| heap.alloc_zeroed(Layout::new::<[u8; 512]>()).unwrap()).collect();
    for _ in 0..3 {
        heap.clear_marks();
        assert_eq!(heap.mark(place), Some(true));
        users.iter().for_each(|object| _ = heap.mark(object.as_ptr()));
        // SAFETY: all that is used is marked, and both retire what is not.
        unsafe { (other.retire_unmarked(), one.retire_unmarked(), heap.sweep()) };
        assert_eq!((one.stats().regions, other.stats().regions), (1, 0));
    }
    sweep(&one, &[]);
    nothing_is_left(&one);
    nothing_is_left(&other);
}

#[test]
fn a_part_that_only_a_swept_copy_kept_can_be_held_again() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let root: NodeRef<'_> = CodeRef::transient(&transients, |loader| {
        let inner = loader.alloc(Node::leaf("inner"))?;
        let root = loader.alloc(Node { left: Some(inner), ..Node::leaf("root") })?;
        loader.link(&inner.link, root)?;
        Ok::<_, Error>(root)
    })
    .unwrap();
    let inner = root.project::<Node<'_>>(|root| root.left).unwrap().unwrap();
    let patched: NodeRef<'_> = root
        .patched(&transients, |loader, root| loader.alloc(Node { left: Some(root), ..Node::leaf("patched") }))
        .unwrap();
    drop(root);
    lose(patched);
    heap.clear_marks();
    inner.mark();
    // SAFETY: all that is held is marked, and there are no other transients.
    unsafe { transients.sweep() };
    assert_eq!(transients.stats().regions, 1);
    let again = inner.project::<Node<'_>>(|inner| inner.link.get()).unwrap().unwrap();
    assert_eq!((again.get().name, again.count()), ("root", Some(1)), "nobody else counts");
    drop(inner);
    assert_eq!(transients.stats().regions, 1);
    drop(again);
    nothing_is_left(&transients);
}

#[test]
fn slots_and_proxies_mark_what_they_hold() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let new = |number| patch(&eval(&transients, number, 2).unwrap(), &transients);
    let slot = CodeSlot::new(new(10));
    let proxy = CodeProxy::new(&arena, new(20), |code| code.name).unwrap();
    let permanent = CodeSlot::new(CodeRef::new(&7u32));
    for _ in 0..3 {
        lose(new(30));
        slot.mark();
        proxy.mark();
        permanent.mark();
        // SAFETY: all that is used is marked, and these are the only transients.
        unsafe { transients.sweep() };
        assert_eq!(transients.stats().regions, 4);
        assert_eq!((slot.get().get().before.unwrap().inner[1].number, proxy.name()), (12, ""));
        assert_eq!((slot.get().count(), proxy.count()), (Some(2), Some(1)));
    }
    drop((slot, proxy));
    nothing_is_left(&transients);
}

#[test]
fn lost_code_makes_room_below_a_heaps_limit() {
    let arena = arena();
    let heap = HeapArena::builder().reservation(64 << 20).limit(100 << 10).build().unwrap();
    let transients = Transients::new(&arena, &heap);
    for round in 0..20 {
        let made = (0..1000).map_while(|number| eval(&transients, number, 1).ok()).map(lose).count();
        assert!((10..200).contains(&made), "{made} in round {round}");
        assert!(matches!(eval(&transients, 0, 1), Err(Error::Limit { .. })));
        sweep(&transients, &[]);
        nothing_is_left(&transients);
    }
    assert!(transients.stats().sites < 200 * 48, "{:?}", transients.stats());
}

#[test]
fn permanent_code_has_nothing_to_mark() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let loader = arena.load("m").unwrap();
    let permanent = CodeRef::new(eval(&transients, 1, 3).unwrap().promote(&loader).unwrap());
    loader.seal().unwrap();
    let patched = patch(&permanent, &transients);
    for _ in 0..3 {
        permanent.mark();
        sweep(&transients, &[&patched, &permanent]);
        assert_eq!((transients.stats().regions, patched.get().before.unwrap().inner[2].number), (1, 4));
    }
    lose(patched);
    sweep(&transients, &[&permanent]);
    nothing_is_left(&transients);
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_forked_child_sweeps_what_is_lost_there_and_its_parent_does_not_notice() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let held: Vec<_> = (0..20).map(|number| eval(&transients, number * 10, 3).unwrap()).collect();
    (0..20).for_each(|number| lose(eval(&transients, number, 3).unwrap()));
    permacode_witness::in_child(|| {
        assert_eq!(transients.stats().regions, 40);
        sweep(&transients, &held.iter().take(10).collect::<Vec<_>>());
        assert_eq!((transients.stats().regions, held[9].get().inner[2].number), (10, 93));
        assert_eq!(eval(&transients, 7, 0).unwrap().get().number, 7);
        sweep(&transients, &[]);
        nothing_is_left(&transients);
    });
    assert_eq!(transients.stats().regions, 40);
    sweep(&transients, &held.iter().collect::<Vec<_>>());
    assert_eq!((transients.stats().regions, held[19].get().inner[2].number), (20, 193));
}
