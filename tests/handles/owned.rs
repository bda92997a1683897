//! Owners of code: what they lead to, what they share, what traits see of them.

use permacode::owned::{Held, OwnedSideTable};
use permacode::testing::Pages;
use permacode::{CodeArena, Error, Link, Loader, Module, Owned, Permanent, SideTable, Sites};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

#[derive(Permanent, Debug, PartialEq)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    inner: &'a [&'a Code<'a>],
}

#[derive(Permanent)]
struct Ring<'a> {
    name: &'a str,
    next: Link<'a, Ring<'a>>,
}

fn arena() -> Arc<CodeArena> {
    Arc::new(permacode_witness::handles::arena())
}

fn lower<'x>(loader: &Loader<'x>, name: &str) -> Result<&'x Code<'x>, Error> {
    let inner = loader.alloc(Code { name: "inner", ops: loader.alloc_slice_copy(&[2, 3])?, inner: &[] })?;
    let inner = loader.alloc_slice_copy(&[inner])?;
    loader.alloc(Code { name: loader.alloc_str(name)?, ops: loader.alloc_slice_copy(&[1])?, inner })
}

#[test]
fn an_owner_keeps_its_arena_and_the_last_one_gives_the_pages_back() {
    let pages = Pages::ordinary();
    let arena = Arc::new(CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap());
    let code = Owned::<Code<'_>>::load(&arena, "m", |loader| lower(loader, "outer")).unwrap();
    drop(arena);
    let inner = code.map::<Code<'_>>(|code| code.inner[0]);
    let ops = inner.map::<[u8]>(|inner| inner.ops);
    let name = code.map::<str>(|code| code.name);
    assert_eq!((code.get().name, inner.get().ops, &ops[..], &*name), ("outer", &[2, 3][..], &[2, 3][..], "outer"));
    drop((code, inner, name));
    assert_eq!((ops.len(), pages.live()), (2, 1));
    drop(ops);
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn owners_are_two_words_or_three_and_options_are_no_larger() {
    let word = size_of::<usize>();
    assert_eq!((size_of::<Owned<Code<'static>>>(), size_of::<Option<Owned<Code<'static>>>>()), (2 * word, 2 * word));
    assert_eq!((size_of::<Owned<str>>(), size_of::<Option<Owned<str>>>()), (3 * word, 3 * word));
    assert_eq!((size_of::<Owned<[u8]>>(), size_of::<Option<Owned<[u8]>>>()), (3 * word, 3 * word));
}

// soundness S12
#[test]
fn owners_go_to_any_thread_and_tables_as_their_entries_do() {
    assert_impl_all!(Owned<Code<'static>>: Send, Sync, Clone);
    assert_impl_all!(Owned<Ring<'static>>: Send, Sync);
    assert_impl_all!(Owned<str>: Send, Sync);
    assert_impl_all!(Owned<[&'static str]>: Send, Sync);
    assert_impl_all!(OwnedSideTable<AtomicU32>: Send, Sync);
    assert_impl_all!(OwnedSideTable<Cell<u32>>: Send);
    assert_not_impl_any!(OwnedSideTable<Cell<u32>>: Sync);
    // Code with a lifetime is not read through: `Deref` cannot name that of the borrow.
    assert_not_impl_any!(Owned<Code<'static>>: std::ops::Deref, AsRef<Code<'static>>);
    let code = Owned::<Code<'_>>::load(&arena(), "m", |loader| lower(loader, "shared")).unwrap();
    let names: Vec<String> = std::thread::scope(|scope| {
        let threads = [code.clone(), code.clone()].map(|code| scope.spawn(move || code.get().name.to_owned()));
        threads.map(|thread| thread.join().unwrap()).into()
    });
    assert_eq!(names, ["shared", "shared"]);
}

/// Compiles: owners are covariant, and a function takes owners of code at any label.
fn shorter<'s>(owned: Owned<Code<'static>>, _: &'s u8) -> Owned<Code<'s>> {
    owned
}

fn name_of<'s>(owned: &'s Owned<Code<'_>>) -> &'s str {
    owned.get().name
}

fn next_of<'s>(owned: &'s Owned<Ring<'_>>) -> Option<&'s str> {
    owned.get().next.get().map(|next| next.name)
}

#[test]
fn a_label_may_be_shortened_and_code_with_links_is_borrowed_too() {
    let number = 7;
    let code = Owned::<Code<'_>>::load(&arena(), "m", |loader| lower(loader, "outer")).unwrap();
    assert_eq!(name_of(&shorter(code.clone(), &number)), name_of(&code));
    let ring = Owned::<Ring<'_>>::load(&arena(), "ring", |loader| {
        let ring = loader.alloc(Ring { name: loader.alloc_str("ring")?, next: Link::unset() })?;
        loader.link(&ring.next, ring)?;
        Ok::<_, Error>(ring)
    })
    .unwrap();
    assert_eq!(next_of(&ring), Some("ring"));
    let next = ring.try_map::<Ring<'_>, ()>(|ring| ring.next.get().ok_or(())).unwrap();
    assert!(next.ptr_eq(&ring));
}

#[test]
fn a_load_that_fails_or_panics_finishes_its_module_and_keeps_nothing() {
    let arena = arena();
    let refused = Owned::<u64>::load(&arena, "refused", |loader| {
        loader.alloc(1u64)?;
        Err(Error::Foreign)
    });
    assert_eq!(refused.err(), Some(Error::Foreign));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        Owned::<u64>::load_sealed(&arena, "panicked", |loader| {
            loader.alloc(1u64)?;
            if loader.bytes() != 0 {
                panic!("on purpose");
            }
            Err(Error::Foreign)
        })
        .map(drop)
    }));
    assert!(panicked.is_err());
    assert_eq!(arena.modules().map(|module| module.name()).collect::<Vec<_>>(), ["refused", "panicked"]);
    assert_eq!((arena.stats().modules, arena.seal().unwrap().held, Arc::strong_count(&arena)), (2, 0, 1));
}

#[test]
#[cfg(not(any(miri, permacode_ordinary_pages)))]
fn what_is_loaded_sealed_is_sealed_and_a_refused_seal_is_an_error_and_no_loss() {
    let pages = Pages::system();
    let arena = Arc::new(CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap());
    let code = Owned::<u64>::load_sealed(&arena, "m", |loader| loader.alloc(7)).unwrap();
    assert_eq!(arena.locate(code.get()).map(|at| at.module.protection()), Some(permacode::code::Protection::ReadOnly));
    pages.fail_call(permacode::error::PageCall::Seal, 0);
    let refused = Owned::<u64>::load_sealed(&arena, "n", |loader| loader.alloc(8));
    assert!(matches!(refused.err(), Some(Error::Pages(_))));
    assert_eq!((arena.seal().unwrap().held, arena.stats().unsealed, arena.stats().modules), (0, 0, 2));
}

#[test]
fn traits_see_code_at_the_lifetime_of_a_borrow() {
    let arena = arena();
    let load = |name: &'static str| Owned::<Code<'_>>::load(&arena, "m", |loader| lower(loader, name)).unwrap();
    let (one, same, other) = (load("one"), load("one"), load("other"));
    assert!(one == same && one != other && !one.ptr_eq(&same) && one.ptr_eq(&one.clone()));
    assert_eq!(format!("{one:?}"), format!("{:?}", one.get()));

    let text = |text: &'static str| Owned::<str>::load(&arena, "t", |loader| loader.alloc_str(text)).unwrap();
    let words = BTreeSet::from([text("b"), text("a"), text("b")]);
    assert_eq!(words.iter().map(|word| &**word).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((format!("{}", text("shown")), AsRef::<str>::as_ref(&text("seen"))), ("shown".to_owned(), "seen"));
    let globals = HashMap::from([(text("print"), 1), (text("len"), 2)]);
    assert_eq!((globals.get("len"), globals.get("exit")), (Some(&2), None));
    let slices = HashSet::from([Owned::<[u32]>::load(&arena, "s", |l| l.alloc_slice_copy(&[1, 2])).unwrap()]);
    assert!(slices.contains(&[1, 2][..]) && !slices.contains(&[1][..]));
    assert_eq!(Borrow::<str>::borrow(&text("borrowed")).len(), 8);
}

#[test]
fn a_generic_function_takes_owners_of_whatever_is_held() {
    fn bytes<T: Held + ?Sized>(owned: &Owned<T>) -> usize {
        size_of_val(owned.get())
    }
    let arena = arena();
    let code = Owned::<Code<'_>>::load(&arena, "m", |loader| lower(loader, "outer")).unwrap();
    assert_eq!(bytes(&code), size_of::<Code<'_>>());
    assert_eq!((bytes(&code.map::<[u8]>(|code| code.inner[0].ops)), bytes(&code.map::<str>(|code| code.name))), (2, 5));
}

#[test]
fn an_owner_of_what_no_arena_holds_is_an_owner_all_the_same() {
    let arena = arena();
    let constant = Owned::<str>::load(&arena, "m", |_| Ok::<_, Error>("a constant")).unwrap();
    let empty = Owned::<[u64]>::load(&arena, "m", |loader| loader.alloc_slice_copy(&[])).unwrap();
    let nothing = Owned::<()>::load(&arena, "m", |loader| loader.alloc(())).unwrap();
    assert_eq!((&*constant, &empty[..], *nothing), ("a constant", &[][..], ()));
    assert!(constant.arena().is_some_and(|of| std::ptr::eq(of, &*arena) && !of.contains(constant.get())));
}

#[test]
fn a_table_keeps_its_arena_and_begins_with_zeros() {
    let pages = Pages::ordinary();
    let arena = Arc::new(CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap());
    let code = Owned::<Sites>::load(&arena, "m", |loader| loader.alloc(loader.sites(3)?)).unwrap();
    let mut hits: OwnedSideTable<Cell<u32>> =
        OwnedSideTable::build(&arena, |builder| builder.capacity(10).pages(pages.clone())).unwrap();
    drop(arena);
    let sites = *code;
    drop(code);
    let frame = move |hits: &OwnedSideTable<Cell<u32>>| -> Vec<u32> {
        let table: &SideTable<'_, Cell<u32>> = hits.get();
        table.of(sites).unwrap().iter().map(|hit| hit.replace(7)).collect()
    };
    assert_eq!((frame(&hits), frame(&hits)), (vec![0; 3], vec![7; 3]));
    hits.reset().unwrap();
    assert_eq!(frame(&hits), [0; 3]);
    assert_eq!((hits.arena().modules().map(|module: Module<'_>| module.bytes()).sum::<usize>(), pages.live()), (8, 2));
    let moved = std::thread::spawn(move || frame(&hits) == [7; 3] && Arc::strong_count(hits.arena()) == 1);
    assert!(moved.join().unwrap());
    assert_eq!((pages.live(), pages.violations()), (0, 0));
    let refused = OwnedSideTable::<Cell<u32>>::build(&self::arena(), |builder| builder.capacity(usize::MAX));
    assert_eq!(refused.err(), Some(Error::TooLarge { len: usize::MAX, element: 4 }));
}
