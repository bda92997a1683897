//! Requests to a program's allocator whose heap is full, so that the system serves them.

use crate::Outcome;
use crate::harness::{Clock, interleave, print_table};
use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use permacode::HeapArena;
use permacode::heap::GlobalHeap;
use std::alloc::System;

/// Requests of a sample.
const PAIRS: usize = 20_000;
/// Reservations in MiB, each of a heap that a thread of its own has.
const SIZES: [usize; 3] = [64, 512, 4096];
static HEAPS: [GlobalHeap; SIZES.len()] = [const { GlobalHeap::new() }; SIZES.len()];

/// Fills a heap with objects of 64 bytes, and frees every second one: holes everywhere, and no slab for anything else.
fn fill(heap: &HeapArena) {
    const OBJECT: Layout = Layout::new::<[u64; 8]>();
    let pair = || {
        let first = heap.alloc(OBJECT).ok()?;
        // There may be no second.
        let _ = heap.alloc(OBJECT);
        Some(first)
    };
    for object in std::iter::from_fn(pair).collect::<Vec<_>>() {
        // SAFETY: allocated above, with this layout, and forgotten.
        unsafe { heap.free(object, OBJECT) };
    }
}

/// Nanoseconds for a pair of request and free, of sizes that are not the holes'. How many the heap served itself, too.
fn pairs<A: GlobalAlloc>(allocator: &A, heap: &HeapArena) -> (f64, usize) {
    let (clock, mut served) = (Clock::start(), 0);
    for step in 0..PAIRS {
        // SAFETY: a power of two, and from 80 to 536 bytes.
        let layout = unsafe { Layout::from_size_align_unchecked(80 + step % 20 * 24, 8) };
        // SAFETY: not without bytes; freed once, with its layout.
        unsafe {
            let object = black_box(allocator.alloc(layout));
            served += usize::from(heap.contains(object));
            allocator.dealloc(object, layout);
        }
    }
    (clock.elapsed().as_nanos() as f64 / PAIRS as f64, served)
}

fn row(global: &'static GlobalHeap, megabytes: usize, rounds: usize) -> Outcome<Vec<String>> {
    global.claim_with(HeapArena::builder().reservation(megabytes << 20))?;
    let heap = global.heap().ok_or("a heap that this thread does not have")?;
    fill(heap);
    let samples = interleave(rounds, 2, |subject| {
        let (time, served) = if subject == 0 { pairs(&System, heap) } else { pairs(global, heap) };
        if served == 0 { Ok([time]) } else { Err(format!("a full heap served {served} requests")) }
    })?;
    let [[system], [full]] = samples.try_into().map_err(|_| "not two subjects")?;
    Ok(vec![format!("{megabytes} MiB"), system.cell(), full.cell(), full.ratio_cell(&system)])
}

pub(crate) fn print(rounds: usize) -> Outcome<()> {
    // A thread can have one global heap.
    let measured = |(heap, megabytes)| {
        let thread = std::thread::spawn(move || row(heap, megabytes, rounds).map_err(|error| error.to_string()));
        thread.join().map_err(|_| "a thread that failed")?
    };
    let rows = HEAPS.iter().zip(SIZES).map(measured).collect::<Result<Vec<_>, _>>()?;
    print_table(
        "N22: requests to a global heap that is full; ns a pair with its free",
        &["heap", "the system alone", "through the full heap", "ratio"],
        &rows,
    );
    Ok(())
}
