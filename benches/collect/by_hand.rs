//! A tree of plain references, marked by a loop and a stack of one's own.

use crate::Phase;
use permacode::HeapArena;
use std::alloc::Layout;
use std::cell::Cell;
use std::hint::black_box;

struct Node<'h> {
    number: u64,
    left: Cell<Option<&'h Node<'h>>>,
    right: Cell<Option<&'h Node<'h>>>,
}

fn tree(heap: &HeapArena, depth: u32) -> &Node<'_> {
    let (left, right) = match depth {
        0 => (None, None),
        _ => (Some(tree(heap, depth - 1)), Some(tree(heap, depth - 1))),
    };
    let place = heap.alloc(Layout::new::<Node<'_>>()).expect("room").cast::<Node<'_>>();
    // SAFETY: a new object of this layout, which is used until the sweep at most.
    unsafe {
        place.write(Node { number: u64::from(depth), left: Cell::new(left), right: Cell::new(right) });
        place.as_ref()
    }
}

pub(crate) fn run(phase: Phase, depth: u32) -> usize {
    let heap = HeapArena::new().expect("a heap");
    let root = tree(&heap, depth);
    black_box(root.number);
    if phase == Phase::Build {
        return heap.stats().objects;
    }
    heap.clear_marks();
    let mut grey = Vec::new();
    if phase == Phase::Mark {
        heap.mark(root);
        grey.push(root);
    }
    while let Some(node) = grey.pop() {
        for child in [node.left.get(), node.right.get()].into_iter().flatten() {
            if heap.mark(child) == Some(true) {
                grey.push(child);
            }
        }
    }
    // SAFETY: what is not marked is not used any more.
    unsafe { heap.sweep() };
    heap.stats().objects
}
