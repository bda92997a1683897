//! Code and objects never share a page (invariant 1), whoever owns the two arenas.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::kit::Machine;
use permacode::{ArenaKind, DualArena, Engine, HeapRc, Link, Loader, Permanent};
use permacode_witness::memory;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::ptr;
use std::thread;

#[derive(Permanent)]
struct Code<'a> {
    ops: &'a [u8],
    name: &'a str,
    next: Link<'a, Code<'a>>,
}

fn code<'a>(loader: &Loader<'a>, number: usize) -> &'a Code<'a> {
    let ops = loader.alloc_slice_copy(&vec![number as u8; number * 37 % 5000]).unwrap();
    let name = loader.intern(&format!("code {number}")).unwrap();
    let code = loader.alloc(Code { ops, name, next: Link::unset() }).unwrap();
    loader.link(&code.next, code).unwrap();
    code
}

/// The pages that a value's bytes lie on.
fn pages<T: ?Sized>(value: &T) -> RangeInclusive<usize> {
    let start = ptr::from_ref(value).cast::<u8>().addr();
    start / 4096..=(start + size_of_val(value).max(1) - 1) / 4096
}

#[test]
fn no_page_holds_both_code_and_objects() {
    let arenas = DualArena::new().unwrap();
    let (mut code_pages, mut heap_pages) = (HashSet::new(), HashSet::new());
    let mut objects: Vec<HeapRc<'_, Vec<u8>>> = Vec::new();
    for module in 0..40 {
        let loader = arenas.code.load("m").unwrap();
        for number in module * 10..module * 10 + 10 {
            let code = code(&loader, number);
            code_pages.extend(pages(code).chain(pages(code.ops)).chain(pages(code.name)));
            objects.push(HeapRc::new(&arenas.heap, vec![1; number]).unwrap());
            heap_pages.extend(pages(&**objects.last().unwrap()));
            let large = HeapRc::new(&arenas.heap, [number; 20_000]).unwrap();
            heap_pages.extend(pages(&*large));
            assert_eq!(arenas.classify(code), Some(ArenaKind::Code));
            assert_eq!(arenas.classify(code.ops), if code.ops.is_empty() { None } else { Some(ArenaKind::Code) });
            assert_eq!(arenas.classify(&raw const **objects.last().unwrap()), Some(ArenaKind::Heap));
            assert_eq!(arenas.classify(objects.last().unwrap().as_ptr()), None);
        }
        drop(loader);
        if module % 10 == 9 {
            let _ = arenas.code.seal().unwrap();
            objects.truncate(objects.len() / 2);
        }
    }
    assert!(code_pages.len() > 200 && heap_pages.is_disjoint(&code_pages));
    // The kernel says the same: no mapping belongs to both, and what is sealed is code.
    let of = |range| memory(0, range).unwrap().accessible().map(|mapping| mapping.range.start).collect::<HashSet<_>>();
    let (code, heap) = (of(arenas.code.address_range()), of(arenas.heap.address_range()));
    assert!(!code.is_empty() && !heap.is_empty() && code.is_disjoint(&heap));
    let heap = memory(0, arenas.heap.address_range()).unwrap();
    assert!(heap.accessible().all(|mapping| mapping.permissions == "rw-p"));
    for mapping in memory(0, arenas.code.address_range()).unwrap().accessible() {
        let written = code_pages.iter().any(|page| mapping.range.contains(&(page * 4096)));
        assert!(!written || mapping.permissions == "r--p", "{mapping:?}");
    }
}

#[test]
fn an_address_is_told_apart_to_the_byte() {
    let arenas = DualArena::new().unwrap();
    let classify = |address| arenas.classify(ptr::without_provenance::<u8>(address));
    for (range, region) in
        [(arenas.code.address_range(), Some(ArenaKind::Code)), (arenas.heap.address_range(), Some(ArenaKind::Heap))]
    {
        assert_eq!((classify(range.start), classify(range.end - 1)), (region, region));
        assert_ne!(classify(range.start - 1), region);
        assert_ne!(classify(range.end), region);
    }
    assert!([0, 1, usize::MAX].into_iter().all(|address| classify(address).is_none()));
    assert_eq!(arenas.classify(&[0; 0]), None);
    assert_eq!(arenas.classify(&raw const arenas), None);
    let other = DualArena::new().unwrap();
    let theirs = HeapRc::new(&other.heap, 1).unwrap();
    assert_eq!(arenas.classify(&raw const *theirs), None);
    assert_eq!(arenas.classify(other.code.load("m").unwrap().alloc(7).unwrap()), None);
}

struct Globals<'a> {
    arenas: &'a DualArena,
    main: &'a Code<'a>,
    globals: Vec<HeapRc<'a, String>>,
}

impl Machine for Globals<'_> {
    type At<'a> = Globals<'a>;
}

fn engine() -> Engine<Globals<'static>> {
    let made = Engine::<Globals<'_>>::new(DualArena::new().unwrap(), |arenas| {
        let loader = arenas.code.load("main").unwrap();
        let main = code(&loader, 100);
        loader.seal().map(|_| Globals { arenas, main, globals: Vec::new() })
    });
    made.unwrap()
}

impl Globals<'_> {
    fn step(&mut self, number: usize) -> usize {
        let text = format!("{} {number}", self.main.next.get().unwrap().name);
        self.globals.push(HeapRc::new(&self.arenas.heap, text).unwrap());
        assert!(self.globals.iter().enumerate().all(|(at, text)| **text == format!("code 100 {at}")));
        assert_eq!(self.arenas.classify(&raw const *self.globals[number]), Some(ArenaKind::Heap));
        self.arenas.heap.stats().objects
    }
}

#[test]
fn an_owned_engine_is_moved_and_dropped_with_its_arenas() {
    let mut engines: Vec<_> = (0..4).map(|_| engine()).collect();
    for number in 0..50 {
        engines.rotate_left(1); // moves each of them
        assert!(engines.iter_mut().all(|engine| engine.enter(|globals| globals.step(number)) == number + 1));
    }
    let mut boxed = Box::new(engines.pop().unwrap());
    assert_eq!(boxed.enter(|globals| globals.step(50)), 51);
}

#[test]
fn both_arenas_go_to_another_thread_together() {
    let arenas = DualArena::new().unwrap();
    let object = arenas.heap.alloc(std::alloc::Layout::new::<[u64; 9]>()).unwrap().addr().get();
    let back = thread::spawn(move || {
        assert_eq!(arenas.classify(ptr::without_provenance::<u8>(object)), Some(ArenaKind::Heap));
        assert_eq!(*HeapRc::new(&arenas.heap, 5).unwrap(), 5);
        code(&arenas.code.load("there").unwrap(), 3);
        arenas
    });
    let arenas = back.join().unwrap();
    assert_eq!((arenas.heap.stats().objects, arenas.code.modules().count()), (1, 1));
}

#[test]
fn leaked_arenas_serve_for_ever() {
    let arenas = DualArena::new().unwrap();
    let before = arenas.heap.alloc(std::alloc::Layout::new::<u64>()).unwrap();
    let DualArena { code: code_arena, heap } = arenas.leak();
    assert!(heap.contains(before.as_ptr()) && heap.usable_size(before.as_ptr()) == Some(8));
    let code: &'static Code<'static> = code(&code_arena.load("m").unwrap(), 9);
    let object: HeapRc<'static, &'static str> = HeapRc::new(heap, code.name).unwrap();
    assert_eq!(thread::spawn(move || code.next.get().unwrap().name).join().unwrap(), *object);
    // Both values lie in the heap's own reservation, in front of the objects.
    assert!(heap.bookkeeping_ranges()[0].contains(&ptr::from_ref(code_arena).addr()));
    assert!(!heap.contains(heap) && heap.bookkeeping_ranges()[0].contains(&ptr::from_ref(heap).addr()));
    let registered = heap.register().unwrap();
    // SAFETY: this thread's heap.
    assert_eq!(unsafe { permacode::ffi::permacode_heap_usable_size(HeapRc::address(&object).cast()) }, 32);
    drop(registered);
    // SAFETY: live until now, with this layout.
    unsafe { heap.free(before, std::alloc::Layout::new::<u64>()) };
}
