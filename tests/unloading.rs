//! Modules that are loaded and unloaded for ever: the last owner gives everything back (soundness S13).
//!
//! One test in a file of its own: it measures its process, in which nobody else may do anything.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::owned::OwnedSideTable;
use permacode::pages::PooledPages;
use permacode::residency::Residency;
use permacode::{CodeArena, Error, Loader, Owned, Permanent, Sites};
use std::cell::Cell;
use std::sync::Arc;

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    ops: &'a [u8],
    machine: &'a [u8],
    sites: Sites,
    calls: Option<&'a Code<'a>>,
}

/// A module as a store holds it: code, machine code, and the table of its caches.
struct Module {
    code: Owned<Code<'static>>,
    caches: OwnedSideTable<Cell<u64>>,
}

/// `mov eax, 42; ret`, or bytes that nobody calls.
const MACHINE: [u8; 6] = [0xb8, 42, 0, 0, 0, 0xc3];

fn lower<'x>(
    loader: &Loader<'x>,
    number: usize,
    machine: &Owned<[u8]>,
    calls: Option<&Owned<Code<'_>>>,
) -> Result<&'x Code<'x>, Error> {
    let name = loader.intern(&format!("module {number}"))?;
    let ops = loader.alloc_slice_copy(&[number as u8; 100])?;
    let calls = calls.map(|code| loader.at(code)).transpose()?;
    loader.alloc(Code { name, ops, machine: loader.at(machine)?, sites: loader.sites(3)?, calls })
}

fn load(pages: &Arc<PooledPages>, number: usize, calls: Option<&Owned<Code<'_>>>) -> Module {
    let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
    load_into(&Arc::new(arena), pages, number, calls)
}

fn load_into(
    arena: &Arc<CodeArena>,
    pages: &Arc<PooledPages>,
    number: usize,
    calls: Option<&Owned<Code<'_>>>,
) -> Module {
    let machine = Owned::load_native(arena, "machine code", |module| module.alloc(&MACHINE, 16)).unwrap();
    let code = Owned::load_sealed(arena, "m", |loader| lower(loader, number, &machine, calls)).unwrap();
    let caches = OwnedSideTable::build(arena, |builder| builder.capacity(1 << 10).pages(pages.clone())).unwrap();
    Module { code, caches }
}

/// Runs a module: what a frame does.
fn run(module: &Module, number: usize) {
    let code = module.code.get();
    assert_eq!((code.name, code.ops[99]), (&*format!("module {number}"), number as u8));
    // Whatever the arena's tag is, and whoever had the same pages before, its caches are cold.
    let caches = module.caches.get().of(code.sites).unwrap();
    assert!(caches.iter().all(|cache| cache.replace(number as u64 + 1) == 0), "a cache of another module");
    assert_eq!(code.machine, MACHINE);
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: a function of this type, executable since the load, and owned meanwhile.
        let function: extern "C" fn() -> i32 = unsafe { core::mem::transmute(code.machine.as_ptr()) };
        assert_eq!(function(), 42);
    }
}

/// Address space, resident bytes and mappings of this process.
fn held() -> [usize; 3] {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    [permacode_witness::status("VmSize"), permacode_witness::status("VmRSS"), maps]
}

/// Bytes and mappings that are others': those of a process at rest, or what AddressSanitizer notes of 100,000 modules.
const OTHERS: (usize, usize) = if cfg!(permacode_asan) { (16 << 20, 64) } else { (1 << 20, 4) };

/// Fails if the process is larger than it was.
fn assert_as_large(before: [usize; 3], what: &str) {
    let now = held();
    assert!(now[0] <= before[0] + OTHERS.0, "{what}: address space grew from {before:?} to {now:?}");
    assert!(now[1] <= before[1] + OTHERS.0, "{what}: resident size grew from {before:?} to {now:?}");
    assert!(now[2] <= before[2] + OTHERS.1, "{what}: mappings grew from {before:?} to {now:?}");
}

// soundness S13, S17: more arenas than there are tags of sites.
#[test]
fn modules_without_end_leave_the_process_as_large_as_it_was() {
    let pages = Arc::new(PooledPages::new(8).unwrap());
    let keeper = load(&pages, 0, None);

    // An arena a module; each refers to one that is older.
    let all = 100_000;
    for number in 1..200 {
        run(&load(&pages, number, Some(&keeper.code)), number);
    }
    held();
    let before = held();
    for number in 200..all {
        let module = load(&pages, number, Some(&keeper.code));
        run(&module, number);
        assert!(module.code.get().calls.is_some_and(|calls| std::ptr::eq(calls, keeper.code.get())));
    }
    assert_as_large(before, "an arena a module");
    assert_eq!(keeper.code.get().name, "module 0");

    // An arena for many: the last owner of any module unmaps all of them.
    let mut before = held();
    for round in 0..50 {
        if round == 5 {
            before = held(); // the pool keeps the address space of one
        }
        let arena = CodeArena::builder().reservation(8 << 20).pages(pages.clone()).build().unwrap();
        let arena = Arc::new(arena);
        let modules: Vec<Module> = (0..3).map(|number| load_into(&arena, &pages, number, None)).collect();
        let machine = modules[round % 3].code.map::<[u8]>(|code| code.machine);
        drop((modules, arena));
        assert_eq!(&machine[..], MACHINE);
    }
    assert_as_large(before, "an arena for many");

    // What is told of a module that is gone: no other arena has it, and the system has nothing there.
    let (gone, range) = {
        let arena = Arc::new(CodeArena::builder().reservation(1 << 20).build().unwrap());
        let code = Owned::<u64>::load_sealed(&arena, "gone", |loader| loader.alloc(7)).unwrap();
        assert!(arena.locate(code.get()).is_some() && arena.residency().unwrap().resident() > 0);
        (std::ptr::from_ref(code.get()), arena.address_range())
    };
    let arena = keeper.code.arena().unwrap();
    assert!(!arena.contains(gone) && arena.locate(gone).is_none());
    let report = Residency::of(range).unwrap();
    assert_eq!((report.resident(), report.sealed().len()), (0, 0), "{report}");
}
