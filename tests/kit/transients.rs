//! Transient code in objects: it ends with them, and stays with those that stay, whatever it was patched from.

use crate::{disturb, heap};
use permacode::kit::Collect;
use permacode::{CodeArena, CodeRef, Error, Gc, Permanent, SideTable, Sites, Transients};
use std::cell::Cell;

#[derive(Permanent)]
struct Code<'a> {
    number: u64,
    sites: Sites,
    before: Option<&'a Code<'a>>,
}

#[derive(Collect)]
struct Function<'t> {
    code: CodeRef<'t, Code<'t>>,
    captured: Option<Gc<'t, Function<'t>>>,
}

fn arena() -> CodeArena {
    CodeArena::builder().reservation(64 << 20).build().unwrap()
}

fn eval<'t>(home: &'t Transients<'t>, number: u64) -> CodeRef<'t, Code<'t>> {
    let code: Result<_, Error> =
        CodeRef::transient(home, |loader| loader.alloc(Code { number, sites: loader.sites(1)?, before: None }));
    code.unwrap()
}

fn patch<'t>(code: &CodeRef<'t, Code<'t>>, home: &'t Transients<'t>) -> CodeRef<'t, Code<'t>> {
    let patched: Result<_, Error> = code.patched(home, |loader, code| {
        loader.alloc(Code { number: code.number + 1, sites: code.sites, before: Some(code) })
    });
    patched.unwrap()
}

// soundness S27 here and below
#[test]
fn code_ends_with_the_last_object_that_holds_it() {
    let (arena, heap) = (arena(), heap());
    let home = Transients::new(&arena, &heap);
    let function = |number, captured| Gc::new(&heap, Function { code: eval(&home, number), captured }).unwrap();
    let inner = function(1, None);
    let kept = function(2, Some(inner));
    for round in 0..100 {
        (0..20).for_each(|number| _ = function(100 + number, Some(kept)));
        // SAFETY: `kept` is used, and what it leads to; the closure only traces.
        let swept = unsafe { home.collect(|marker| marker.trace(&kept)) }.unwrap();
        assert!(swept.objects >= 40, "{}", swept.objects);
        disturb(&heap, 512);
        assert_eq!((home.stats().regions, kept.code.get().number, inner.code.get().number), (2, 2, 1));
        assert!(home.stats().sites <= 22 * 16, "round {round}: {:?}", home.stats());
    }
    // SAFETY: nothing is used any more.
    unsafe { home.collect(|_| ()) }.unwrap();
    assert_eq!((home.stats().regions, heap.stats().live), (0, 0));
}

#[test]
fn what_code_was_patched_from_stays_with_it_down_the_chain() {
    let (arena, heap) = (arena(), heap());
    let home = Transients::new(&arena, &heap);
    let mut code = eval(&home, 0);
    for _ in 0..50 {
        let patched = patch(&code, &home);
        // The handle is in an object that nobody reaches.
        Gc::new(&heap, Function { code, captured: None }).unwrap();
        code = patched;
    }
    for _ in 0..2 {
        // SAFETY: the newest handle is used, and what it keeps; the closure only traces.
        unsafe { home.collect(|marker| marker.trace(&code)) }.unwrap();
        disturb(&heap, 512);
        let (mut at, mut number) = (Some(code.get()), 51);
        while let Some(code) = at {
            number -= 1;
            assert_eq!(code.number, number);
            at = code.before;
        }
        assert_eq!((number, home.stats().regions), (0, 51));
    }
}

#[test]
fn a_chain_over_two_heaps_is_marked_on_both() {
    let (arena, heaps) = (arena(), [heap(), heap()]);
    let homes = heaps.each_ref().map(|heap| Transients::new(&arena, heap));
    let mut code = eval(&homes[0], 0);
    for at in 1..12 {
        let patched = patch(&code, &homes[at / 3 % 2]);
        std::mem::forget(std::mem::replace(&mut code, patched));
    }
    for round in 0..4 {
        let home = &homes[round % 2];
        // SAFETY: the newest handle is used, and what it keeps; the closure only traces.
        unsafe { home.collect(|marker| marker.trace(&code)) }.unwrap();
        disturb(home.heap(), 512);
        let (mut at, mut length) = (Some(code.get()), 0);
        while let Some(code) = at {
            assert_eq!(code.number, 11 - length);
            (length, at) = (length + 1, code.before);
        }
        assert_eq!((length, homes[0].stats().regions, homes[1].stats().regions), (12, 6, 6));
    }
}

#[test]
fn code_that_is_being_made_survives_a_collection_by_its_lowering_function() {
    let (arena, heap) = (arena(), heap());
    let home = Transients::new(&arena, &heap);
    let original = eval(&home, 1);
    let patched: Result<CodeRef<'_, Code<'_>>, Error> = original.patched(&home, |loader, code| {
        let text = loader.alloc_slice_copy(&[7_u8; 2000])?;
        // SAFETY: the original is traced, and what is being made stays; the closure only traces.
        unsafe { home.collect(|marker| marker.trace(&original)) }?;
        disturb(&heap, 512);
        assert!(text.iter().all(|byte| *byte == 7));
        loader.alloc(Code { number: 2, sites: loader.sites(1)?, before: Some(code) })
    });
    assert_eq!(patched.unwrap().get().before.map(|code| code.number), Some(1));
}

#[test]
fn entries_of_code_that_went_are_no_roots_and_are_cleared() {
    let (arena, heap) = (arena(), heap());
    let table: SideTable<'_, Cell<Option<Gc<'_, u64>>>> = SideTable::new(&arena).unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(None));
    let home = Transients::new(&arena, &heap).clearing(&clear);
    let constant = |code: &CodeRef<'_, Code<'_>>, number| {
        table.of(code.get().sites).unwrap()[0].set(Some(Gc::new(&heap, number).unwrap()));
    };
    let entries = || table.walk(|entry| entry.get().is_some()).count();
    let kept = eval(&home, 1);
    constant(&kept, 10);
    let dropped = eval(&home, 2);
    constant(&dropped, 20);
    let swept = Gc::new(&heap, Function { code: eval(&home, 3), captured: None }).unwrap();
    constant(&swept.code, 30);
    let sites = dropped.get().sites;
    drop(dropped);
    let objects = heap.stats().objects;
    let collect = || {
        // SAFETY: the kept handle is used, and its constant; the closure only traces.
        let swept = unsafe {
            home.collect(|marker| {
                marker.trace(&kept);
                marker.trace(&table);
            })
        };
        swept.unwrap().objects
    };
    assert_eq!(entries(), 3);
    let freed = collect();
    assert_eq!(entries(), 1, "of code that was dropped, and of code that this collection ended");
    assert!(table.of(sites).unwrap()[0].get().is_none());
    assert_eq!(heap.stats().objects, objects - freed);
    assert_eq!(collect(), 1, "what the entry of ended code led to is freed by the next one");
    assert_eq!(table.of(kept.get().sites).unwrap()[0].get().as_deref(), Some(&10));
    assert_eq!((collect(), home.stats().regions), (0, 1));
}

#[test]
fn a_collection_that_fails_ends_no_code() {
    let (arena, heap) = (arena(), heap());
    let home = Transients::new(&arena, &heap);
    let kept = Gc::new(&heap, std::cell::RefCell::new(eval(&home, 1))).unwrap();
    let other = eval(&home, 2);
    let borrowed = kept.borrow_mut();
    // SAFETY: `kept` is traced, and the closure only traces; as it fails, all else may be used.
    assert_eq!(unsafe { home.collect(|marker| marker.trace(&kept)) }, Err(Error::Borrowed));
    drop(borrowed);
    disturb(&heap, 512);
    assert_eq!((home.stats().regions, kept.borrow().get().number, other.get().number), (2, 1, 2));
}

#[test]
fn several_transients_of_one_heap_retire_between_marks_and_sweep() {
    let (arena, heap) = (arena(), heap());
    let homes = [(); 3].map(|()| Transients::new(&arena, &heap));
    let kept: Vec<_> = homes.iter().map(|home| patch(&eval(home, 1), &homes[0])).collect();
    for _ in 0..3 {
        homes.iter().for_each(|home| std::mem::forget(eval(home, 7)));
        heap.mark_from(|marker| marker.trace(&kept[..])).unwrap();
        // SAFETY: what is used was marked by its handles, and all retire before the sweep.
        let ended: usize = unsafe {
            let ended = homes.iter().map(|home| home.retire_unmarked()).sum();
            heap.sweep();
            ended
        };
        disturb(&heap, 512);
        assert_eq!(ended, 3);
        assert!(
            kept.iter().all(|code| code.get().number == 2 && code.get().before.is_some_and(|code| code.number == 1))
        );
    }
}
