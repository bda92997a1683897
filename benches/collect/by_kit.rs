//! The same tree of `Gc`s.

use crate::Phase;
use permacode::kit::Collect;
use permacode::{Gc, HeapArena};
use std::cell::Cell;
use std::hint::black_box;

#[derive(Collect)]
struct Node<'h> {
    number: u64,
    left: Cell<Option<Gc<'h, Node<'h>>>>,
    right: Cell<Option<Gc<'h, Node<'h>>>>,
}

fn tree(heap: &HeapArena, depth: u32) -> Gc<'_, Node<'_>> {
    let (left, right) = match depth {
        0 => (None, None),
        _ => (Some(tree(heap, depth - 1)), Some(tree(heap, depth - 1))),
    };
    Gc::new(heap, Node { number: u64::from(depth), left: Cell::new(left), right: Cell::new(right) }).expect("room")
}

pub(crate) fn run(phase: Phase, depth: u32) -> usize {
    let heap = HeapArena::new().expect("a heap");
    let root = Some(tree(&heap, depth));
    black_box(root.map(|root| root.number));
    if phase == Phase::Build {
        return heap.stats().objects;
    }
    let root = root.filter(|_| phase == Phase::Mark);
    // SAFETY: only what the root leads to is used afterwards, and the closure only traces.
    unsafe { heap.collect(|marker| marker.trace(&root)) }.expect("memory");
    heap.stats().objects
}
