//! Counted code for threads: regions that any thread frees, what they keep, how they become permanent.

use permacode::owned::{OwnedSlot, SharedHome};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, Link, Loader, Owned, Permanent, Sites, Transients};
use permacode_witness::Releasing;
use permacode_witness::handles::arena_of;
use static_assertions::assert_impl_all;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, mpsc};
use std::thread;

assert_impl_all!(SharedHome: Send, Sync);
assert_impl_all!(OwnedSlot<Code<'static>>: Send, Sync);

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    sites: Sites,
    calls: Option<&'a Code<'a>>,
    parent: Link<'a, Code<'a>>,
}

type Function = Owned<Code<'static>>;

fn home() -> Arc<SharedHome> {
    Arc::new(SharedHome::new(Arc::new(permacode_witness::handles::arena())))
}

fn lower<'x>(loader: &Loader<'x>, number: usize) -> Result<&'x Code<'x>, Error> {
    let ops = loader.alloc_padded(&vec![number as u8; number % 3000], 64, 8)?;
    let inner = loader.alloc(Code {
        name: "inner",
        ops: &ops[ops.len() / 2..],
        sites: loader.sites(number % 7)?,
        calls: None,
        parent: Link::unset(),
    })?;
    let name = loader.intern(&format!("name {number}"))?;
    let sites = loader.sites(1 + number % 40)?;
    let code = loader.alloc(Code { name, ops, sites, calls: Some(inner), parent: Link::unset() })?;
    loader.link(&inner.parent, code)?;
    Ok(code)
}

fn eval(home: &Arc<SharedHome>, number: usize) -> Function {
    Owned::transient(home, |loader| lower(loader, number)).unwrap_or_else(|error: Error| panic!("{number}: {error}"))
}

fn check(code: &Function, number: usize) {
    let code = code.get();
    let inner = code.calls.unwrap();
    assert_eq!((code.name, code.ops.len()), (&*format!("name {number}"), number % 3000 + 8));
    assert!(code.ops[..number % 3000].iter().all(|op| *op == number as u8) && code.ops.as_ptr().addr() % 64 == 0);
    assert!(
        std::ptr::eq(inner.parent.get().unwrap(), code) && inner.ops.as_ptr_range().end == code.ops.as_ptr_range().end
    );
    assert_eq!((code.sites.len(), inner.sites.len()), (1 + number % 40, number % 7));
}

fn shared<T: permacode::owned::Held + ?Sized>(
    home: &Arc<SharedHome>,
    call: impl for<'x> FnOnce(&Loader<'x>) -> Result<&'x T::At<'x>, Error>,
) -> Owned<T> {
    Owned::transient(home, call).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn code_of_one_thread_is_run_and_freed_by_others() {
    let home = home();
    let (threads, each) = (4, if cfg!(miri) { 3 } else { 500 });
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel::<(usize, Function)>();
        for thread in 0..threads {
            let (send, home) = (send.clone(), &home);
            scope.spawn(move || {
                for number in (0..each).map(|at| at * threads + thread) {
                    let code = eval(home, number * 13);
                    send.send((number * 13, code.clone())).unwrap();
                    check(&code, number * 13);
                }
            });
        }
        drop(send);
        let mut inner = Vec::new();
        for (number, code) in receive {
            check(&code, number);
            inner.push((number, code.map::<Code<'_>>(|code| code.calls.unwrap())));
        }
        assert_eq!(inner.len(), threads * each);
        inner.iter().for_each(|(number, inner)| assert_eq!(inner.get().sites.len(), number % 7));
    });
    assert_eq!(home.regions(), 0);
}

#[test]
fn the_last_owner_gives_home_and_arena_back() {
    let pages = Pages::ordinary();
    let home = Arc::new(SharedHome::new(arena_of(&pages)));
    let code = eval(&home, 5);
    let name = code.map::<str>(|code| code.name);
    assert!(code.arena().is_none() && home.regions() == 1);
    drop((home, code));
    assert_eq!((&*name, pages.live()), ("name 5", 1));
    thread::spawn(move || drop(name)).join().unwrap();
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn errors_and_panics_leave_nothing() {
    let home = home();
    let refused = Owned::<Code<'_>>::transient(&home, |loader| lower(loader, 2000).and(Err(Error::Foreign)));
    assert_eq!(refused.err(), Some(Error::Foreign));
    let panics = || drop(Owned::<Code<'_>>::transient(&home, |loader| lower(loader, 2000).map(|_| panic!("in lower"))));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(home.regions(), 0);
    let too_many = Owned::<Sites>::transient(&home, |loader| loader.alloc(loader.sites(70_000)?));
    assert!(matches!(too_many, Err(Error::Sites { asked: 70_000, .. })));
    let too_large = Owned::<[u8]>::transient(&home, |loader| loader.alloc_padded(b"", 1 << 30, usize::MAX >> 1));
    assert!(matches!(too_large.err(), Some(Error::TooLarge { .. } | Error::Memory { .. })));
    assert_eq!(home.regions(), 0);
}

#[test]
fn names_of_the_arena_are_shared_and_others_are_the_codes_own() {
    let home = home();
    let known: Owned<str> = Owned::load(home.arena(), "m", |loader| loader.intern("known")).unwrap();
    let names = shared::<[&str; 3]>(&home, |loader| {
        loader.alloc([loader.intern("known")?, loader.intern("own")?, loader.intern("own")?])
    });
    let [one, two, three] = names.get();
    assert!(std::ptr::eq(*one, &*known) && std::ptr::eq(*two, *three) && home.arena().interned("own").is_none());
    let copy = names.promote("copy").unwrap();
    assert!(std::ptr::eq(copy.get()[0], &*known) && home.arena().interned("own").is_some());
}

#[test]
fn site_numbers_are_used_again_and_cleared_before() {
    let arena = Arc::new(permacode_witness::handles::arena());
    let table: Arc<Vec<AtomicUsize>> = Arc::new((0..100_000).map(|_| AtomicUsize::new(0)).collect());
    let cleared = table.clone();
    let clear = move |sites: Sites| cleared[sites.range()].iter().for_each(|entry| entry.store(0, Relaxed));
    let home = Arc::new(SharedHome::new(arena).clearing(clear).unwrap());
    thread::scope(|scope| {
        for thread in 1..=4 {
            let (home, table) = (&home, &table);
            scope.spawn(move || {
                for number in 0..if cfg!(miri) { 5 } else { 3000 } {
                    let code = eval(home, number % 100);
                    for entry in &table[code.get().sites.range()] {
                        assert_eq!(entry.swap(thread, Relaxed), 0, "another's, or not cleared");
                    }
                    assert!(table[code.get().sites.range()].iter().all(|entry| entry.load(Relaxed) == thread));
                }
            });
        }
    });
    // Ranges of 16, 32 and 64 numbers for four threads, and now and then one more.
    assert!(home.arena().stats().sites <= 4 * 4 * (16 + 32 + 64), "{}", home.arena().stats().sites);
}

#[test]
fn a_closure_that_panics_clears_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let clear = move |_: Sites| assert!(counted.fetch_add(1, Relaxed) != 0, "the first time");
    let home = SharedHome::new(Arc::new(permacode_witness::handles::arena())).clearing(clear).unwrap();
    let home = Arc::new(home);
    drop(eval(&home, 1));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(eval(&home, 1)))).is_err());
    assert_eq!((home.regions(), home.arena().stats().sites), (0, 16));
    drop(eval(&home, 1));
    assert_eq!((calls.load(Relaxed), home.arena().stats().sites), (2, 16));
}

#[test]
fn a_copy_keeps_sharing_and_cycles_and_has_numbers_of_its_own() {
    let home = home();
    let numbers = (0..60).map(|at| at * 97);
    let mut starts = BTreeSet::new();
    for number in numbers {
        let code = eval(&home, number);
        let copy = code.promote(&format!("m{number}")).unwrap();
        drop(code);
        check(&copy, number);
        assert!(home.arena().contains(copy.get()) && home.arena().contains(copy.get().name));
        assert!(copy.arena().is_some_and(|arena| std::ptr::eq(arena, &**home.arena())));
        assert!(starts.insert(copy.get().sites.range().start));
        assert!(copy.promote("n").unwrap().ptr_eq(&copy));
    }
    home.arena().seal().unwrap();
    assert_eq!(home.regions(), 0);
}

#[test]
fn text_and_slices_are_promoted_whole_or_in_part() {
    let home = home();
    let code = eval(&home, 100);
    let name = code.map::<str>(|code| code.name);
    let (part, ops) = (name.map::<str>(|name| &name[5..]), code.map::<[u8]>(|code| &code.ops[7..90]));
    let (no_text, no_ops) = (name.map::<str>(|name| &name[3..3]), ops.map::<[u8]>(|ops| &ops[9..9]));
    let calls: Owned<[&Code<'_>]> = shared(&home, |loader| {
        let code = lower(loader, 7)?;
        loader.alloc_slice_copy(&[code, code.calls.unwrap(), code])
    });
    let kept = calls.promote("calls").unwrap();
    let whole = [name.promote("name").unwrap(), part.promote("part").unwrap(), no_text.promote("none").unwrap()];
    let bytes = [ops.promote("ops").unwrap(), no_ops.promote("none").unwrap()];
    assert!(
        whole[0].promote("again").unwrap().ptr_eq(&whole[0]) && bytes[0].promote("again").unwrap().ptr_eq(&bytes[0])
    );
    drop((code, name, part, ops, no_text, no_ops, calls));
    assert_eq!(home.regions(), 0);
    assert_eq!(whole.each_ref().map(|text| &**text), ["name 100", "100", ""]);
    assert_eq!((&bytes[0][..], &bytes[1][..]), (&[100; 83][..], &[][..]));
    let arena = home.arena();
    assert_eq!(arena.interned("name 100").map(|name| name.as_ptr()), Some(whole[0].as_ptr()), "it was a name");
    assert!(arena.interned("100").is_none() && arena.contains(whole[1].as_ptr()) && arena.contains(bytes[0].as_ptr()));
    let [first, inner, again] = kept.get() else { panic!("three") };
    assert!(std::ptr::eq(*first, *again) && std::ptr::eq(first.calls.unwrap(), *inner));
    check(&kept.map::<Code<'_>>(|calls| calls[0]), 7);
}

#[test]
fn text_with_zeros_behind_it_keeps_them_and_its_place() {
    let home = home();
    let text = shared::<str>(&home, |loader| Ok(std::str::from_utf8(loader.alloc_padded(b"text", 256, 4)?).unwrap()));
    let part = text.map::<str>(|text| &text[1..4]);
    let [whole, part] = [&text, &part].map(|text| text.promote("m").unwrap());
    drop(text);
    assert_eq!((&*whole, &*part), ("text\0\0\0\0", "ext"));
    assert_eq!((whole.as_ptr().addr() % 256, part.as_ptr().addr() % 256), (0, 1));
}

// soundness S25
#[test]
fn no_loader_sets_a_link_of_another_regions_code() {
    type Ring<'a> = Link<'a, u64>;
    let home = home();
    let open = shared::<Ring<'_>>(&home, |loader| loader.alloc(Link::unset()));
    let refused = shared::<bool>(&home, |loader| {
        let (seen, target) = (loader.at(&open)?, loader.alloc(7)?);
        loader.alloc(loader.link(seen, target).is_err())
    });
    assert!(*refused);
    // What was promoted is finished as well.
    let copy = open.promote("m").unwrap();
    let refused = Owned::<bool>::load(home.arena(), "n", |loader| {
        let (seen, target) = (loader.at(&copy)?, loader.alloc(7)?);
        loader.alloc(loader.link(seen, target).is_err())
    });
    assert!(*refused.unwrap() && copy.get().get().is_none() && open.get().get().is_none());
}

// What lies elsewhere stays where it is, and is kept.
#[test]
fn text_and_slices_of_other_arenas_are_handed_over() {
    let pages = Pages::ordinary();
    let home = Arc::new(SharedHome::new(arena_of(&pages)));
    let [older, younger] = [(); 2].map(|()| arena_of(&pages));
    let home_of_younger = Arc::new(SharedHome::new(younger));
    let words: Owned<[&str]> =
        Owned::load(&older, "m", |loader| loader.alloc_slice_copy(&[loader.intern("one")?, "two"])).unwrap();
    drop(older);
    let in_region = shared::<[&str]>(&home_of_younger, |loader| loader.at(&words));
    let text = in_region.map::<str>(|words| words[0]);
    let (kept_slice, kept_text) = (in_region.promote("m").unwrap(), text.promote("m").unwrap());
    assert!(std::ptr::eq(kept_slice.get(), words.get()) && std::ptr::eq(&*kept_text, words.get()[0]));
    let younger_than_home = shared::<[&str]>(&home, |loader| loader.at(&words));
    assert_eq!(younger_than_home.promote("m").err(), Some(Error::Younger));
    assert_eq!(younger_than_home.map::<str>(|words| words[0]).promote("m").err(), Some(Error::Younger));
    drop((words, in_region, text, younger_than_home, kept_slice, home_of_younger));
    assert_eq!((&*kept_text, pages.live()), ("one", 3));
    drop((kept_text, home));
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn threads_promote_one_code_at_once() {
    let home = home();
    let code = eval(&home, 2500);
    let copies = thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| code.promote("m").unwrap()));
        threads.map(|thread| thread.join().unwrap())
    });
    drop(code);
    copies.iter().for_each(|copy| check(copy, 2500));
    assert!(copies.iter().all(|copy| std::ptr::eq(copy.get().name, copies[0].get().name)));
}

#[test]
fn a_region_keeps_arenas_and_earlier_regions_and_lets_them_go() {
    let pages = Pages::ordinary();
    let (old, own, new) = (arena_of(&pages), arena_of(&pages), arena_of(&pages));
    let home = Arc::new(SharedHome::new(own));
    let word = |arena: &Arc<CodeArena>, word: &'static str| {
        Owned::<str>::load(arena, "m", |loader| loader.alloc_str(word)).unwrap()
    };
    let (one, two, three) = (word(&old, "old"), word(home.arena(), "own"), word(&new, "new"));
    let first = shared::<[&str; 1]>(&home, |loader| loader.alloc([loader.alloc_str("first")?]));
    let before = Arc::strong_count(&old);
    let second = shared::<[&str; 4]>(&home, |loader| {
        loader.at(&one)?;
        loader.alloc([loader.at(&one)?, loader.at(&two)?, loader.at(&three)?, loader.at(&first)?[0]])
    });
    assert_eq!(Arc::strong_count(&old), before + 1);
    drop((one, two, three, first, old, new));
    assert_eq!((*second.get(), home.regions(), pages.live()), (["old", "own", "new", "first"], 2, 3));
    drop(second);
    assert_eq!((home.regions(), pages.live()), (0, 1));
    drop(home);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn permanent_code_cannot_refer_to_a_region_and_takes_what_was_promoted() {
    let home = home();
    let first = shared::<u64>(&home, |loader| loader.alloc(7));
    let load = |owned: &Owned<u64>| Owned::<&u64>::load(home.arena(), "m", |loader| loader.alloc(loader.at(owned)?));
    assert_eq!(load(&first).err(), Some(Error::OtherArena));
    assert_eq!(**load(&first.promote("first").unwrap()).unwrap().get(), 7);
    // Nor by way of a region that is promoted, on either kind of memory.
    let second = shared::<&u64>(&home, |loader| loader.alloc(loader.at(&first)?));
    let root = shared::<u64>(&home, |loader| loader.at(&first));
    assert_eq!(
        (second.promote("second").err(), root.promote("root").err()),
        (Some(Error::OtherArena), Some(Error::OtherArena))
    );
    let heap = permacode_witness::handles::heap();
    let transients = Transients::new(home.arena(), &heap);
    let third: CodeRef<'_, &u64> = CodeRef::transient(&transients, |loader| loader.at(&second)).unwrap();
    drop((first, second, root));
    assert_eq!((home.regions(), **third.get()), (2, 7));
    assert_eq!(third.promote(&home.arena().load("third").unwrap()).err(), Some(Error::OtherArena));
    drop(third);
    assert_eq!(home.regions(), 0);
}

#[test]
fn promotion_hands_over_what_the_region_keeps_also_where_nothing_is_copied() {
    let pages = Pages::ordinary();
    let old = arena_of(&pages);
    let word: Owned<str> = Owned::load(&old, "m", |loader| loader.alloc_str("old")).unwrap();
    let code: Owned<&str> = Owned::load(&old, "n", |loader| loader.alloc(loader.at(&word)?)).unwrap();
    let home = Arc::new(SharedHome::new(arena_of(&pages)));
    let copied = shared::<[&str; 1]>(&home, |loader| loader.alloc([loader.at(&word)?]));
    let itself = shared::<&str>(&home, |loader| loader.at(&code));
    drop((old, word, code));
    let (copy, same) = (copied.promote("copy").unwrap(), itself.promote("same").unwrap());
    drop((copied, itself, home));
    assert_eq!((copy.get()[0], *same.get(), pages.live()), ("old", "old", 2));
    drop(copy);
    assert_eq!((*same.get(), pages.live()), ("old", 2));
    drop(same);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
    // Younger than the home's arena: refused, and nothing is kept.
    let home = Arc::new(SharedHome::new(arena_of(&pages)));
    let young: Owned<str> = Owned::load(&arena_of(&pages), "m", |loader| loader.alloc_str("young")).unwrap();
    let code = shared::<[&str; 1]>(&home, |loader| loader.alloc([loader.at(&young)?]));
    assert_eq!((code.promote("m").err(), code.get()[0]), (Some(Error::Younger), "young"));
}

#[test]
fn memory_that_refers_back_refuses_the_promotion() {
    let home = home();
    let code = shared::<(&u64, &&u64)>(&home, |loader| {
        let number = loader.alloc(7u64)?;
        let leaked: &'_ &u64 = Box::leak(Box::new(number));
        loader.alloc((number, leaked))
    });
    assert_eq!(code.promote("m").err(), Some(Error::RefersBack));
    let sites = shared::<&Sites>(&home, |loader| loader.alloc(&*Box::leak(Box::new(loader.sites(1)?))));
    assert_eq!(sites.promote("m").err(), Some(Error::RefersBack));
}

/// A page source that drops an owner while it releases its own pages.
#[test]
fn a_page_source_that_frees_code_while_code_ends_finds_no_list_half_done() {
    let home = home();
    let arena = Releasing::new().arena();
    let word: Owned<str> = Owned::load(&arena, "m", |loader| loader.alloc_str("word")).unwrap();
    let keeper = |kept: Option<&Function>| {
        shared::<Code<'_>>(&home, |loader| {
            let calls = kept.map(|kept| loader.at(kept)).transpose()?;
            let (name, parent) = (loader.at(&word)?, Link::unset());
            loader.alloc(Code { name, ops: &[], sites: loader.sites(3)?, calls, parent })
        })
    };
    let first = keeper(None);
    let second = keeper(Some(&first));
    let freed = [eval(&home, 1000), eval(&home, 2)];
    Releasing::next(move || drop(freed));
    drop((arena, word, first));
    assert_eq!(home.regions(), 4);
    drop(second);
    assert_eq!(home.regions(), 0);
}

#[test]
fn a_chain_of_regions_ends_on_a_small_stack() {
    let home = home();
    let mut newest = shared::<Option<&u64>>(&home, |loader| loader.alloc(None));
    let many = if cfg!(miri) { 50 } else { 20_000 };
    for _ in 1..many {
        newest = shared(&home, |loader| loader.at(&newest).and_then(|before| loader.alloc(*before)));
    }
    assert_eq!(home.regions(), many);
    thread::Builder::new().stack_size(64 << 10).spawn(move || drop(newest)).unwrap().join().unwrap();
    assert_eq!(home.regions(), 0);
}

#[test]
fn many_records_go_where_the_first_object_has_no_room() {
    let home = home();
    let heap = HeapArena::new().unwrap();
    let words: Vec<Owned<str>> = (0..30)
        .map(|_| {
            Owned::load(&Arc::new(permacode_witness::handles::arena()), "m", |loader| loader.alloc_str("w")).unwrap()
        })
        .collect();
    let code = shared::<[&str]>(&home, |loader| {
        let mut all = Vec::new();
        for (at, word) in words.iter().enumerate() {
            all.extend([loader.at(word)?, loader.intern(&at.to_string())?]);
            loader.alloc_padded(b"x", 128, 0)?;
            loader.sites(at * 50)?;
        }
        loader.alloc_slice_copy(&all)
    });
    drop(words);
    assert!(
        code.get()
            .iter()
            .enumerate()
            .all(|(at, word)| *word == if at % 2 == 0 { "w".into() } else { (at / 2).to_string() })
    );
    drop(code);
    assert_eq!((home.regions(), heap.stats().live), (0, 0));
}
