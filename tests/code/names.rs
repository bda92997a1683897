//! Names: a name is its text, whoever interned it, wherever it lies and whatever was freed since (invariant 9).
#![forbid(unsafe_code)]

use permacode::handles::CodeProxy;
use permacode::side::{InlineCache, Version};
use permacode::{CodeArena, CodeRef, DualArena, Error, Link, Loader, Name, Permanent, SideTable, Sites, Transients};
use permacode_witness::handles::{arena, heap};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ptr;
use std::sync::Barrier;
use std::thread;

/// What an interpreter lowers: a name and a number.
type Global<'a> = (Name<'a>, u32);

/// One lowering function for modules and for `eval`.
fn lower<'x>(loader: &Loader<'x>, name: &str) -> Result<&'x Global<'x>, Error> {
    loader.alloc((loader.intern_name(name)?, 0))
}

fn eval<'t>(transients: &'t Transients<'t>, name: &str) -> CodeRef<'t, Global<'t>> {
    let name = name.to_owned();
    CodeRef::transient(transients, move |loader| lower(loader, &name)).unwrap()
}

fn same_copy(one: Name<'_>, other: Name<'_>) -> bool {
    ptr::eq(one.as_str(), other.as_str())
}

// soundness S28
#[test]
fn names_of_evaluations_and_modules_are_equal_and_no_freed_name_is_found_under_another() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let (one, two) = (eval(&transients, "total"), eval(&transients, "total"));
    let module = arena.load("m").unwrap();
    let three = lower(&module, "total").unwrap();
    assert!(one.get().0 == two.get().0 && one.get().0 == three.0);
    assert!(!same_copy(one.get().0, two.get().0), "else the text was not needed");
    drop((one, two));

    // A key lives as long as the map: the arena's copy. Looking up interns nothing, and what was freed is not found.
    let mut globals: HashMap<Name<'_>, &str> = HashMap::new();
    let password = eval(&transients, "password");
    globals.insert(module.intern_name(&password.get().0).unwrap(), "secret");
    assert_eq!(globals.get(&password.get().0), Some(&"secret"));
    let place = password.get().0.as_ptr().addr();
    drop(password);
    let others: Vec<_> = (0..64).map(|_| eval(&transients, "greeting")).collect();
    assert!(others.iter().any(|other| other.get().0.as_ptr().addr() == place), "one lies where `password` lay");
    for greeting in &others {
        assert_eq!((globals.get(&greeting.get().0), globals.get(&*greeting.get().0)), (None, None));
    }
    assert_eq!(globals.get("password"), Some(&"secret"));
}

// soundness S28
#[test]
fn many_evaluations_find_their_globals_while_others_are_freed() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let module = arena.load("m").unwrap();
    let mut globals: HashMap<Name<'_>, usize> = HashMap::new();
    let mut live = Vec::new();
    for round in 0..2000 {
        let code = eval(&transients, &format!("name {}", round % 300));
        // Every third name is the arena's by then, the others lie in memory that other names lay in before.
        match globals.get(&code.get().0) {
            Some(&known) => assert_eq!(known, round % 300),
            None if round % 3 == 0 => {
                assert!(globals.insert(module.intern_name(&code.get().0).unwrap(), round % 300).is_none());
            }
            None => assert!(round % 300 % 3 != 0 || round < 300),
        }
        live.push(code);
        if live.len() > 7 {
            live.swap_remove(round % 7);
        }
    }
    assert_eq!(globals.len(), 100);
}

// soundness S28
#[test]
fn permanent_code_of_one_arena_has_one_copy_and_other_arenas_have_theirs() {
    let (one, other) = (arena(), arena());
    let open = one.load("open").unwrap();
    let sealed = one.load("sealed").unwrap();
    let name = sealed.intern_name("name").unwrap();
    assert!(same_copy(name, open.intern_name("name").unwrap()));
    sealed.seal().unwrap();
    assert!(same_copy(name, open.intern_name("name").unwrap()));
    assert!(ptr::eq(name.as_str(), open.intern("name").unwrap()), "`intern` gives the same copy");
    let elsewhere = other.load("m").unwrap().intern_name("name").unwrap();
    assert!(elsewhere == name && !same_copy(elsewhere, name));
    assert_eq!(HashSet::from([name, elsewhere, open.intern_name("nam").unwrap()]).len(), 2);
}

// soundness S28
#[test]
fn looking_a_name_up_adds_nothing() {
    let arena = arena();
    let before = arena.stats();
    for text in ["", "name", "näme", &"long ".repeat(50_000)] {
        assert_eq!(arena.interned(text).map(Name::as_str), text.is_empty().then_some(""));
    }
    assert_eq!(arena.stats(), before);
    let loader = arena.load("m").unwrap();
    let name = loader.intern_name("name").unwrap();
    loader.alloc_str("only text").unwrap();
    let before = arena.stats();
    assert!(same_copy(arena.interned("name").unwrap(), name), "while its module is open");
    assert_eq!((arena.interned("nam"), arena.interned("names"), arena.interned("only text")), (None, None, None));
    assert_eq!(arena.stats(), before);
    loader.seal().unwrap();
    assert!(same_copy(arena.interned("name").unwrap(), name), "and when it is sealed");
}

// soundness S28
#[test]
fn names_of_transient_code_are_found_in_the_arena_once_they_are_promoted() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code = eval(&transients, "total");
    assert_eq!(arena.interned("total"), None);
    let loader = arena.load("m").unwrap();
    let copy = code.promote(&loader).unwrap();
    assert!(same_copy(arena.interned("total").unwrap(), copy.0));
    assert!(copy.0 == code.get().0 && !same_copy(copy.0, code.get().0));
    drop(code);
    let late = eval(&transients, "total");
    assert!(same_copy(late.get().0, copy.0), "from then on transient code has the arena's copy");
}

/// Names in every place where a field may hold one.
#[derive(Permanent)]
struct Places<'a> {
    plain: Name<'a>,
    again: Name<'a>,
    maybe: Option<Name<'a>>,
    none: Option<Name<'a>>,
    behind: &'a Name<'a>,
    slice: &'a [Name<'a>],
    array: [Name<'a>; 2],
    pair: (u8, Name<'a>),
    choice: Choice<'a>,
    linked: Link<'a, Name<'a>>,
    /// The same text as `plain`, as a reference that says nothing of names.
    text: &'a str,
    prefix: &'a str,
    empty: Name<'a>,
    generic: Wrapper<Name<'a>>,
}

#[derive(Permanent)]
enum Choice<'a> {
    Named {
        name: Name<'a>,
    },
    #[allow(dead_code)]
    Nothing,
}

#[derive(Permanent)]
struct Wrapper<T>(T);

fn places<'x>(loader: &Loader<'x>) -> Result<&'x Places<'x>, Error> {
    let name = |text: &str| loader.intern_name(text);
    let plain = name("plain")?;
    let code = loader.alloc(Places {
        plain,
        again: name("plain")?,
        maybe: Some(name("maybe")?),
        none: None,
        behind: loader.alloc(name("behind")?)?,
        slice: loader.alloc_slice_try_fill_with(3, |at| name(["a", "b", "plain"][at]))?,
        array: [name("one")?, name("two")?],
        pair: (7, name("pair")?),
        choice: Choice::Named { name: name("chosen")? },
        linked: Link::unset(),
        text: plain.as_str(),
        prefix: &plain.as_str()[..2],
        empty: name("")?,
        generic: Wrapper(name("wrapped")?),
    })?;
    loader.link(&code.linked, loader.alloc(name("linked")?)?)?;
    Ok(code)
}

impl<'a> Places<'a> {
    fn names(&self) -> Vec<Name<'a>> {
        let Choice::Named { name } = self.choice else { panic!("another variant") };
        let mut names = vec![self.plain, self.again, self.maybe.unwrap(), *self.behind, self.pair.1, name];
        names.extend(self.slice);
        names.extend(self.array);
        names.extend([*self.linked.get().unwrap(), self.empty, self.generic.0]);
        names
    }
}

// soundness S28
#[test]
fn promotion_makes_every_name_the_arenas_copy_wherever_it_stands() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, Places<'_>> = CodeRef::transient(&transients, |loader| places(loader)).unwrap();
    let loader = arena.load("m").unwrap();
    let known = ["behind", "pair"].map(|text| loader.intern_name(text).unwrap());
    let copy = code.promote(&loader).unwrap();
    loader.seal().unwrap();
    assert_eq!(copy.names(), code.get().names());
    drop(code);
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
    let expected = [
        "plain", "plain", "maybe", "behind", "pair", "chosen", "a", "b", "plain", "one", "two", "linked", "", "wrapped",
    ];
    assert_eq!(copy.names(), expected);
    for name in copy.names() {
        assert!(name.is_empty() || same_copy(name, arena.interned(&name).unwrap()), "{name} is a copy of its own");
    }
    assert!(same_copy(*copy.behind, known[0]) && same_copy(copy.pair.1, known[1]));
    assert!(ptr::eq(copy.text, copy.plain.as_str()), "what was one name is one name");
    assert_eq!((copy.prefix, copy.none.is_none()), ("pl", true));
}

// soundness S28
#[test]
fn promotion_makes_names_of_other_arenas_the_arenas_too() {
    let foreign: &'static CodeArena = arena().leak();
    let theirs: Name<'static> = foreign.load("m").unwrap().intern_name("shared").unwrap();
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, (Name<'_>, Name<'_>, u8)> =
        CodeRef::transient(&transients, |loader| loader.alloc((theirs, loader.intern_name("shared")?, 0))).unwrap();
    assert!(same_copy(code.get().0, theirs) && !same_copy(code.get().1, theirs));
    let copy = code.promote(&arena.load("m").unwrap()).unwrap();
    assert!(same_copy(copy.0, copy.1) && arena.contains(copy.0.as_ptr()));
    assert_eq!((theirs, copy.0), (copy.0, foreign.interned("shared").unwrap()));
}

// soundness S28
#[test]
fn names_in_patched_code_stay_and_are_promoted() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let first = eval(&transients, "first");
    let second = first
        .patched(&transients, |loader, first| {
            let second = loader.intern_name("second")?;
            assert_ne!(second, first.0);
            loader.alloc((first.0, second.len() as u32))
        })
        .unwrap();
    drop(first);
    assert_eq!(second.get().0, "first");
    let copy = second.promote(&arena.load("m").unwrap()).unwrap();
    drop(second);
    assert!(same_copy(copy.0, arena.interned("first").unwrap()));
    assert_eq!(arena.interned("second"), None, "nothing that is promoted has it");
}

// soundness S23, S28
#[test]
fn threads_that_intern_the_same_names_at_once_get_equal_addresses() {
    let arena = arena();
    let start = Barrier::new(4);
    let names: Vec<Vec<Name<'_>>> = thread::scope(|scope| {
        let intern = |thread: usize| {
            let (heap, loader) = (heap(), arena.load("names").unwrap());
            let transients = Transients::new(&arena, &heap);
            start.wait();
            (0..1500)
                .map(|number| {
                    let text = format!("name {number}");
                    // One of the four evaluates first, so that its copies are looked at while the others intern.
                    let code = (thread == 0).then(|| eval(&transients, &text));
                    let name = loader.intern_name(&text).unwrap();
                    assert!(code.is_none_or(|code| code.get().0 == name));
                    assert!(same_copy(arena.interned(&text).unwrap(), name));
                    name
                })
                .collect()
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || intern(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for others in &names[1..] {
        assert!(others.iter().zip(&names[0]).all(|(one, other)| same_copy(*one, *other)));
    }
}

// soundness S28
#[test]
fn maps_with_names_as_keys_are_asked_by_text_and_by_names_from_anywhere() {
    let (arena, other, heap) = (arena(), arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let loader = arena.load("m").unwrap();
    let texts = ["", "a", "aa", "ab", "b", "ä", "\0", "z"];
    let names = texts.map(|text| loader.intern_name(text).unwrap());
    let hashed: HashMap<Name<'_>, usize> = names.iter().copied().zip(0..).collect();
    let ordered: BTreeMap<Name<'_>, usize> = names.iter().copied().zip(0..).collect();
    let elsewhere = other.load("m").unwrap();
    for (at, text) in texts.into_iter().enumerate() {
        let code = eval(&transients, text);
        let foreign = elsewhere.intern_name(text).unwrap();
        for name in [names[at], code.get().0, foreign] {
            assert_eq!((hashed.get(&name), ordered.get(&name)), (Some(&at), Some(&at)));
        }
        assert_eq!((hashed.get(text), ordered.get(text)), (Some(&at), Some(&at)));
        let state = RandomState::new();
        assert_eq!(state.hash_one(foreign), state.hash_one(text), "the hash is the text's");
    }
    assert_eq!((hashed.get("c"), ordered.get("c")), (None, None));
    let sorted: Vec<&str> = ordered.keys().map(|name| name.as_str()).collect();
    assert_eq!(sorted, BTreeSet::from(texts).into_iter().collect::<Vec<_>>(), "the order is the text's");
    for (one, two) in texts.iter().flat_map(|one| texts.iter().map(move |two| (one, two))) {
        let (a, b) = (loader.intern_name(one).unwrap(), elsewhere.intern_name(two).unwrap());
        assert_eq!((a == b, a.cmp(&b), a.partial_cmp(&b)), (one == two, one.cmp(two), one.partial_cmp(two)));
    }
}

// soundness S5, S28
#[test]
fn empty_names_are_equal_and_no_block() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code = eval(&transients, "");
    let loader = arena.load("m").unwrap();
    let copy = code.promote(&loader).unwrap();
    let names = [code.get().0, copy.0, loader.intern_name("").unwrap(), arena.interned("").unwrap()];
    assert!(names.iter().all(|name| name.is_empty() && *name == names[0] && !arena.contains(name.as_ptr())));
    assert_eq!(HashSet::from(names).len(), 1);
    assert_eq!(loader.finish().bytes(), size_of::<Global<'_>>());
}

// soundness S28
#[test]
fn long_names_that_differ_in_one_byte_are_different_names() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let loader = arena.load("m").unwrap();
    let long = "n".repeat(200_000);
    let mut other = long.clone();
    other.replace_range(199_999.., "m");
    let code = eval(&transients, &long);
    let (one, two) = (loader.intern_name(&long).unwrap(), loader.intern_name(&other).unwrap());
    assert!(one == code.get().0 && one != two && two < one);
    let copy = code.promote(&loader).unwrap();
    assert!(same_copy(copy.0, one), "it is not copied again");
    assert_eq!(loader.finish().bytes(), 400_000 + size_of::<Global<'_>>());
}

/// A block with an entry in a side table for each of its instructions.
#[derive(Permanent)]
struct Instructions<'a> {
    name: Name<'a>,
    sites: Sites,
}

// soundness S28
#[test]
fn side_tables_hold_names_and_caches_that_are_keyed_by_their_addresses() {
    let arenas = DualArena::new().unwrap();
    let (arena, heap) = (&arenas.code, &arenas.heap);
    let loader = arena.load("m").unwrap();
    let names = loader.alloc_slice_try_fill_with(2, |at| loader.intern_name(["x", "y"][at])).unwrap();
    let code =
        loader.alloc(Instructions { name: loader.intern_name("f").unwrap(), sites: loader.sites(2).unwrap() }).unwrap();
    loader.seal().unwrap();

    let latest: SideTable<'_, Cell<Option<&Name<'_>>>> = SideTable::new(arena).unwrap();
    let entries = latest.of(code.sites).unwrap();
    assert!(entries.iter().all(|entry| entry.get().is_none()));
    entries[1].set(Some(&names[0]));
    assert_eq!(entries[1].get().copied(), arena.interned("x"));

    // An address is a key as long as its code lives: here permanent code, in whose arena one name has one address.
    let caches: SideTable<'_, InlineCache<u32>> = SideTable::new(arena).unwrap();
    let cache = &caches.of(code.sites).unwrap()[0];
    let (key, now) = (|name: Name<'_>| name.as_ptr().addr(), Version::FIRST);
    cache.set(key(names[0]), now, 3);
    assert_eq!(cache.get(key(arena.interned("x").unwrap()), now), Some(3));
    assert_eq!(cache.get(key(names[1]), now), None);

    // Transient code of the same names hits too, because those are the arena's.
    let transients = Transients::new(arena, heap);
    let eval = eval(&transients, "x");
    assert_eq!(cache.get(key(eval.get().0), now), Some(3));
    assert_eq!(code.name, "f");
}

#[test]
fn proxies_show_names_and_count_their_bytes_once() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code = eval(&transients, "total");
    let shown = CodeProxy::new(&arena, code, |code: &Global<'_>| code.0.as_str()).unwrap();
    assert_eq!((shown.name(), shown.size().unwrap()), ("total", size_of::<Global<'_>>() + 5));
}

#[test]
fn names_read_and_print_as_their_text() {
    let arena = arena();
    let name = arena.load("m").unwrap().intern_name("ta\tb").unwrap();
    let (text, owned) = ("ta\tb", String::from("ta\tb"));
    assert_eq!((format!("{name}|{name:>6}"), format!("{name:?}")), (format!("{text}|{text:>6}"), format!("{text:?}")));
    // By `PartialEq` itself: clippy takes comparisons that are written twice for one.
    fn both<A: PartialEq<B>, B: PartialEq<A> + ?Sized>(a: A, b: &B) -> [bool; 2] {
        [a == *b, *b == a]
    }
    assert_eq!([both(name, text), both(name, &text), both(name, &owned)], [[true; 2]; 3]);
    assert_eq!([both(name, "tab"), both(name, &"TA\tB"), both(name, &String::new())], [[false; 2]; 3]);
    let (shared, borrowed): (&str, &str) = (name.into(), name.as_ref());
    assert!(ptr::eq(shared, borrowed) && name.starts_with("ta") && name.len() == 4);
}

#[test]
fn a_name_outlives_its_loader_its_handle_and_shortens_as_a_reference_does() {
    fn shorten<'s>(long: Name<'static>, short: Name<'s>) -> [Name<'s>; 2] {
        [long, short]
    }
    let leaked: &'static CodeArena = arena().leak();
    let long: Name<'static> = leaked.load("m").unwrap().intern_name("long").unwrap();
    let arena = arena();
    let short = arena.load("m").unwrap().intern_name("short").unwrap();
    assert_eq!(shorten(long, short).map(Name::as_str), ["long", "short"]);
    assert_eq!(long.as_str().len() + short.len(), 9);
}
