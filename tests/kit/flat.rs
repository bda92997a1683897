//! Numbers N26 by the kit: evaluations without end under its collector. Site numbers, regions and resident memory stay flat.
//!
//! soundness S27. The whole million: `cargo test --test kit flat -- --ignored`.
#![cfg(all(target_os = "linux", not(miri)))]

use permacode::kit::{Collect, Pacer};
use permacode::{CodeArena, CodeRef, Error, Gc, SideTable, Sites, Transients};
use permacode_witness::{in_child, status};
use std::cell::Cell;

#[derive(Collect)]
struct Function<'t> {
    code: CodeRef<'t, Sites>,
    captured: Cell<Option<Gc<'t, Function<'t>>>>,
    number: usize,
}

/// Functions that have a name at a time.
const NAMES: usize = 50;

fn evaluate(times: usize) {
    in_child(|| evaluate_here(times).unwrap());
}

fn evaluate_here(times: usize) -> Result<(), Error> {
    let (arena, heap) = (CodeArena::builder().reservation(64 << 20).build()?, crate::heap());
    let constants: SideTable<'_, Cell<Option<Gc<'_, usize>>>> = SideTable::builder(&arena).capacity(1 << 20).build()?;
    let clear = |sites: Sites| constants.present(sites).iter().for_each(|entry| entry.set(None));
    let transients = Transients::new(&arena, &heap).clearing(&clear);
    let names: [Cell<Option<Gc<'_, Function<'_>>>>; NAMES] = std::array::from_fn(|_| Cell::new(None));
    let (pacer, mut collections, mut first) = (Pacer::new(), 0, None);
    for number in 0..times {
        let code = CodeRef::transient(&transients, |loader| loader.alloc(loader.sites(1 + number % 20)?))?;
        let constant = &constants.of(*code.get())?[0];
        assert!(constant.get().is_none(), "what old code left is there");
        constant.set(Some(Gc::new(&heap, number)?));
        let function = Gc::new(&heap, Function { code, captured: Cell::new(None), number })?;
        // A short chain, which ends at itself: a ring of one.
        let before = names[number.wrapping_sub(1) % NAMES].get().filter(|_| number % 3 != 0);
        function.captured.set(before.or(Some(function)));
        names[number % NAMES].set(Some(function));
        if pacer.is_due(&heap) {
            // SAFETY: what is used afterwards has a name, or is captured by what has one, or in an entry of their code. The closure only traces.
            unsafe {
                transients.collect(|marker| {
                    marker.trace(&names);
                    marker.trace(&constants);
                })
            }?;
            pacer.collected(&heap);
            collections += 1;
            for function in names.iter().filter_map(Cell::get) {
                let constant = constants.of(*function.code.get())?[0].get();
                assert_eq!(constant.as_deref(), Some(&function.number), "its constant is another's");
            }
            if first.is_none() && number > times / 10 {
                first = Some((transients.stats().sites, status("VmRSS") >> 10));
            }
        }
    }
    let (first, last) = (first.expect("a collection"), (transients.stats().sites, status("VmRSS") >> 10));
    println!(
        "{times} evaluations, {collections} collections: site numbers {} -> {}, {} -> {} kB resident",
        first.0, last.0, first.1, last.1
    );
    assert!(collections > times / 10_000 && transients.stats().regions < 5_000, "{:?}", transients.stats());
    assert!(last.0 <= first.0 + first.0 / 10, "site numbers grew");
    // AddressSanitizer has notes of its own.
    let others = if cfg!(permacode_asan) { 16 << 10 } else { 1024 };
    assert!(last.1 <= first.1 + others, "{} kB more are resident", last.1 - first.1);
    names.iter().for_each(|name| name.set(None));
    for _ in 0..2 {
        // SAFETY: no function is used any more.
        unsafe { transients.collect(|marker| marker.trace(&constants)) }?;
    }
    assert_eq!((transients.stats().regions, heap.stats().live), (0, 0));
    Ok(())
}

#[test]
fn evaluations_under_the_collector_stay_flat() {
    evaluate(50_000);
}

#[test]
#[ignore = "a million evaluations take more than ten seconds"]
fn a_million_evaluations_under_the_collector_stay_flat() {
    evaluate(1_000_000);
}
