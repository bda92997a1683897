//! What code keeps alive: arenas of other code, kept by an arena or by a region.

use permacode::pages::OrdinaryPages;
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, Link, Loader, Owned, Permanent, Transients};
use permacode_witness::Releasing;
use permacode_witness::handles::{arena_of, heap};
use std::mem;
use std::sync::Arc;
use std::thread;

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    calls: Option<&'a Code<'a>>,
}

#[derive(Permanent)]
struct Ring<'a> {
    name: u64,
    next: Link<'a, Ring<'a>>,
}

fn code(arena: &Arc<CodeArena>, name: &str) -> Owned<Code<'static>> {
    Owned::load(arena, name, |loader| loader.alloc(Code { name: loader.alloc_str(name)?, calls: None })).unwrap()
}

/// Code that calls other code.
fn caller<'x>(loader: &Loader<'x>, of: &Owned<Code<'_>>) -> Result<&'x Code<'x>, Error> {
    loader.alloc(Code { name: loader.alloc_str("caller")?, calls: Some(loader.at(of)?) })
}

#[test]
fn an_arena_keeps_the_arenas_that_its_code_refers_to_and_lets_them_go_with_itself() {
    let pages = Pages::ordinary();
    let (old, new) = (arena_of(&pages), arena_of(&pages));
    let print = code(&old, "print");
    let main = Owned::<Code<'_>>::load(&new, "main", |loader| caller(loader, &print)).unwrap();
    drop((old, new, print));
    assert_eq!((main.get().calls.unwrap().name, pages.live()), ("print", 2));
    drop(main);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn code_of_the_same_arena_is_there_for_free_and_others_are_kept_once() {
    let pages = Pages::ordinary();
    let (old, new) = (arena_of(&pages), arena_of(&pages));
    let (print, own) = (code(&old, "print"), code(&new, "own"));
    let before = (Arc::strong_count(&old), Arc::strong_count(&new));
    for _ in 0..3 {
        Owned::<Code<'_>>::load(&new, "main", |loader| caller(loader, &own).and(caller(loader, &print))).unwrap();
    }
    assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (before.0 + 1, before.1));
}

#[test]
fn an_arena_keeps_no_younger_one_and_says_so() {
    let pages = Pages::ordinary();
    let (old, new) = (arena_of(&pages), arena_of(&pages));
    let young = code(&new, "young");
    let refused = Owned::<Code<'_>>::load(&old, "main", |loader| caller(loader, &young));
    assert_eq!(refused.err(), Some(Error::Younger));
    assert!(Error::Younger.to_string().contains("make the referring arena later"));
    assert_eq!(Arc::strong_count(&new), 2, "nothing is kept");
    // What two arenas are called is not what they are: the age goes with the arena that is moved.
    let (mut one, mut other) = (arena_of(&pages), arena_of(&pages));
    std::mem::swap(Arc::get_mut(&mut one).unwrap(), Arc::get_mut(&mut other).unwrap());
    let (one_code, other_code) = (code(&one, "one"), code(&other, "other"));
    assert!(Owned::<Code<'_>>::load(&one, "m", |loader| caller(loader, &other_code)).is_ok());
    assert_eq!(Owned::<Code<'_>>::load(&other, "m", |loader| caller(loader, &one_code)).err(), Some(Error::Younger));
}

#[test]
fn two_threads_that_refer_to_each_others_arenas_close_no_ring() {
    let pages = Pages::ordinary();
    for _ in 0..if cfg!(miri) { 4 } else { 200 } {
        let arenas = [arena_of(&pages), arena_of(&pages)];
        let codes = arenas.each_ref().map(|arena| code(arena, "code"));
        let refusals: usize = thread::scope(|scope| {
            let threads = [(0, 1), (1, 0)].map(|(from, to)| {
                let (arena, to) = (&arenas[from], &codes[to]);
                scope.spawn(move || Owned::<Code<'_>>::load(arena, "m", |loader| caller(loader, to)).is_err())
            });
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(refusals, 1);
        drop((arenas, codes));
        assert_eq!(pages.live(), 0);
    }
}

#[test]
fn many_threads_keep_many_arenas_at_once() {
    let pages = Pages::ordinary();
    let old: Vec<_> = (0..8).map(|_| arena_of(&pages)).collect();
    let codes: Vec<_> = old.iter().map(|arena| code(arena, "old")).collect();
    let new = arena_of(&pages);
    thread::scope(|scope| {
        for start in 0..4 {
            let (new, codes) = (&new, &codes);
            scope.spawn(move || {
                for at in 0..codes.len() {
                    Owned::<Code<'_>>::load(new, "m", |loader| caller(loader, &codes[(start + at) % codes.len()]))
                        .unwrap();
                }
            });
        }
    });
    drop((old, codes));
    assert_eq!(pages.live(), 9);
    drop(new);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

/// Arenas in a chain, each kept by the next.
fn chain(length: usize, arena: impl Fn() -> Arc<CodeArena>) -> Owned<Code<'static>> {
    (1..length)
        .fold(code(&arena(), "first"), |of, _| Owned::load(&arena(), "next", |loader| caller(loader, &of)).unwrap())
}

/// Runs on a stack that a call for each arena would not fit.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(64 << 10).spawn(body).unwrap().join().unwrap();
}

#[test]
fn an_edge_without_room_for_its_record_is_an_error_and_keeps_nothing() {
    let pages = Pages::ordinary();
    let old: Vec<_> = (0..40).map(|_| arena_of(&pages)).collect();
    let codes: Vec<_> = old.iter().map(|arena| code(arena, "old")).collect();
    let full = arena_of(&pages);
    let loader = full.load("m").unwrap();
    while loader.alloc([0u8; 4096]).is_ok() {}
    while full.load("").is_ok() {}
    // Less is left than a module's record: room for a few edges.
    let kept: Vec<bool> = codes.iter().map(|code| loader.at(code).is_ok()).collect();
    assert!(kept.iter().filter(|kept| **kept).count() < 20);
    assert_eq!(loader.at(&codes[39]).err().map(|error| matches!(error, Error::Bookkeeping { .. })), Some(true));
    for (arena, kept) in old.iter().zip(kept) {
        assert_eq!(Arc::strong_count(arena), 2 + usize::from(kept));
    }
    drop((old, codes));
    loader.finish();
    drop(full);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn a_long_chain_of_arenas_ends_on_a_small_stack() {
    let length = if cfg!(miri) { 50 } else { 20_000 };
    let source = Arc::new(OrdinaryPages);
    let last =
        chain(length, || Arc::new(CodeArena::builder().reservation(1 << 14).pages(source.clone()).build().unwrap()));
    on_a_small_stack(move || drop(last));
    // Each of them, counted.
    let pages = Pages::ordinary();
    let last = chain(50, || arena_of(&pages));
    assert_eq!(pages.live(), 50);
    drop(last);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// soundness S41
#[test]
fn a_page_source_that_drops_owners_while_it_releases_ends_each_arena_once() {
    let watched = Pages::ordinary();
    let source = Releasing::new();
    let (kept, other) = (code(&arena_of(&watched), "kept"), code(&arena_of(&watched), "other"));
    let first = chain(3, || arena_of(&watched));
    let main = Owned::<Code<'_>>::load(&source.arena(), "main", |loader| {
        loader.at(&first)?;
        loader.at(&other)?;
        caller(loader, &kept)
    })
    .unwrap();
    Releasing::next(move || drop((kept, other, first)));
    assert_eq!(watched.live(), 5);
    drop(main);
    assert_eq!((watched.live(), watched.violations()), (0, 0));

    // Code that is loaded, and dropped again, while an arena ends.
    let (late, again) = (Releasing::new(), arena_of(&watched));
    let (source, last) = (late.clone(), code(&late.arena(), "last"));
    Releasing::next(move || {
        let near = code(&source.arena(), "near");
        let far = Owned::<Code<'_>>::load(&source.arena(), "far", |loader| caller(loader, &near)).unwrap();
        assert_eq!(far.get().calls.unwrap().name, near.get().name);
    });
    drop(last);
    drop(again);
    assert_eq!(watched.live(), 0);
}

#[test]
fn a_region_that_ends_lets_a_page_source_end_others_and_sweep() {
    let (arena, heap) = (permacode_witness::handles::arena(), heap());
    let (arena, heap): (&'static CodeArena, &'static HeapArena) = (arena.leak(), Box::leak(Box::new(heap)));
    let transients: &'static Transients<'static> = Box::leak(Box::new(Transients::new(arena, heap)));
    let source = Releasing::new();
    let eval = |source: &Arc<Releasing>| {
        let (one, other) = (code(&source.arena(), "one"), code(&source.arena(), "other"));
        CodeRef::<'static, Code<'_>>::transient(transients, |loader| {
            loader.at(&other)?;
            caller(loader, &one)
        })
        .unwrap()
    };
    let meanwhile = |handles: Vec<CodeRef<'static, Code<'static>>>| {
        move || {
            drop(handles);
            // SAFETY: no code of these transients is used any more, and nothing else is on the heap.
            unsafe { transients.sweep() };
        }
    };
    // By its last handle.
    let eval_of = |source: &Arc<Releasing>| (0..4).map(|_| eval(source)).collect::<Vec<_>>();
    let mut all = eval_of(&source);
    let last = all.pop().unwrap();
    Releasing::next(meanwhile(all));
    drop(last);
    assert_eq!((transients.stats().regions, heap.stats().objects), (0, 0));
    // By a sweep.
    eval_of(&source).into_iter().for_each(mem::forget);
    Releasing::next(meanwhile(Vec::new()));
    // SAFETY: as above.
    unsafe { transients.sweep() };
    assert_eq!((transients.stats().regions, heap.stats().objects), (0, 0));
    assert_eq!(Arc::strong_count(&source), 1, "no arena has its pages any more");
}

#[test]
fn loads_within_loads_keep_what_each_refers_to() {
    let watched = Pages::ordinary();
    let (one, two, three) = (arena_of(&watched), arena_of(&watched), arena_of(&watched));
    let outer = Owned::<Code<'_>>::load(&three, "outer", |loader| {
        let middle = Owned::<Code<'_>>::load(&two, "middle", |loader| {
            let inner = code(&one, "inner");
            let again = Owned::<Code<'_>>::load(&two, "again", |loader| caller(loader, &inner))?;
            caller(loader, &again)
        })?;
        caller(loader, &middle.map::<Code<'_>>(|middle| middle.calls.unwrap()))
    })
    .unwrap();
    drop((one, two, three));
    assert_eq!((outer.get().calls.unwrap().calls.unwrap().name, watched.live()), ("inner", 3));
    drop(outer);
    assert_eq!((watched.live(), watched.violations()), (0, 0));
}

#[test]
fn a_leaked_arena_keeps_for_ever_and_a_plain_loader_keeps_for_its_arena() {
    let pages = Pages::ordinary();
    let old = arena_of(&pages);
    let print = code(&old, "print");
    let leaked: &'static CodeArena = CodeArena::builder().reservation(1 << 20).build().unwrap().leak();
    let loader = leaked.load("m").unwrap();
    let seen: &'static Code<'static> = loader.at(&print).unwrap();
    let local = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
    let plain = local.load("m").unwrap();
    let near = plain.at(&print).unwrap();
    assert_eq!(Arc::strong_count(&old), 4);
    drop((old, print));
    assert_eq!((near.name, seen.name), ("print", "print"));
    drop(plain);
    drop(local);
    assert_eq!((seen.name, pages.live()), ("print", 1));
}

// soundness S25: what an owner shows, or a loader gets of it, is of a finished module, also for a loader that goes on in the same page.
#[test]
fn no_loader_sets_a_link_of_owned_code() {
    let arena = arena_of(&Pages::ordinary());
    let ring =
        Owned::<Ring<'_>>::load(&arena, "ring", |loader| loader.alloc(Ring { name: 1, next: Link::unset() })).unwrap();
    let finished = Err(Error::Link(permacode::error::LinkError::Finished));
    let behind = arena.load("behind").unwrap();
    let target = behind.alloc(Ring { name: 2, next: Link::unset() }).unwrap();
    assert_eq!(behind.link(&behind.at(&ring).unwrap().next, target), finished);
    assert_eq!(ring.get().name + target.name, 3);
    Owned::<Ring<'_>>::load(&arena, "within", |loader| {
        let target = loader.alloc(Ring { name: 3, next: Link::unset() })?;
        assert_eq!(loader.link(&loader.at(&ring)?.next, target), finished);
        Ok::<_, Error>(target)
    })
    .unwrap();
    assert!(ring.get().next.get().is_none());
}

// ── regions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn transient_code_keeps_what_it_refers_to_as_long_as_it_lives_and_the_arena_keeps_nothing() {
    let pages = Pages::ordinary();
    let (main, heap) = (arena_of(&pages), heap());
    let transients = Transients::new(&main, &heap);
    let young = arena_of(&pages); // a region may keep any
    let print = code(&young, "print");
    drop(young);
    let eval = CodeRef::<Code<'_>>::transient(&transients, |loader| caller(loader, &print).and(caller(loader, &print)))
        .unwrap();
    let part = eval.project::<Code<'_>>(|code| code.calls).unwrap().unwrap();
    drop((print, eval));
    assert_eq!((part.get().name, pages.live()), ("print", 2));
    drop(part);
    assert_eq!((pages.live(), heap.stats().live, transients.stats().regions), (1, 0, 0));
}

#[test]
fn a_copy_that_was_patched_keeps_what_its_original_refers_to() {
    let pages = Pages::ordinary();
    let (main, heap) = (arena_of(&pages), heap());
    let transients = Transients::new(&main, &heap);
    let print = code(&arena_of(&pages), "print");
    let eval = CodeRef::<Code<'_>>::transient(&transients, |loader| caller(loader, &print)).unwrap();
    let copy = eval
        .patched(&transients, |loader, code| loader.alloc(Code { name: "copy", ..*code }))
        .unwrap_or_else(|error: Error| panic!("{error}"));
    drop((eval, print));
    assert_eq!((copy.get().calls.unwrap().name, pages.live()), ("print", 2));
    drop(copy);
    assert_eq!((pages.live(), heap.stats().live), (1, 0));
}

#[test]
fn promotion_hands_over_what_a_region_keeps_also_where_nothing_is_copied() {
    let pages = Pages::ordinary();
    let old = arena_of(&pages);
    let (main, heap) = (arena_of(&pages), heap());
    let transients = Transients::new(&main, &heap);
    let print = code(&old, "print");
    drop(old);
    // The root lies in the other arena itself.
    let eval = CodeRef::<Code<'_>>::transient(&transients, |loader| loader.at(&print)).unwrap();
    let loader = main.load("m").unwrap();
    let root = eval.promote(&loader).unwrap();
    assert!(std::ptr::eq(root, print.get()));
    drop((eval, print));
    assert_eq!((root.name, pages.live()), ("print", 2));

    // Through a chain of copies.
    let print = code(&arena_of(&pages), "second");
    let late = arena_of(&pages);
    let transients = Transients::new(&late, &heap);
    let eval = CodeRef::<Code<'_>>::transient(&transients, |loader| caller(loader, &print)).unwrap();
    let copy = eval
        .patched(&transients, |loader, code| loader.alloc(Code { name: "copy", ..*code }))
        .unwrap_or_else(|error: Error| panic!("{error}"));
    let second = late.load("m").unwrap();
    let copied = copy.promote(&second).unwrap();
    drop((eval, copy, print));
    assert_eq!((copied.calls.unwrap().name, heap.stats().live, pages.live()), ("second", 0, 4));
}

#[test]
fn promotion_of_code_that_refers_to_a_younger_arena_is_refused_and_works_into_a_later_one() {
    let pages = Pages::ordinary();
    let (main, heap) = (arena_of(&pages), heap());
    let transients = Transients::new(&main, &heap);
    let young = code(&arena_of(&pages), "young");
    let eval = CodeRef::<Code<'_>>::transient(&transients, |loader| caller(loader, &young)).unwrap();
    let used = main.stats().used;
    let loader = main.load("m").unwrap();
    assert_eq!(eval.promote(&loader).map(|code| code.name), Err(Error::Younger));
    loader.finish();
    assert_eq!((main.stats().used, eval.get().calls.unwrap().name), (used, "young"), "nothing was copied");
    let later = Owned::<Code<'_>>::load(&arena_of(&pages), "later", |loader| caller(loader, &young)).unwrap();
    assert_eq!(later.get().calls.unwrap().name, "young");
}

#[test]
fn a_region_that_is_made_of_another_keeps_what_that_kept() {
    let pages = Pages::ordinary();
    let (main, heap) = (arena_of(&pages), heap());
    let transients = Transients::new(&main, &heap);
    let transients = &transients;
    let print = code(&arena_of(&pages), "print");
    let leaked: &'static Transients<'static> = {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap().leak();
        let heap: &'static HeapArena = Box::leak(Box::new(permacode_witness::handles::heap()));
        Box::leak(Box::new(Transients::new(arena, heap)))
    };
    let inner = CodeRef::<'static, Code<'_>>::transient(leaked, |loader| caller(loader, &print)).unwrap();
    // A loader of a region takes the copy, and the region keeps.
    let outer = CodeRef::<Code<'_>>::transient(leaked, |loader| inner.clone().promote(loader));
    let outer = outer.unwrap_or_else(|error: Error| panic!("{error}"));
    drop((inner, print));
    assert_eq!((outer.get().calls.unwrap().name, pages.live()), ("print", 2));
    drop(outer);
    assert_eq!((pages.live(), transients.stats().regions), (1, 0));
}

// soundness S27
#[test]
fn a_sweep_that_ends_regions_lets_go_of_what_they_kept() {
    let pages = Pages::ordinary();
    let (main, heap) = (arena_of(&pages), heap());
    let transients = Transients::new(&main, &heap);
    let held =
        CodeRef::<Code<'_>>::transient(&transients, |loader| caller(loader, &code(&arena_of(&pages), "held"))).unwrap();
    for _ in 0..100 {
        let print = code(&arena_of(&pages), "print");
        std::mem::forget(CodeRef::<Code<'_>>::transient(&transients, |loader| caller(loader, &print)).unwrap());
        held.mark();
        // SAFETY: only `held` is used, which is marked; there are no other transients on the heap.
        unsafe { transients.sweep() };
    }
    assert_eq!((pages.live(), transients.stats().regions, held.get().calls.unwrap().name), (2, 1, "held"));
    drop(held);
    assert_eq!((pages.live(), heap.stats().live), (1, 0));
}
