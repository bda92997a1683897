//! A small machine that uses each part of the library that is there without the standard one.

use alloc::format;
use alloc::string::String;
use core::cell::Cell;
use core::time::Duration;
use permacode::code::{Protection, shorten};
use permacode::side::{InlineCache, Version};
use permacode::{CodeArena, CodeRef, Error, HeapArena, HeapRc, Link, Loader, Permanent, SideTable, Sites, Transients};

#[derive(Permanent)]
struct Function<'a> {
    name: &'a str,
    ops: &'a [Op],
    sites: Sites,
    next: Link<'a, Function<'a>>,
    #[permanent(plain)]
    timeout: Duration,
}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
#[repr(C, packed)]
struct Op {
    code: u8,
    argument: u32,
}

fn lower<'a>(loader: &Loader<'a>, name: &str, arguments: &[u32]) -> Result<&'a Function<'a>, Error> {
    let ops = arguments.iter().map(|&argument| Op { code: b'+', argument });
    let ops = loader.alloc_slice_fill_iter(ops)?;
    let (name, sites, timeout) = (loader.intern(name)?, loader.sites(ops.len())?, Duration::from_millis(5));
    loader.alloc(Function { name, ops, sites, next: Link::unset(), timeout })
}

/// Runs a function and those that it is linked to, and counts how often each operation ran.
fn call(table: &SideTable<'_, Cell<u32>>, function: &Function<'_>) -> Result<u32, Error> {
    let mut sum = 0;
    for (op, count) in function.ops.iter().zip(table.of(function.sites)?) {
        assert_eq!(op.code, b'+');
        count.set(count.get() + 1);
        sum += op.argument;
    }
    Ok(sum + function.next.get().map_or(Ok(0), |next| call(table, next))?)
}

pub(crate) fn run() -> Result<String, Error> {
    let (arena, heap) = (CodeArena::new()?, HeapArena::new()?);
    let table: SideTable<'_, Cell<u32>> = SideTable::new(&arena)?;

    // Permanent code: names, a cycle, a seal. Ordinary memory is not protected.
    let loader = arena.load("main")?;
    let (one, two) = (lower(&loader, "one", &[1, 2, 3])?, lower(&loader, "two", &[10])?);
    loader.link(&one.next, two)?;
    let module = loader.seal()?;
    let protection = if cfg!(unix) { Protection::ReadOnly } else { Protection::TypeOnly };
    assert_eq!((module.name(), module.protection()), ("main", protection));
    assert_eq!((call(&table, shorten(one))?, one.timeout.as_millis()), (16, 5));
    assert!(arena.contains(two) && arena.interned("two").is_some_and(|name| name == two.name));
    assert_eq!(arena.locate(one).map(|at| at.module), Some(module));

    // Transient code: evaluated, replaced, promoted. Its names and sites go through the hash tables.
    let transients = Transients::new(&arena, &heap);
    for round in 0..1000 {
        let code = CodeRef::<Function<'_>>::transient(&transients, |loader| {
            let code = lower(loader, &format!("eval {round}"), &[round, 1])?;
            loader.link(&code.next, lower(loader, "one", &[7])?)?;
            Ok::<_, Error>(code)
        })?;
        assert_eq!(call(&table, code.get())?, round + 8);
        if round % 100 == 0 {
            let loader = arena.load("kept")?;
            let kept = code.promote(&loader)?;
            drop(code);
            assert_eq!((call(&table, kept)?, kept.name), (round + 8, &*format!("eval {round}")));
        }
    }
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));

    // The heap by itself, and a cache.
    let counted = HeapRc::new(&heap, 5u64)?;
    assert_eq!((HeapRc::strong_count(&counted.clone()), *counted), (2, 5));
    let caches: SideTable<'_, InlineCache<u32>> = SideTable::new(&arena)?;
    caches.of(one.sites)?[2].set(7, Version::FIRST, 9);
    assert_eq!(caches.of(one.sites)?[2].get(7, Version::FIRST), Some(9));

    // A refusal is a value, and is worded without the system's words.
    let refused = CodeArena::builder().reservation(usize::MAX / 4).build().err();
    let refused = refused.map(|error| format!("{error}")).unwrap_or_default();
    let counts: u32 = table.of(one.sites)?.iter().map(Cell::get).sum();
    Ok(format!("{} modules, {counts} counts; {refused}", arena.modules().count()))
}
