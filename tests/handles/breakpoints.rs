//! Breakpoints and tracing without unsealing: a private copy of one function's code, seen by whoever holds it and by nobody else.

use permacode::error::LinkError;
use permacode::{CodeArena, CodeRef, CodeSlot, Error, HeapArena, Link, Permanent, Sites, Transients};
use std::cell::Cell;

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    constants: &'a [u64],
    sites: Sites,
    link: Link<'a, Code<'a>>,
}

const BREAK: u8 = 255;
/// Bytes of a function's bytecode, and of its constants.
const OPS: usize = 20_000;
const CONSTANTS: usize = 160_000;

fn load(arena: &CodeArena) -> Vec<&Code<'_>> {
    let loader = arena.load("m").unwrap();
    let code = |number: u8| {
        let ops = loader.alloc_slice_copy(&[number; OPS]).unwrap();
        let constants = loader.alloc_slice_copy(&[number.into(); CONSTANTS / 8]).unwrap();
        let name = loader.intern(&format!("f{number}")).unwrap();
        loader.alloc(Code { name, ops, constants, sites: loader.sites(3).unwrap(), link: Link::unset() }).unwrap()
    };
    let all = (0..10).map(code).collect();
    loader.seal().unwrap();
    all
}

/// A sum over everything that code says. Bytes between blocks and fields are nobody's: those of a field's padding may not even be read.
fn sum(all: &[&Code<'_>]) -> u64 {
    let words = all.iter().flat_map(|code| {
        let places =
            [code.sites.range().start as u64, code.link.get().map_or(0, |to| std::ptr::from_ref(to).addr() as u64)];
        let bytes = code.name.bytes().chain(code.ops.iter().copied()).map(u64::from);
        bytes.chain(code.constants.iter().copied()).chain(places)
    });
    words.fold(0, |sum: u64, word| sum.wrapping_mul(31).wrapping_add(word))
}

/// The same code with a breakpoint.
fn stopping<'a, 'c: 'a>(
    transients: &'a Transients<'a>,
    code: &CodeRef<'a, Code<'c>>,
    at: usize,
) -> Result<CodeRef<'a, Code<'c>>, Error> {
    code.patched(transients, |loader, code| {
        let mut ops = code.ops.to_vec();
        ops[at] = BREAK;
        let Code { name, constants, sites, .. } = *code;
        loader.alloc(Code { name, ops: loader.alloc_slice_copy(&ops)?, constants, sites, link: Link::unset() })
    })
}

#[test]
fn a_breakpoint_is_one_functions_and_goes_without_trace() {
    let arena = CodeArena::builder().reservation(8 << 20).build().unwrap();
    let heap = HeapArena::new().unwrap();
    let transients = Transients::new(&arena, &heap);
    let codes = load(&arena);
    let (before, stats) = (sum(&codes), arena.stats());
    let functions: Vec<CodeSlot<'_, Code<'_>>> = codes.iter().map(|&code| CodeSlot::new(CodeRef::new(code))).collect();
    let second = CodeSlot::new(CodeRef::new(codes[3])); // another function of the same code

    let copy = stopping(&transients, &functions[3].get(), 77).unwrap();
    let original = functions[3].replace(copy);
    assert!(original.permanent().is_some_and(|code| std::ptr::eq(code, codes[3])));
    {
        let held = functions[3].get();
        let patched = held.get();
        assert_eq!((patched.ops[77], patched.ops[76], patched.ops.len()), (BREAK, 3, OPS));
        assert!(std::ptr::eq(patched.constants, codes[3].constants), "what was not changed is shared");
        assert!(std::ptr::eq(patched.name, codes[3].name));
        assert_eq!(patched.sites, codes[3].sites, "caches go on");
    }
    // At most one function's bytecode, its header and the region's own bookkeeping.
    let copied = heap.stats().live;
    assert!((OPS..OPS + OPS / 8 + 1024).contains(&copied), "{copied}");
    assert!(second.get().get().ops.iter().all(|&op| op == 3));
    for (number, function) in functions.iter().enumerate().filter(|(number, _)| *number != 3) {
        assert!(function.get().get().ops.iter().all(|&op| usize::from(op) == number));
    }

    let frame = functions[3].get(); // a frame that is in it keeps it
    drop(functions[3].replace(original));
    assert_eq!(frame.get().ops[77], BREAK);
    drop(frame);
    assert!(functions[3].permanent().is_some_and(|code| std::ptr::eq(code, codes[3])));
    assert_eq!((heap.stats().live, transients.stats().regions, transients.stats().bytes), (0, 0, 0));
    assert_eq!((sum(&codes), arena.stats()), (before, stats), "the arena is what it was");
}

// soundness S19: what is shared is not written to, not even through the copy's loader.
#[test]
fn a_patch_cannot_link_what_it_did_not_make() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let loader = arena.load("m").unwrap();
    let unset = Code { name: "f", ops: &[], constants: &[], sites: loader.sites(0).unwrap(), link: Link::unset() };
    let code = loader.alloc(unset).unwrap();
    let refused = CodeRef::new(code).patched(&transients, |loader, code| {
        loader.link(&code.link, code)?;
        Ok(code)
    });
    assert_eq!(refused.err(), Some(Error::Link(LinkError::Foreign)));
    assert!(code.link.get().is_none());
    assert_eq!((heap.stats().live, transients.stats().regions), (0, 0));
    loader.link(&code.link, code).unwrap();
}

#[test]
fn other_threads_run_the_original_meanwhile() {
    let arena = CodeArena::builder().reservation(8 << 20).build().unwrap();
    let codes = load(&arena);
    std::thread::scope(|scope| {
        for thread in 0..3usize {
            let (arena, codes) = (&arena, &codes);
            scope.spawn(move || {
                let heap = HeapArena::new().unwrap();
                let transients = Transients::new(arena, &heap);
                let function = CodeSlot::new(CodeRef::new(codes[5]));
                for round in 0..30 {
                    let at = thread * 1000 + round;
                    let original = function.replace(stopping(&transients, &function.get(), at).unwrap());
                    let now = function.get();
                    assert!(now.get().ops.iter().enumerate().all(|(n, &op)| op == if n == at { BREAK } else { 5 }));
                    drop(now);
                    function.replace(original);
                    assert!(function.get().get().ops.iter().all(|&op| op == 5));
                }
                assert_eq!(heap.stats().live, 0);
            });
        }
    });
}

#[cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
#[test]
fn a_breakpoint_in_one_process_writes_no_code_page_and_is_not_seen_in_another() {
    use permacode_witness::memory;
    let arena = CodeArena::builder().reservation(8 << 20).build().unwrap();
    let codes = load(&arena);
    let heap = HeapArena::new().unwrap();
    let transients = Transients::new(&arena, &heap);
    let function = CodeSlot::new(CodeRef::new(codes[4]));
    let body = || {
        let copy = stopping(&transients, &function.get(), 9).unwrap();
        let original = function.replace(copy);
        assert_eq!(function.get().get().ops[9], BREAK);
        assert_eq!(original.get().ops[9], 4);
    };
    let code = arena.address_range();
    let dirty = permacode_witness::watched(body, |pid| memory(pid, code).unwrap().private_dirty());
    assert_eq!(dirty, 0);
    assert_eq!((function.get().get().ops[9], heap.stats().live), (4, 0), "the child's breakpoint is the child's");
}

#[test]
fn breakpoints_in_transient_code_keep_what_they_share_with_it() {
    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap);
    let code: CodeRef<'_, Code<'_>> = CodeRef::transient(&transients, |loader| {
        let constants = loader.alloc_slice_copy(&[42; 100])?;
        let (name, sites) = (loader.intern("<eval>")?, loader.sites(2)?);
        loader.alloc(Code { name, ops: loader.alloc_slice_copy(&[1, 2, 3])?, constants, sites, link: Link::unset() })
    })
    .unwrap();
    let copy = stopping(&transients, &code, 1).unwrap();
    let sites = code.get().sites;
    drop(code);
    assert_eq!((copy.get().ops, copy.get().constants, copy.get().name), (&[1, BREAK, 3][..], &[42; 100][..], "<eval>"));
    assert_eq!(copy.get().sites, sites);
    // Its numbers are not given to others as long as the copy has them.
    let other: CodeRef<'_, Sites> = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(16)?)).unwrap();
    assert!(other.get().range().start >= sites.range().end || other.get().range().end <= sites.range().start);
    drop((copy, other));
    assert_eq!((heap.stats().live, transients.stats().regions), (0, 0));
}

// A region that counts another, which counts another: freed one after another, not one within another.
#[test]
fn a_chain_of_ten_thousand_patched_copies_is_freed_on_a_small_stack() {
    let thread = std::thread::Builder::new().stack_size(96 << 10).spawn(|| {
        let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
        let transients = Transients::new(&arena, &heap);
        let (links, most) = (10_000, Cell::new(0));
        for promoted in [false, true] {
            let mut code: CodeRef<'_, Sites> =
                CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(1)?)).unwrap();
            for _ in 0..links {
                code = code.patched(&transients, |loader, code| loader.alloc(*code)).unwrap();
            }
            most.set(transients.stats().regions);
            code.mark();
            if promoted {
                let loader = arena.load("m").unwrap();
                assert_eq!(code.promote(&loader).unwrap().len(), 1);
            }
            let failed = code.patched(&transients, |_, _| Err(Error::Foreign));
            assert_eq!(failed.err(), Some(Error::Foreign));
            drop(code);
            assert_eq!((most.get(), transients.stats().regions, heap.stats().live), (links + 1, 0, 0));
        }
    });
    thread.unwrap().join().unwrap();
}
