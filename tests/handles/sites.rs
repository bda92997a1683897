//! Promotion of code with site numbers from anywhere: no number that other code can get again stands in permanent code.
//!
//! soundness S17 throughout: numbers of transient code are told apart by what they say themselves, not by where they were looked for.
#![allow(clippy::disallowed_types)] // what the library must not use, tests may

use core::cell::Cell;
use permacode::pages::OrdinaryPages;
use permacode::side::{InlineCache, Version};
use permacode::stats::TransientStats;
use permacode::{CodeArena, CodeRef, Error, Loader, Permanent, Plain, SideTable, Sites, Transients};
use permacode_witness::handles::{arena, heap};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    sites: Sites,
    more: [Sites; 3],
    inner: Option<&'a Code<'a>>,
}

type Handle<'t> = CodeRef<'t, Code<'t>>;

impl<'a> Code<'a> {
    /// Code with so many sites of its own, and three times none.
    fn new(loader: &Loader<'a>, name: &'a str, sites: usize) -> Result<Self, Error> {
        let none = loader.sites(0)?;
        Ok(Self { name, sites: loader.sites(sites)?, more: [none; 3], inner: None })
    }
}

fn eval<'t>(home: &'t Transients<'t>, name: &'static str, sites: usize) -> Handle<'t> {
    CodeRef::transient(home, |loader| loader.alloc(Code::new(loader, name, sites)?)).unwrap()
}

/// Takes every number that is free; whoever has one of them still has it in common with the code returned.
fn takes_all_free<'t>(home: &'t Transients<'t>) -> Vec<Handle<'t>> {
    let mut all = Vec::new();
    while home.stats().free_sites > 0 {
        all.push(eval(home, "other", 16));
        assert!(all.len() < 1000);
    }
    all
}

fn apart(one: Sites, other: Sites) -> bool {
    one.range().end <= other.range().start || other.range().end <= one.range().start
}

// The case `patched_sites`: the promoted code's caches came to be other code's.
#[test]
fn code_patched_with_another_arenas_transients_gets_numbers_of_the_arena_that_it_is_promoted_to() {
    let (x, y) = (arena(), arena());
    let (heap_x, heap_y) = (heap(), heap());
    let table: SideTable<'_, InlineCache<u32>> = SideTable::new(&x).unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(InlineCache::clear);
    let in_x = Transients::new(&x, &heap_x).clearing(&clear);
    let in_y = Transients::new(&y, &heap_y);
    let table_y: SideTable<'_, InlineCache<u32>> = SideTable::new(&y).unwrap();
    let now = Version::FIRST;

    let original = eval(&in_x, "original", 1);
    let patched: Handle<'_> =
        original.patched(&in_y, |loader, code| loader.alloc(Code { name: "patched", ..*code })).unwrap();
    assert_eq!(patched.get().sites, original.get().sites, "so that the caches go on");
    assert_eq!(patched.promote(&x.load("m").unwrap()).err(), Some(Error::OtherArena));
    let loader = y.load("m").unwrap();
    let promoted = patched.promote(&loader).unwrap();
    loader.seal().unwrap();
    let old = original.get().sites;
    drop((original, patched));
    assert_eq!((in_x.stats().regions, in_x.stats().free_sites), (0, in_x.stats().sites));

    let other = eval(&in_x, "other", 1);
    assert_eq!(other.get().sites, old, "other code has the numbers now");
    table.of(other.get().sites).unwrap()[0].set(7, now, 111);
    assert_eq!(table.of(promoted.sites).err(), Some(Error::OtherArena), "which are not the promoted code's");
    assert_eq!(table_y.of(promoted.sites).unwrap()[0].get(7, now), None);
    assert_eq!((promoted.sites.len(), promoted.name), (1, "patched"));
}

#[test]
fn code_patched_twice_over_three_arenas_has_numbers_of_the_last_one_only() {
    let arenas = [arena(), arena(), arena()];
    let heaps = [heap(), heap(), heap()];
    let homes: Vec<_> = arenas.iter().zip(&heaps).map(|(arena, heap)| Transients::new(arena, heap)).collect();
    let lasting = arenas[0].load("lasting").unwrap().sites(40).unwrap();
    let one: Handle<'_> = CodeRef::transient(&homes[0], |loader| {
        let inner = loader.alloc(Code { more: [lasting; 3], ..Code::new(loader, "inner", 2)? })?;
        loader.alloc(Code { inner: Some(inner), ..Code::new(loader, "one", 5)? })
    })
    .unwrap();
    let two: Handle<'_> = one
        .patched(&homes[1], |loader, code| {
            let own = loader.sites(5)?;
            loader.alloc(Code { name: "two", more: [own, code.sites, own], ..*code })
        })
        .unwrap();
    let three: Handle<'_> = two
        .patched(&homes[2], |loader, code| {
            let own = loader.sites(5)?;
            loader.alloc(Code { name: "three", more: [code.more[0], code.more[1], own], ..*code })
        })
        .unwrap();
    for arena in &arenas[..2] {
        assert_eq!(three.promote(&arena.load("m").unwrap()).err(), Some(Error::OtherArena));
    }
    let loader = arenas[2].load("m").unwrap();
    let copy = three.promote(&loader).unwrap();
    loader.seal().unwrap();
    let transient = three.get();
    assert_eq!(transient.sites, one.get().sites);
    assert_eq!((copy.more[1], copy.more[0].len(), copy.more[2].len()), (copy.sites, 5, 5), "equal ones stay equal");
    let inner = copy.inner.unwrap();
    assert_eq!(inner.more, [lasting; 3], "permanent numbers stay, whichever arena's they are");
    let table: SideTable<'_, Cell<u8>> = SideTable::new(&arenas[2]).unwrap();
    let all = [copy.sites, copy.more[0], copy.more[2], inner.sites];
    for (index, sites) in all.iter().enumerate() {
        assert!(table.of(*sites).unwrap().iter().all(|entry| entry.replace(index as u8 + 1) == 0));
    }
    drop((one, two, three));
    let others: Vec<_> = homes.iter().flat_map(takes_all_free).collect();
    assert_eq!(others.len(), 3);
    for other in &others {
        assert!(all.iter().all(|sites| *sites != other.get().sites));
        if let Ok(entries) = table.of(other.get().sites) {
            assert!(entries.iter().all(|entry| entry.get() == 0), "other code has the numbers");
        }
    }
}

#[test]
fn code_patched_with_other_transients_of_the_same_arena_has_new_numbers() {
    let (arena, heap) = (arena(), heap());
    let (one, other) = (Transients::new(&arena, &heap), Transients::new(&arena, &heap));
    let original = eval(&one, "original", 3);
    let patched: Handle<'_> =
        original.patched(&other, |loader, code| loader.alloc(Code { more: [loader.sites(3)?; 3], ..*code })).unwrap();
    let copy = patched.promote(&arena.load("m").unwrap()).unwrap();
    drop((original, patched));
    for code in takes_all_free(&one).iter().chain(&takes_all_free(&other)) {
        assert!(apart(code.get().sites, copy.sites) && apart(code.get().sites, copy.more[0]));
    }
    assert!(apart(copy.sites, copy.more[0]) && copy.more[0] == copy.more[2]);
}

/// `Sites` carry no lifetime: safe code can take them out of transient code, and put them into other transient code.
#[test]
fn numbers_taken_from_other_transient_code_do_not_become_permanent() {
    let (arena, heap) = (arena(), heap());
    let (transients, elsewhere) = (Transients::new(&arena, &heap), Transients::new(&arena, &heap));
    let (foreign, foreign_heap) = (permacode_witness::handles::arena(), permacode_witness::handles::heap());
    let in_foreign = Transients::new(&foreign, &foreign_heap);
    let dropped = *eval_sites(&Transients::new(&arena, &heap));
    let kept = eval(&elsewhere, "kept", 9);
    let stolen = [
        dropped,
        eval(&transients, "dead", 7).get().sites,
        kept.get().sites,
        eval(&in_foreign, "of another arena", 4).get().sites,
    ];
    let code: Handle<'_> = CodeRef::transient(&transients, |loader| {
        let inner = loader.alloc(Code { sites: stolen[3], ..Code::new(loader, "inner", 1)? })?;
        let more = [stolen[0], stolen[1], stolen[2]];
        loader.alloc(Code { more, inner: Some(inner), ..Code::new(loader, "thief", 3)? })
    })
    .unwrap();
    let copy = code.promote(&arena.load("m").unwrap()).unwrap();
    let inner = copy.inner.unwrap();
    drop((code, kept));
    let table: SideTable<'_, Cell<u8>> = SideTable::new(&arena).unwrap();
    let others: Vec<_> = takes_all_free(&transients).into_iter().chain(takes_all_free(&elsewhere)).collect();
    for (old, new) in stolen.iter().zip([copy.more[0], copy.more[1], copy.more[2], inner.sites]) {
        assert_eq!((new.len(), new == *old), (old.len(), false));
        assert!(table.of(new).is_ok(), "a number of the arena that the copy is in");
        assert!(others.iter().all(|other| apart(other.get().sites, new)));
    }
}

/// The numbers of code that goes at once, and with it its transients.
fn eval_sites(home: &Transients<'_>) -> Box<Sites> {
    Box::new(eval(home, "gone", 6).get().sites)
}

#[test]
fn no_sites_are_the_arenas_that_the_copy_is_in() {
    let (x, y, heap) = (arena(), arena(), heap());
    let (in_x, in_y) = (Transients::new(&x, &heap), Transients::new(&y, &heap));
    let table: SideTable<'_, Cell<u8>> = SideTable::new(&y).unwrap();
    let patched: Handle<'_> =
        eval(&in_x, "none", 0).patched(&in_y, |loader, code| loader.alloc(Code { ..*code })).unwrap();
    assert_eq!(table.of(patched.get().sites).err(), Some(Error::OtherArena));
    let copy = patched.promote(&y.load("m").unwrap()).unwrap();
    for sites in [copy.sites, copy.more[0]] {
        assert_eq!(table.of(sites), Ok(&[][..]));
    }
    assert_eq!(y.stats().sites, 0, "and take no numbers");
}

#[test]
fn leaked_memory_with_numbers_of_what_was_patched_refuses_a_promotion() {
    let (x, y, heap) = (arena(), arena(), heap());
    let (in_x, in_y) = (Transients::new(&x, &heap), Transients::new(&y, &heap));
    let make = |count: usize| -> CodeRef<'_, (u64, &Sites)> {
        CodeRef::transient(&in_x, |loader| loader.alloc((7, &*Box::leak(Box::new(loader.sites(count)?))))).unwrap()
    };
    for (count, refused) in [(3, Some(Error::RefersBack)), (0, None)] {
        let patched: CodeRef<'_, (u64, &Sites)> =
            make(count).patched(&in_y, |loader, code| loader.alloc((code.0 + 1, code.1))).unwrap();
        assert_eq!(patched.promote(&y.load("m").unwrap()).err(), refused);
    }
}

/// A small arena with the tag of another one. Tests make them one after the other, or one would take the other's.
fn with_the_tag_of(other: &CodeArena) -> CodeArena {
    static MAKING: Mutex<()> = Mutex::new(());
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let table: SideTable<'_, Cell<u8>> = SideTable::builder(other).capacity(100).build().unwrap();
    let small = || CodeArena::builder().reservation(64 << 10).pages(Arc::new(OrdinaryPages)).build().unwrap();
    let mut all = (0..200_000).map(|_| small());
    all.find(|arena| table.of(arena.load("m").unwrap().sites(0).unwrap()).is_ok()).expect("tags come again")
}

// A tag comes again after 32,768 arenas: permanent numbers of such an arena are not taken for the region's, though they are the same.
#[test]
fn numbers_of_an_arena_with_the_same_tag_stay_what_they_are() {
    let (x, heap) = (arena(), heap());
    let again = with_the_tag_of(&x);
    let transients = Transients::new(&x, &heap);
    let module = again.load("strange").unwrap();
    let strange: [Sites; 3] = [3, 5, 100].map(|count| module.sites(count).unwrap());
    let code: Handle<'_> =
        CodeRef::transient(&transients, |loader| loader.alloc(Code { more: strange, ..Code::new(loader, "both", 3)? }))
            .unwrap();
    assert_eq!(code.get().sites.range(), strange[0].range());
    let copy = code.promote(&x.load("m").unwrap()).unwrap();
    assert_eq!(copy.more, strange);
    drop(code);
    assert!(takes_all_free(&transients).iter().all(|other| apart(other.get().sites, copy.sites)));
}

// Two code objects of two such arenas have the same numbers; in a copy of both they must not share their caches.
#[test]
fn numbers_of_two_arenas_with_one_tag_stay_apart_in_a_copy_of_both() {
    let (x, heap) = (arena(), heap());
    let again = with_the_tag_of(&x);
    let (in_x, in_again) = (Transients::new(&x, &heap), Transients::new(&again, &heap));
    let original = eval(&in_x, "original", 3);
    let patched: Handle<'_> = original
        .patched(&in_again, |loader, code| loader.alloc(Code { inner: Some(code), ..Code::new(loader, "patched", 3)? }))
        .unwrap();
    assert_eq!(patched.get().sites, original.get().sites);
    let copy = patched.promote(&again.load("m").unwrap()).unwrap();
    assert!(apart(copy.sites, copy.inner.unwrap().sites));
}

#[test]
fn a_failed_promotion_with_numbers_of_two_arenas_takes_no_site_of_the_first() {
    let (x, y, heap) = (arena(), arena(), heap());
    let (in_x, in_y) = (Transients::new(&x, &heap), Transients::new(&y, &heap));
    let original = eval(&in_x, "original", 65_535);
    let patched: Handle<'_> = original.patched(&in_y, |loader, code| loader.alloc(Code { ..*code })).unwrap();
    let before = (x.stats(), counts(in_x.stats()), counts(in_y.stats()));
    let loader = y.load("m").unwrap();
    while loader.sites(65_535).is_ok() {}
    assert_eq!(patched.promote(&loader).err(), Some(Error::Sites { asked: 65_535, left: 0 }));
    assert_eq!((x.stats(), counts(in_x.stats()), counts(in_y.stats())), before);
    assert_eq!((patched.get().name, loader.finish().bytes()), ("original", 0));
}

fn counts(stats: TransientStats) -> [usize; 4] {
    [stats.regions, stats.bytes, stats.sites, stats.free_sites]
}

/// Numbers in plain fields and types, of each kind that the derive finds.
#[derive(Permanent)]
struct PlainSites<'a> {
    name: &'a str,
    #[permanent(plain)]
    field: Sites,
    #[permanent(plain)]
    group: ([Sites; 2], Option<Sites>),
    #[permanent(plain)]
    handler: fn(&mut u8),
    whole: Whole<Sites>,
    list: &'a [Plain<Sites>],
}

/// Nothing is asked of `T` but what makes the whole plain, so the derive does not know that it is permanent.
#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
struct Whole<T> {
    own: Sites,
    any: T,
}

impl PlainSites<'_> {
    fn all(&self) -> Vec<Sites> {
        let ([first, second], third) = self.group;
        let mut all = vec![self.field, first, second, third.unwrap(), self.whole.own, self.whole.any];
        all.extend(self.list.iter().map(|sites| sites.0));
        all
    }
}

fn eval_plain<'t>(home: &'t Transients<'t>) -> CodeRef<'t, PlainSites<'t>> {
    CodeRef::transient(home, |loader| {
        let [a, b, c, d, e, f, g, h] = [1, 2, 3, 4, 5, 6, 7, 8].map(|count| loader.sites(count));
        let (whole, group) = (Whole { own: e?, any: f? }, ([b?, c?], Some(d?)));
        let list = loader.alloc_slice_copy(&[Plain(g?), Plain(h?)])?;
        loader.alloc(PlainSites { name: "plain", field: a?, group, handler: |byte| *byte += 1, whole, list })
    })
    .unwrap()
}

#[test]
fn numbers_in_plain_fields_are_found_and_do_not_become_permanent() {
    let (arena, heap) = (arena(), heap());
    let transients = Transients::new(&arena, &heap);
    let code = eval_plain(&transients);
    let old = code.get().all();
    let loader = arena.load("m").unwrap();
    let copy = code.promote(&loader).unwrap();
    loader.seal().unwrap();
    drop(code);
    let other = eval_plain(&transients);
    assert_eq!(other.get().all(), old, "other code has the numbers");
    for (new, old) in copy.all().into_iter().zip(&old) {
        assert_eq!((new.len(), new == *old), (old.len(), false));
        assert!(other.get().all().iter().all(|other| apart(*other, new)));
    }
    let mut byte = 1;
    (copy.handler)(&mut byte);
    assert_eq!((byte, copy.name), (2, "plain"));
}
