//! Graphs as deep or as wide as memory goes take no stack, and a list of what is to be looked into that is short.

use crate::heap;
use allocator_api2::vec::Vec as HeapVec;
use permacode::kit::Collect;
use permacode::{Gc, HeapArena};
use permacode_witness::after;
use std::cell::Cell;
use std::thread;

#[derive(Collect)]
struct Node<'h> {
    number: u32,
    next: Cell<Option<Gc<'h, Node<'h>>>>,
}

const MANY: u32 = if cfg!(miri) { 2_000 } else { 1_000_000 };

/// Runs something on a stack of 128 KiB.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(128 << 10).spawn(body).unwrap().join().unwrap();
}

#[test]
fn a_list_of_a_million_is_collected_on_a_stack_of_128_kib() {
    on_a_small_stack(|| {
        let heap = HeapArena::builder().reservation(128 << 20).build().unwrap();
        let mut list = None;
        for number in 0..MANY {
            list = Some(Gc::new(&heap, Node { number, next: Cell::new(list) }).unwrap());
        }
        // A list never waits but with its next object, so two requests are more than enough.
        // SAFETY: the list is traced, and the closure only traces.
        let swept = after(2, || unsafe { heap.collect(|marker| marker.trace(&list)) });
        assert_eq!(swept.unwrap().objects, 0);
        let (mut at, mut number) = (list, MANY);
        while let Some(node) = at {
            number -= 1;
            assert_eq!(node.number, number);
            at = node.next.get();
        }
        assert_eq!(number, 0);
        // SAFETY: nothing is used any more.
        let swept = unsafe { heap.collect(|_| ()) };
        assert_eq!(swept.unwrap().objects, MANY as usize);
    });
}

/// A vector of such vectors.
#[derive(Collect)]
struct Nest<'h>(HeapVec<Nest<'h>, &'h HeapArena>);

#[test]
fn vectors_of_vectors_take_no_stack() {
    on_a_small_stack(|| {
        let heap = heap();
        let mut nest = Nest(HeapVec::new_in(&heap));
        for _ in 0..MANY / 10 {
            let mut outer = HeapVec::with_capacity_in(1, &heap);
            outer.push(nest);
            nest = Nest(outer);
        }
        // It is swept and not dropped, which would take a stack.
        let nest = Gc::new(&heap, nest).unwrap();
        // SAFETY: the nest is traced, and the closure only traces.
        assert_eq!(unsafe { heap.collect(|marker| marker.trace(&nest)) }.unwrap().objects, 0);
        // SAFETY: nothing is used any more.
        assert_eq!(unsafe { heap.collect(|_| ()) }.unwrap().objects, MANY as usize / 10 + 1);
    });
}

#[test]
fn a_wide_vector_and_a_long_stack_of_roots_need_little_memory() {
    let heap = heap();
    let leaf = || Gc::new(&heap, Node { number: 7, next: Cell::new(None) }).unwrap();
    let mut wide = HeapVec::new_in(&heap);
    wide.extend((0..MANY / 10).map(|_| leaf()));
    let stack: Vec<_> = (0..MANY / 10).map(|_| leaf()).collect();
    // One request for a list of some entries, and one more: not room for as many as there are objects.
    // SAFETY: all of it is traced, and the closure only traces.
    let swept = after(2, || unsafe {
        heap.collect(|marker| {
            marker.trace(&stack[..]);
            marker.trace(&wide);
        })
    });
    assert_eq!(swept.unwrap().objects, 0);
    assert!(wide.iter().chain(&stack).all(|node| node.number == 7));
}

/// A binary tree, whose grey list is as long as it is deep.
#[derive(Collect)]
struct Tree<'h>(Option<(Gc<'h, Tree<'h>>, Gc<'h, Tree<'h>>)>);

#[test]
fn a_tree_is_collected_whole() {
    fn tree<'h>(heap: &'h HeapArena, depth: u32) -> Gc<'h, Tree<'h>> {
        let below = (depth != 0).then(|| (tree(heap, depth - 1), tree(heap, depth - 1)));
        Gc::new(heap, Tree(below)).unwrap()
    }
    fn count(tree: Gc<'_, Tree<'_>>) -> usize {
        1 + tree.0.map_or(0, |(left, right)| count(left) + count(right))
    }
    let heap = heap();
    let depth = if cfg!(miri) { 6 } else { 15 };
    let (kept, _lost) = (tree(&heap, depth), tree(&heap, depth));
    // SAFETY: the kept tree is traced, and the closure only traces.
    let swept = unsafe { heap.collect(|marker| marker.trace(&kept)) }.unwrap();
    assert_eq!((swept.objects, count(kept)), ((2 << depth) - 1, (2 << depth) - 1));
}
