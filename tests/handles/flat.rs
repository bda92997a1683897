//! Numbers N26: evaluations without end under a collector that sweeps. Site numbers, regions and resident memory stay flat.
//!
//! soundness S27. The whole million: `cargo test --test handles flat -- --ignored`.
#![cfg(all(target_os = "linux", not(miri)))]

use core::cell::Cell;
use core::mem;
use permacode::{CodeRef, Error, HeapArena, Permanent, SideTable, Sites, Transients};
use permacode_witness::handles::{arena, heap};
use permacode_witness::{in_child, status};

#[derive(Permanent)]
struct Code<'a> {
    text: &'a str,
    sites: Sites,
    inner: Option<&'a Code<'a>>,
}

type Handle<'t> = CodeRef<'t, Code<'t>>;
type Table<'t> = SideTable<'t, Cell<usize>>;

/// Handles that are held at once.
const HELD: usize = 50;
/// Evaluations between two sweeps.
const BETWEEN: usize = 500;

fn eval<'t>(home: &'t Transients<'t>, table: &Table<'_>, number: usize) -> Handle<'t> {
    let code: Result<Handle<'t>, Error> = CodeRef::transient(home, |loader| {
        let text = loader.intern(&format!("text {number}"))?;
        let inner = loader.alloc(Code { text, sites: loader.sites(number % 5)?, inner: None })?;
        loader.alloc(Code { text, sites: loader.sites(number % 30)?, inner: Some(inner) })
    });
    let code = code.unwrap_or_else(|error| panic!("evaluation {number}: {error}"));
    uses(table, code.get(), number);
    code
}

fn patch<'t>(code: &Handle<'t>, home: &'t Transients<'t>, table: &Table<'_>, number: usize) -> Handle<'t> {
    let patched: Result<Handle<'t>, Error> = code.patched(home, |loader, code| {
        loader.alloc(Code { sites: loader.sites(1 + number % 3)?, inner: Some(code), ..*code })
    });
    let patched = patched.unwrap_or_else(|error| panic!("patch {number}: {error}"));
    uses(table, patched.get(), number);
    patched
}

/// Entries are new, and then this code's.
fn uses(table: &Table<'_>, code: &Code<'_>, number: usize) {
    for entry in table.of(code.sites).unwrap_or_else(|error| panic!("evaluation {number}: {error}")) {
        assert_eq!(entry.replace(number + 1), 0, "what old code left is there");
    }
}

/// Evaluates so many times; a tenth of them first, to compare with. In a child, where no other test's memory comes and goes.
fn evaluate(times: usize) {
    in_child(|| evaluate_here(times));
}

fn evaluate_here(times: usize) {
    let (arena, heap) = (arena(), heap());
    let table: Table<'_> = SideTable::builder(&arena).capacity(100_000).build().unwrap();
    let clear = |sites: Sites| table.present(sites).iter().for_each(|entry| entry.set(0));
    let homes = [(); 2].map(|()| Transients::new(&arena, &heap).clearing(&clear));
    let mut held: Vec<(usize, Handle<'_>)> = Vec::new();
    let mut first = None;
    for number in 0..times {
        let (home, other) = (&homes[number % 2], &homes[number / 2 % 2]);
        let code = eval(home, &table, number);
        match number % 5 {
            // One of two handles of a region is swept.
            0 => {
                held.push((number, code.clone()));
                lose(code);
            }
            1 => lose(code),
            // A chain of three, of which the last one is held for a time, or lost as the first one is.
            2 | 3 => {
                let middle = patch(&code, other, &table, number);
                let last = patch(&middle, home, &table, number);
                lose(code);
                drop(middle);
                if number % 5 == 2 { held.push((number, last)) } else { lose(last) }
            }
            _ => drop(code),
        }
        while held.len() > HELD {
            let (made, code) = held.swap_remove(number % HELD);
            let numbers = table.of(code.get().sites).unwrap().iter().map(Cell::get);
            assert!(numbers.eq(vec![made + 1; code.get().sites.len()]), "its numbers are another's");
            if number % 3 == 0 { lose(code) } else { drop(code) }
        }
        if number % BETWEEN == BETWEEN - 1 {
            homes[0].clear_free();
            held.iter().for_each(|(_, code)| code.mark());
            // SAFETY: what is held is marked, nothing else is used, and both retire what is not marked.
            unsafe { (homes[0].retire_unmarked(), homes[1].retire_unmarked(), heap.sweep()) };
            let regions: usize = homes.iter().map(|home| home.stats().regions).sum();
            assert!((held.len()..=3 * held.len()).contains(&regions), "{regions} regions of {} handles", held.len());
        }
        if number == times / 10 {
            first = Some(measure(&homes, &heap));
        }
    }
    let (first, last) = (first.unwrap(), measure(&homes, &heap));
    println!("{times} evaluations: site numbers {} -> {}, {} -> {} kB resident", first.0, last.0, first.1, last.1);
    assert_eq!(first.0, last.0, "site numbers grew");
    // AddressSanitizer has notes of its own.
    let others = if cfg!(permacode_asan) { 16 << 10 } else { 512 };
    assert!(last.1 <= first.1 + others, "{} kB more are resident", last.1 - first.1);
    drop(held);
    // SAFETY: there is no handle any more, and both retire their code.
    unsafe { (homes[0].retire_unmarked(), homes[1].retire_unmarked(), heap.sweep()) };
    for home in &homes {
        let stats = home.stats();
        assert_eq!((stats.regions, stats.bytes, stats.free_sites), (0, 0, stats.sites));
    }
    assert_eq!(heap.stats().live, 0);
}

fn lose(code: Handle<'_>) {
    mem::forget(code);
}

/// Site numbers taken from the arena, and kilobytes that are resident.
fn measure(homes: &[Transients<'_>; 2], heap: &HeapArena) -> (usize, usize) {
    assert!(heap.stats().live < 4 << 20, "{:?}", heap.stats());
    (homes.iter().map(|home| home.stats().sites).sum(), status("VmRSS") >> 10)
}

#[test]
fn evaluations_under_a_sweep_stay_flat() {
    evaluate(50_000);
}

#[test]
#[ignore = "a million evaluations take more than ten seconds"]
fn a_million_evaluations_under_a_sweep_stay_flat() {
    evaluate(1_000_000);
}
