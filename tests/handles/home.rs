//! Homes: counted code that keeps the heap and the arena that it lies in, in any order of ends.
#![allow(clippy::disallowed_types)] // what the library must not use, tests may

use core::cell::{Cell, RefCell};
use core::cmp::Ordering;
use permacode::handles::{CodeRc, CodeRcSlot, Home};
use permacode::testing::Pages;
use permacode::{CodeArena, CodeRef, Error, HeapArena, Link, Loader, Owned, Permanent, Sites, Transients};
use permacode_witness::Releasing;
use permacode_witness::handles::arena_of;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

#[derive(Permanent, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    inner: Option<&'a Code<'a>>,
}

#[derive(Permanent)]
struct Ring<'a> {
    number: u64,
    next: Link<'a, Ring<'a>>,
}

type Handle = CodeRc<Code<'static>>;

fn home_of(pages: &Arc<Pages>) -> Home {
    Home::new(arena_of(pages), heap_of(pages)).unwrap()
}

fn heap_of(pages: &Arc<Pages>) -> HeapArena {
    HeapArena::builder().reservation(8 << 20).pages(pages.clone()).build().unwrap()
}

fn lower<'x>(loader: &Loader<'x>, name: &str) -> Result<&'x Code<'x>, Error> {
    let inner = Some(loader.alloc(Code { name: "inner", ops: loader.alloc_slice_copy(&[2])?, inner: None })?);
    loader.alloc(Code { name: loader.intern(name)?, ops: loader.alloc_slice_copy(&[1])?, inner })
}

fn eval(home: &Home, name: &str) -> Handle {
    CodeRc::new(home, |loader| lower(loader, name)).unwrap_or_else(|error: Error| panic!("{error}"))
}

fn inner(code: &Handle) -> Handle {
    code.project::<Code<'static>>(|code| code.inner).unwrap().unwrap()
}

fn patched(code: &Handle) -> Handle {
    code.patched(|loader, code| loader.alloc(Code { ops: loader.alloc_slice_copy(&[9])?, ..*code }))
        .unwrap_or_else(|error: Error| panic!("{error}"))
}

fn regions(home: &Home) -> usize {
    home.transients().stats().regions
}

#[test]
fn whoever_goes_last_frees_the_home() {
    // A home, code, a part of it, a copy, a slot: in every order in which five can go.
    for order in 0..120 {
        let pages = Pages::ordinary();
        let home = home_of(&pages);
        let code = eval(&home, "code");
        let part = inner(&code);
        let copy = patched(&code);
        let slot = CodeRcSlot::new(code.clone());
        let mut all: Vec<Box<dyn core::any::Any>> =
            vec![Box::new(home), Box::new(code), Box::new(part), Box::new(copy), Box::new(slot)];
        let mut order = order;
        for left in (1..=5).rev() {
            assert_eq!(pages.live(), 2);
            drop(all.swap_remove(order % left));
            order /= left;
        }
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    }
}

#[test]
fn what_is_left_is_whole() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    let copy = patched(&patched(&inner(&eval(&home, "gone"))));
    assert_eq!((copy.get().name, copy.get().ops, regions(&home)), ("inner", &[9][..], 3));
    drop(home);
    let other = copy.home().clone();
    assert_eq!(regions(&other), 3, "the copy keeps its originals");
    drop(copy);
    assert_eq!((regions(&other), other.heap().stats().live, pages.live()), (0, 0, 2));
    drop(other);
    assert_eq!(pages.live(), 0);
}

#[test]
fn handles_count_as_those_that_borrow() {
    let home = home_of(&Pages::ordinary());
    let code = eval(&home, "code");
    let frame = code.clone();
    assert_eq!((code.count(), frame.same(&code), regions(&home)), (2, true, 1));
    let copy = patched(&code);
    assert_eq!((code.count(), copy.count()), (3, 1));
    let part = inner(&code);
    assert!(part.same(&inner(&code)) && part.count() == 1 && code.count() == 3);
    drop((frame, copy));
    assert_eq!((code.count(), regions(&home)), (1, 1));
    drop(code);
    assert_eq!((part.get().ops, regions(&home)), (&[2][..], 1));
    drop(part);
    assert_eq!((regions(&home), home.heap().stats().live), (0, 0));
}

#[test]
fn handles_are_one_word_for_one_thread() {
    let word = size_of::<usize>();
    assert_eq!([size_of::<Handle>(), size_of::<Option<Handle>>(), size_of::<CodeRcSlot<u32>>()], [word; 3]);
    assert_eq!([size_of::<Home>(), size_of::<Option<Home>>()], [word; 2]);
    assert_not_impl_any!(Home: Send, Sync);
    assert_not_impl_any!(Handle: Send, Sync);
    assert_not_impl_any!(CodeRcSlot<u32>: Send, Sync);
    assert_impl_all!(Handle: Clone, core::fmt::Debug, Eq, Ord, Hash);
    assert_not_impl_any!(CodeRc<Link<'static, u64>>: PartialEq, Hash);
}

// These functions compile, or not: that is the test.
#[test]
fn what_is_covariant_stays_so() {
    fn transients<'short, 'long: 'short>(long: &'short Transients<'long>) -> &'short Transients<'short> {
        long
    }
    fn a_home_gives_one_as_short_as_its_borrow(home: &Home) -> &Transients<'_> {
        home.transients()
    }
    fn handle<'short, 'long: 'short>(long: CodeRc<Code<'long>>) -> CodeRc<Code<'short>> {
        long
    }
    fn name<'c>(code: &'c CodeRc<Code<'_>>) -> &'c str {
        code.get().name
    }
    let home = home_of(&Pages::ordinary());
    let short = transients(a_home_gives_one_as_short_as_its_borrow(&home));
    let code: CodeRef<'_, Code<'_>> = CodeRef::transient(short, |loader| lower(loader, "borrows")).unwrap();
    assert_eq!((code.get().name, name(&handle(eval(&home, "owns")))), ("borrows", "owns"));
}

// soundness S41
#[test]
fn traits_see_the_code_at_the_lifetime_of_the_borrow() {
    let home = home_of(&Pages::ordinary());
    let [one, equal, other] = ["one", "one", "two"].map(|name| eval(&home, name));
    assert!(one == equal && one != other && !one.same(&equal));
    assert_eq!((one.cmp(&other), one.partial_cmp(&equal)), (Ordering::Less, Some(Ordering::Equal)));
    let hash = |code: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        code(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&|state| one.hash(state)), hash(&|state| one.get().hash(state)));
    assert_eq!(format!("{one:?}"), format!("{:?}", one.get()));
    assert_eq!(format!("{:?}", CodeRcSlot::new(one)), format!("CodeRcSlot({:?})", equal.get()));
    assert!(format!("{home:?}").starts_with("Home"));
}

#[test]
fn a_slot_lets_a_frame_run_what_it_began_with() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    let slot = CodeRcSlot::new(eval(&home, "old"));
    let frame = slot.get();
    assert_eq!(slot.replace(eval(&home, "new")).get().name, "old");
    let unused = slot.compare_exchange(&frame, frame.clone()).unwrap_err();
    assert!(unused.same(&frame), "the slot holds the new one");
    drop(unused);
    drop((slot, home));
    assert_eq!((frame.get().name, frame.count(), regions(frame.home())), ("old", 1, 1));
    drop(frame);
    assert_eq!(pages.live(), 0);
}

// ── lowering functions ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_lowering_function_may_drop_and_make_handles_and_homes() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    let (old, elsewhere) = (eval(&home, "old"), eval(&home_of(&pages), "elsewhere"));
    assert_eq!(pages.live(), 4);
    let copy = home.clone();
    let mut made = None;
    let code: Handle = CodeRc::new(&home, |loader| {
        drop((old, elsewhere, copy));
        made = Some(patched(&eval(&home, "within")));
        lower(loader, "outside")
    })
    .unwrap_or_else(|error: Error| panic!("{error}"));
    assert_eq!((pages.live(), regions(&home)), (2, 3), "the other home is gone");
    drop(home);
    let last: Handle = code
        .patched(|loader, code| {
            made = None;
            loader.alloc(Code { name: "last", ..*code })
        })
        .unwrap_or_else(|error: Error| panic!("{error}"));
    assert_eq!(regions(last.home()), 2);
    drop(code);
    assert_eq!((last.get().name, last.get().inner.unwrap().ops), ("last", &[2][..]));
    drop(last);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// soundness S8
#[test]
fn errors_and_panics_leave_nothing() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    let code = eval(&home, "code");
    let before = home.heap().stats().live;
    fn fails<'x>(loader: &Loader<'x>) -> Result<&'x u64, Error> {
        loader.alloc(1).and(Err(Error::Foreign))
    }
    fn panics<'x>(loader: &Loader<'x>) -> Result<&'x u64, Error> {
        panic!("the compiler's, after {:?}", loader.alloc(1u64))
    }
    for _ in 0..3 {
        assert_eq!(CodeRc::<u64>::new(&home, fails).err(), Some(Error::Foreign));
        assert_eq!(code.patched(|loader, code| fails(loader).map(|_| code)).err(), Some(Error::Foreign));
        let made = catch_unwind(AssertUnwindSafe(|| CodeRc::<u64>::new::<Error, _>(&home, panics)));
        let copied =
            catch_unwind(AssertUnwindSafe(|| code.patched::<Error, _>(|loader, code| panics(loader).map(|_| code))));
        assert!(made.is_err() && copied.is_err());
        assert_eq!((home.heap().stats().live, code.count()), (before, 1));
    }
    assert!(code.project::<Code<'static>>(|_| None).unwrap().is_none());
    drop((home, code));
    assert_eq!(pages.live(), 0);
}

/// Loses a value on purpose, in a place where LeakSanitizer finds it.
fn lose<T: 'static>(value: T) {
    static LOST: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let place = core::ptr::from_mut(Box::leak(Box::new(value)));
    LOST.lock().unwrap_or_else(PoisonError::into_inner).push(place.expose_provenance());
}

// ── leaks, as of an `Rc` ────────────────────────────────────────────────────────────────────────────────────────────────────────

// soundness S27
#[test]
fn lost_handles_keep_their_home_until_a_sweep_ends_their_code() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    for _ in 0..100 {
        let code = eval(&home, "lost");
        lose((patched(&code), inner(&code), code));
    }
    let (weak, kept) = (home.arena().clone(), eval(&home, "kept"));
    assert_eq!(regions(&home), 201);
    kept.mark();
    // SAFETY: what is not marked is not used, and there are no other transients.
    unsafe { home.transients().sweep() };
    assert_eq!(regions(&home), 1);
    drop(home);
    assert_eq!((kept.get().name, Arc::strong_count(&weak)), ("kept", 2));
    drop(kept);
    assert_eq!((Arc::strong_count(&weak), pages.live()), (1, 1));
    // Without a sweep the home stays, with all that is lost in it: the handles were never dropped, so none dangles.
    let home = Home::new(weak, heap_of(&pages)).unwrap();
    lose(eval(&home, "lost for ever"));
    let arena = home.arena().clone();
    drop(home);
    assert_eq!((Arc::strong_count(&arena), pages.live()), (2, 2));
    let code: Handle = eval(&Home::new(arena, heap_of(&pages)).unwrap(), "another home of the arena");
    assert_eq!(code.get().ops, [1]);
}

#[test]
fn a_forgotten_home_keeps_what_others_drop() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    let code = eval(&home, "code");
    lose(home);
    let home = code.home().clone();
    drop(code);
    assert_eq!((regions(&home), home.heap().stats().live), (0, 0));
    drop(home);
    assert_eq!(pages.live(), 2);
}

// ── clearing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_closure_that_owns_code_of_another_home_lets_it_go_and_one_that_owns_its_own_leaks() {
    let pages = Pages::ordinary();
    let code = eval(&home_of(&pages), "another home's");
    let clear = move |_: Sites| assert_eq!(code.get().ops, [1]);
    let home = Home::clearing(arena_of(&pages), heap_of(&pages), clear).unwrap();
    for _ in 0..2 {
        drop(CodeRc::<Sites>::new::<Error, _>(&home, |loader| loader.alloc(loader.sites(1)?)).unwrap());
    }
    assert_eq!(pages.live(), 4);
    drop(home);
    assert_eq!(pages.live(), 0);

    let own: Rc<RefCell<Option<Handle>>> = Rc::default();
    let owned = own.clone();
    let clear = move |_: Sites| drop(owned.take()); // if it is called
    let home = Home::clearing(arena_of(&pages), heap_of(&pages), clear).unwrap();
    *own.borrow_mut() = Some(eval(&home, "its own"));
    let weak = Rc::downgrade(&own);
    drop((own, home));
    assert_eq!((weak.strong_count(), pages.live()), (1, 2), "a cycle, as with `Rc`");
    lose(weak.upgrade());
}

#[test]
fn a_closure_may_drop_the_handles_that_a_test_of_it_holds() {
    let pages = Pages::ordinary();
    let bag: Rc<RefCell<Vec<Box<dyn core::any::Any>>>> = Rc::default();
    let drops = bag.clone();
    let home = Home::clearing(arena_of(&pages), heap_of(&pages), move |_| drop(drops.take())).unwrap();
    let sites = |home: &Home| CodeRc::<Sites>::new::<Error, _>(home, |loader| loader.alloc(loader.sites(1)?)).unwrap();
    drop(sites(&home));
    *bag.borrow_mut() =
        vec![Box::new(home.clone()), Box::new(eval(&home, "own")), Box::new(patched(&eval(&home, "copy")))];
    let code = sites(&home);
    assert_eq!((bag.borrow().len(), code.get().range(), regions(&home)), (0, 0..1, 1));
    drop((home, code));
    assert_eq!((pages.live(), Rc::strong_count(&bag)), (0, 1));
}

#[test]
fn a_closure_whose_destructor_panics_leaves_no_memory() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("the machine's");
        }
    }
    let pages = Pages::ordinary();
    let panics = Panics;
    let home = Home::clearing(arena_of(&pages), heap_of(&pages), move |_| _ = &panics).unwrap();
    let code = eval(&home, "code");
    drop(home);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(code))).is_err());
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// ── permanent code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn promoted_code_keeps_the_arena_and_no_home() {
    let pages = Pages::ordinary();
    let home = home_of(&pages);
    let name = Owned::<str>::load(home.arena(), "names", |loader| loader.intern("shared")).unwrap();
    let code = patched(&eval(&home, "shared"));
    let owned: Owned<Code<'static>> = code.promote("promoted").unwrap();
    let part = inner(&code).promote("part").unwrap();
    assert_eq!(
        home.arena().modules().map(|module| module.name().to_owned()).collect::<Vec<_>>(),
        ["names", "promoted", "part"]
    );
    assert!(core::ptr::eq(owned.get().name, &*name), "one copy of each name");
    drop((home, code, name));
    assert_eq!((owned.get().ops, owned.get().inner, pages.live()), (&[9][..], Some(part.get()), 1));
    drop((owned, part));
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn a_ring_is_promoted_and_its_links_hold() {
    let home = home_of(&Pages::ordinary());
    let ring = CodeRc::<Ring<'static>>::new(&home, |loader| {
        let one = loader.alloc(Ring { number: 1, next: Link::unset() })?;
        let two = loader.alloc(Ring { number: 2, next: Link::unset() })?;
        loader.link(&one.next, two)?;
        loader.link(&two.next, one)?;
        Ok::<_, Error>(one)
    })
    .unwrap();
    let owned = ring.promote("ring").unwrap();
    drop((ring, home));
    let one = owned.get();
    let two = one.next.get().unwrap();
    assert!(two.number == 2 && core::ptr::eq(two.next.get().unwrap(), one));
}

#[test]
fn code_keeps_the_arenas_that_it_refers_to_and_hands_them_over() {
    let pages = Pages::ordinary();
    let (old, young) = (arena_of(&pages), Cell::new(None));
    let home = home_of(&pages);
    young.set(Some(arena_of(&pages)));
    let owned = |arena: &Arc<CodeArena>| Owned::<Code<'static>>::load(arena, "m", |loader| lower(loader, "m")).unwrap();
    let calls = |of: &Owned<Code<'static>>| {
        CodeRc::<Code<'static>>::new(&home, |loader| {
            loader.alloc(Code { name: "caller", ops: &[], inner: Some(loader.at(of)?) })
        })
        .unwrap_or_else(|error: Error| panic!("{error}"))
    };
    let (calls_old, calls_young) = (calls(&owned(&old)), calls(&owned(&young.take().unwrap())));
    drop(old);
    assert_eq!((pages.live(), calls_young.get().inner.unwrap().name), (4, "m"));
    assert_eq!(calls_young.promote("refused").err(), Some(Error::Younger));
    let (callee, promoted) = (inner(&calls_old).promote("outside").unwrap(), calls_old.promote("caller").unwrap());
    assert!(core::ptr::eq(promoted.get().inner.unwrap(), callee.get()), "it is permanent already");
    drop((home, calls_old, calls_young));
    assert_eq!((pages.live(), promoted.get().inner.unwrap().name), (2, "m"), "the arena keeps the older one");
    drop(promoted);
    assert_eq!(callee.get().ops, [1]);
    drop(callee);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// soundness S41: the last handle of a home goes while the home's last region does.
#[test]
fn a_page_source_may_drop_the_last_home_while_its_last_region_goes() {
    let pages = Pages::ordinary();
    let release = || Releasing::new().arena();
    for also_code in [false, true] {
        let home = home_of(&pages);
        let called = release();
        let owned = Owned::<u64>::load(&called, "m", |loader| loader.alloc(7)).unwrap();
        drop(called);
        let refers =
            |home: &Home| CodeRc::<&u64>::new::<Error, _>(home, |loader| loader.alloc(loader.at(&owned)?)).unwrap();
        let code = refers(&home);
        drop(owned);
        let other = also_code.then(|| (eval(&home, "other"), patched(&eval(&home, "copy"))));
        Releasing::next(move || drop((home, other)));
        assert_eq!(**code.get(), 7);
        drop(code);
        assert_eq!((pages.live(), pages.violations()), (0, 0));
        assert!(!Releasing::waits(), "it was called");
    }
    // And one that makes code there, whose drop ends it.
    let home = home_of(&pages);
    let owned = Owned::<u64>::load(&release(), "m", |loader| loader.alloc(7)).unwrap();
    let code = CodeRc::<&u64>::new::<Error, _>(&home, |loader| loader.alloc(loader.at(&owned)?)).unwrap();
    drop(owned);
    Releasing::next(move || {
        let code = eval(&home, "made in between");
        drop(home);
        assert_eq!(code.get().ops, [1]);
    });
    drop(code);
    assert!(!Releasing::waits(), "it was called");
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

// ── many ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn homes_one_after_another_use_the_same_numbers() {
    let pages = Pages::ordinary();
    let arena = arena_of(&pages);
    for round in 0..200u32 {
        let table = Rc::new(RefCell::new([round; 32]));
        let cleared = table.clone();
        let clear = move |sites: Sites| cleared.borrow_mut()[sites.range()].fill(0);
        let home = Home::clearing(arena.clone(), heap_of(&pages), clear).unwrap();
        let code =
            |count| CodeRc::<Sites>::new::<Error, _>(&home, |loader| loader.alloc(loader.sites(count)?)).unwrap();
        let codes = [code(3), code(16)];
        drop(home);
        assert!(codes.iter().all(|code| table.borrow()[code.get().range()].iter().all(|&entry| entry == 0)), "{round}");
        assert!(Rc::strong_count(&table) == 2);
    }
    assert_eq!(arena.load("asks").unwrap().sites(0).unwrap().range().start, 32);
    assert_eq!(pages.live(), 1);
}

// soundness S23
#[test]
fn threads_have_homes_of_one_arena() {
    let pages = Pages::ordinary();
    let arena = arena_of(&pages);
    thread::scope(|scope| {
        for number in 0..4 {
            let (arena, pages) = (&arena, &pages);
            scope.spawn(move || {
                for _ in 0..if cfg!(miri) { 3 } else { 100 } {
                    let home = Home::new(arena.clone(), heap_of(pages)).unwrap();
                    let name = format!("thread {number}");
                    let codes: Vec<_> = (0..10).map(|_| eval(&home, &name)).collect();
                    drop(home);
                    assert!(codes.iter().all(|code| code.get().name == name));
                }
            });
        }
    });
    assert_eq!((Arc::strong_count(&arena), pages.live(), pages.violations()), (1, 1, 0));
}

#[test]
fn a_long_chain_of_copies_goes_on_a_small_stack() {
    let many = if cfg!(miri) { 100 } else { 20_000 };
    let work = move || {
        let home =
            Home::new(Arc::new(permacode_witness::handles::arena()), permacode_witness::handles::heap()).unwrap();
        let first = CodeRc::<u64>::new::<Error, _>(&home, |loader| loader.alloc(7)).unwrap();
        let chain = (0..many).fold(first, |code, _| code.patched(|_, code| Ok::<_, Error>(code)).unwrap());
        assert_eq!(regions(&home), many + 1);
        drop(home);
        *chain.get()
    };
    assert_eq!(thread::Builder::new().stack_size(64 << 10).spawn(work).unwrap().join().unwrap(), 7);
}
