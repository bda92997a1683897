//! Handles count, frames keep the code that they run, and whatever a lowering function does, nothing of a region is left behind.

use core::ptr;
use permacode::handles::{AtomicCodeSlot, CodeProxy};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, CodeSlot, Error, HeapArena, Loader, Permanent, Transients};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u64],
    inner: &'a [&'a Code<'a>],
}

type Handle<'t> = CodeRef<'t, Code<'t>>;

fn arena() -> CodeArena {
    CodeArena::builder().reservation(16 << 20).build().unwrap()
}

fn heap() -> HeapArena {
    HeapArena::builder().reservation(64 << 20).build().unwrap()
}

/// A function of a number, with so many nested ones; its bytes need more than one piece.
fn lower<'x>(loader: &Loader<'x>, number: u64, nested: u64) -> Result<&'x Code<'x>, Error> {
    let inner = loader.alloc_slice_try_fill_with(nested as usize, |at| lower(loader, number + 1 + at as u64, 0))?;
    let ops = loader.alloc_slice_fill_iter((0..40u32).map(|op| number * 100 + u64::from(op)))?;
    let _sites = loader.sites(3)?;
    let _padded = loader.alloc_padded(&[1], 256, 3)?;
    loader.alloc(Code { name: loader.intern(&format!("f{number}"))?, ops, inner })
}

fn make<'t>(transients: &'t Transients<'t>, number: u64, nested: u64) -> Handle<'t> {
    CodeRef::transient(transients, |loader| lower(loader, number, nested)).unwrap()
}

fn is(code: &Code<'_>, number: u64) -> bool {
    code.ops.iter().enumerate().all(|(op, &found)| found == number * 100 + op as u64)
}

// soundness S8
#[test]
fn a_lowering_function_that_fails_or_panics_leaves_nothing() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let run = |stop: usize, panics: bool| {
        let left = core::cell::Cell::new(stop);
        catch_unwind(AssertUnwindSafe(|| -> Result<Handle<'_>, Error> {
            CodeRef::transient(&transients, |loader| {
                for number in 0..20 {
                    lower(loader, number, 2)?;
                    loader.alloc_slice_try_fill_with(3, |at| {
                        loader.alloc(at as u64)?;
                        match left.replace(left.get().wrapping_sub(1)) {
                            0 if panics => std::panic::resume_unwind(Box::new("planned")),
                            0 => Err(Error::Foreign),
                            _ => Ok(at as u64),
                        }
                    })?;
                }
                lower(loader, 20, 0)
            })
        }))
    };
    assert!(run(usize::MAX, false).is_ok_and(|made| made.is_ok_and(|code| is(code.get(), 20))));
    for stop in 0..60 {
        assert!(run(stop, true).is_err_and(|panic| panic.downcast_ref() == Some(&"planned")));
        assert!(run(stop, false).is_ok_and(|made| made.err() == Some(Error::Foreign)));
        let stats = transients.stats();
        assert_eq!((stats.regions, stats.bytes, heap.stats().live), (0, 0, 0), "at step {stop}");
        assert_eq!(stats.sites, stats.free_sites);
    }
}

// soundness S16
#[test]
fn whichever_page_call_fails_nothing_is_left_and_the_next_try_succeeds() {
    let mut refused = 0;
    for nth in 0.. {
        let pages = Pages::ordinary();
        let arena = CodeArena::builder().reservation(4 << 20).pages(pages.clone()).build().unwrap();
        let heap = HeapArena::builder().reservation(16 << 20).pages(pages.clone()).build().unwrap();
        let transients = Transients::new(&arena, &heap);
        let loader = arena.load("m").unwrap();
        let attempt = || -> Result<(), Error> {
            let code: Handle<'_> = CodeRef::transient(&transients, |loader| lower(loader, 1, 60))?;
            let inner = code.project::<Code<'_>>(|code| code.inner.last().copied())?.unwrap();
            drop(code);
            assert!(is(inner.get(), 61));
            let copy = inner.promote(&loader);
            assert!(is(inner.get(), 61) && inner.count() == Some(1), "the handle is good, whatever happened");
            assert!(is(copy?, 61));
            for len in [30_000, 200_000] {
                let big: Handle<'_> = CodeRef::transient(&transients, |loader| {
                    let ops = loader.alloc_slice_copy(&vec![9; len])?;
                    loader.alloc(Code { name: "big", ops, inner: &[] })
                })?;
                assert_eq!(big.promote(&loader)?.ops[len - 1], 9);
            }
            Ok(())
        };
        pages.fail_nth(nth);
        let result = attempt();
        let stats = transients.stats();
        assert_eq!((stats.regions, stats.bytes, heap.stats().live), (0, 0, 0), "after the {nth}th call");
        let failed = pages.failures() > 0;
        // The heap gets over a refusal where less would do.
        assert!(result.is_ok() || failed);
        refused += usize::from(result.is_err());
        pages.relent();
        assert_eq!(attempt(), Ok(()));
        drop(loader);
        assert_eq!(pages.violations(), 0);
        if !failed {
            break;
        }
    }
    assert!(refused >= 2, "only {refused} calls were refused");
}

#[test]
fn thousands_of_frames_and_generators_run_on_with_the_code_that_they_began_with() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let function = CodeSlot::new(make(&transients, 0, 0));
    let mut frames: Vec<(u64, Handle<'_>)> = Vec::new();
    for version in 1..=50u64 {
        frames.extend((0..100).map(|_| (version - 1, function.get())));
        assert_eq!(function.get().count(), Some(102), "a hundred frames, the slot, and this look at it");
        let old = function.replace(make(&transients, version, 0));
        assert!(is(old.get(), version - 1) && old.count() == Some(101));
    }
    assert_eq!(transients.stats().regions, 51);
    for (version, frame) in &frames {
        assert!(is(frame.get(), *version));
    }
    // The frames of every second version return: their code is gone with the last of them.
    frames.retain(|(version, _)| version % 2 == 0);
    assert_eq!(transients.stats().regions, 25 + 1);
    let promoted = CodeRef::new(function.get().promote(&arena.load("m").unwrap()).unwrap());
    assert!(function.compare_exchange(&frames[0].1, promoted.clone()).is_err_and(|refused| refused.same(&promoted)));
    let before = function.get();
    assert!(function.compare_exchange(&before, promoted.clone()).is_ok_and(|old| old.same(&before)));
    drop((frames, before));
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
    assert!(is(function.into_inner().get(), 50) && promoted.count().is_none());
}

#[test]
fn a_part_keeps_the_region_and_two_ways_to_it_are_one() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let outer = make(&transients, 1, 3);
    let part = |at: usize| outer.project::<Code<'_>>(|code| code.inner.get(at).copied()).unwrap();
    let (one, again, two) = (part(0).unwrap(), part(0).unwrap(), part(1).unwrap());
    assert!(part(3).is_none() && one.same(&again) && !one.same(&two) && !one.same(&outer));
    assert_eq!((outer.count(), one.count(), two.count()), (Some(1), Some(2), Some(1)));
    let whole = outer.project::<Code<'_>>(|code| Some(code)).unwrap().unwrap();
    assert!(whole.same(&outer) && outer.count() == Some(2));
    drop((outer, whole, one, two));
    assert_eq!((again.count(), transients.stats().regions), (Some(1), 1));
    assert!(is(again.get(), 2));
    drop(again);
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
}

/// A region with many small functions.
fn many<'t>(transients: &'t Transients<'t>, count: usize) -> Handle<'t> {
    CodeRef::transient(transients, |loader| {
        let inner = loader.alloc_slice_try_fill_with(count, |at| {
            let ops = loader.alloc_slice_copy(&[at as u64])?;
            loader.alloc(Code { name: "", ops, inner: &[] })
        })?;
        loader.alloc(Code { name: "", ops: &[], inner })
    })
    .unwrap()
}

#[test]
fn of_many_parts_each_is_found_again_and_all_can_go_in_any_order() {
    // The second heap has room for some parts more than five hundred, and not for the larger table that is wished for by then.
    let mut limit = usize::MAX;
    for limited in [false, true] {
        let (arena, heap) = (arena(), HeapArena::builder().limit(limit).build().unwrap());
        let transients = Transients::new(&arena, &heap);
        let outer = many(&transients, 5000);
        let inner = |at: usize| outer.project::<Code<'_>>(|code| code.inner.get(at).copied());
        let mut parts: Vec<Handle<'_>> = Vec::new();
        let refused = loop {
            if parts.len() == 500 && !limited {
                limit = heap.stats().live + 4000;
            }
            match inner(parts.len()) {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break false,
                Err(error) => break matches!(error, Error::Limit { .. }),
            }
        };
        assert_eq!(refused, limited);
        assert!(if limited { (520..600).contains(&parts.len()) } else { parts.len() == 5000 }, "{}", parts.len());
        // So that what is found again needs no memory.
        for (at, part) in parts.iter().enumerate().step_by(7) {
            assert!(part.same(&inner(at).unwrap().unwrap()) && part.get().ops == [at as u64]);
        }
        // Every part leaves from the middle of the rest, some while the tables are still growing.
        let stride = 1237;
        let mut left: Vec<Option<Handle<'_>>> = parts.into_iter().map(Some).collect();
        for step in 0..left.len() {
            let at = step * stride % left.len();
            left[at] = None;
            if step % 3 == 0 && at % 2 == 0 {
                left[at] = inner(at).unwrap();
            }
        }
        for (at, part) in left.iter().enumerate() {
            assert!(part.as_ref().is_none_or(|part| part.get().ops == [at as u64] && part.count() == Some(1)));
        }
        heap.clear_marks();
        outer.mark();
        // SAFETY: the region that the handle marked is all that there is.
        assert_eq!(unsafe { transients.sweep() }.objects, 0, "all that belongs to the region is marked");
        drop(left);
        drop(outer);
        assert_eq!((heap.stats().live, transients.stats().regions), (0, 0));
    }
}

#[test]
fn a_value_that_begins_another_is_a_part_of_its_own() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let outer: CodeRef<'_, (u64, [(u64, u64); 3])> =
        CodeRef::transient(&transients, |loader| loader.alloc((1, [(2, 3), (4, 5), (6, 7)]))).unwrap();
    let first = outer.project::<(u64, u64)>(|code| Some(&code.1[0])).unwrap().unwrap();
    let all = outer.project::<[(u64, u64); 3]>(|code| Some(&code.1)).unwrap().unwrap();
    assert_eq!((ptr::from_ref(first.get()).addr(), first.count()), (ptr::from_ref(all.get()).addr(), Some(1)));
    let ids = [
        CodeProxy::new(&arena, first.clone(), |_| "first").unwrap().id(),
        CodeProxy::new(&arena, all.clone(), |_| "all").unwrap().id(),
        CodeProxy::new(&arena, outer.clone(), |_| "outer").unwrap().id(),
    ];
    assert_eq!(HashSet::from(ids).len(), 3);
    drop((outer, first));
    assert_eq!(*all.get(), [(2, 3), (4, 5), (6, 7)]);
}

#[test]
fn a_proxy_answers_the_same_before_and_after_a_promotion() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code = make(&transients, 1, 3);
    let proxy = |code: Handle<'_>| -> (String, usize, bool) {
        let proxy = CodeProxy::new(&arena, code, |code| code.name).unwrap();
        (proxy.name().to_owned(), proxy.size().unwrap(), proxy.is_permanent())
    };
    let before = proxy(code.clone());
    let loader = arena.load("m").unwrap();
    let copy = CodeRef::new(code.promote(&loader).unwrap());
    loader.seal().unwrap();
    assert_eq!(proxy(copy), (before.0.clone(), before.1, true));
    let code_object = size_of::<Code<'_>>() + 40 * 8 + 2;
    assert_eq!(before, ("f1".to_owned(), 4 * code_object + 3 * size_of::<usize>(), false));
}

#[test]
fn ids_are_one_code_objects_for_ever() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let id = |code: &Handle<'_>| CodeProxy::new(&arena, code.clone(), |code| code.name).unwrap().id();
    let mut seen = HashSet::new();
    for number in 0..200 {
        let code = make(&transients, number, 1);
        assert_eq!(id(&code), id(&code));
        assert!(seen.insert(id(&code)), "the number of code that is gone was used again");
        if number % 10 == 0 {
            let copy = CodeRef::new(code.promote(&arena.load("m").unwrap()).unwrap());
            assert!(seen.insert(id(&copy)) && id(&copy) == id(&copy.clone()));
        }
    }
    let foreign = self::arena();
    let elsewhere = lower(&foreign.load("m").unwrap(), 1, 0).map(CodeRef::new).unwrap();
    let refused = CodeProxy::new(&arena, elsewhere, |code: &Code<'_>| code.name);
    assert_eq!(refused.err(), Some(Error::Foreign), "it would have no id");
}

#[test]
fn a_sweep_leaves_what_handles_and_proxies_mark_and_frees_what_leaked() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let (kept, leaked) = (make(&transients, 1, 9), make(&transients, 30, 9));
    let shown = CodeProxy::new(&arena, make(&transients, 60, 1), |code| code.name).unwrap();
    let part = kept.project::<Code<'_>>(|code| code.inner.first().copied()).unwrap().unwrap();
    drop(kept);
    let all = heap.stats().live;
    let before = transients.stats().bytes;
    std::mem::forget(leaked);
    heap.clear_marks();
    part.mark();
    shown.mark();
    // SAFETY: what is not marked was forgotten.
    let swept = unsafe { transients.sweep() };
    assert!(swept.objects > 1 && heap.stats().live == all - swept.bytes && swept.bytes > before / 4);
    assert!(is(part.get(), 2) && shown.name() == "f60");
    drop((part, shown));
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn threads_run_whole_code_while_it_is_replaced() {
    let arena = arena();
    let loader = arena.load("m").unwrap();
    let versions: Vec<&Code<'_>> = (0..64).map(|number| lower(&loader, number, 0).unwrap()).collect();
    loader.seal().unwrap();
    let function = AtomicCodeSlot::new(versions[0]);
    let (calls, replaced) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Frames that began with one version go on with it.
                let mut frames = Vec::new();
                while replaced.load(Ordering::Relaxed) < 20_000 || frames.len() < 2000 {
                    let code = function.get();
                    let number = code.ops[0] / 100;
                    assert!(is(code, number) && ptr::eq(code, versions[number as usize]));
                    frames.push((number, code));
                    calls.fetch_add(1, Ordering::Relaxed);
                    if frames.len() > 4000 {
                        assert!(frames.drain(2000..).all(|(number, code)| is(code, number)));
                    }
                }
                assert!(frames.iter().all(|(number, code)| is(code, *number)));
            });
        }
        scope.spawn(|| {
            for round in 1..=20_000usize {
                let next = versions[round % versions.len()];
                let before = versions[(round - 1) % versions.len()];
                let old = match round % 2 {
                    0 => function.replace(next),
                    _ => function.compare_exchange(before, next).unwrap_or(next),
                };
                assert!(ptr::eq(old, before));
                assert!(function.compare_exchange(before, next).is_err_and(|found| ptr::eq(found, next)));
                replaced.store(round, Ordering::Relaxed);
            }
        });
    });
    assert!(calls.into_inner() >= 4000);
}
