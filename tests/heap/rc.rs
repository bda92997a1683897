//! `HeapRc` counts, drops once and in order, gives its memory back whatever the value's destructor does, and never dangles.

use core::cell::{Cell, RefCell};
use core::ptr;
use permacode::{Error, HeapArena, HeapRc};
use permacode_witness::heap::{layout, panics};
use static_assertions::{assert_eq_size, assert_impl_all, assert_not_impl_any};
use std::collections::{BTreeSet, HashSet};

assert_eq_size!(HeapRc<'static, [u64; 9]>, usize);
assert_eq_size!(Option<HeapRc<'static, u8>>, usize);
// soundness S12
assert_not_impl_any!(HeapRc<'static, u8>: Send, Sync, Copy);
assert_not_impl_any!(HeapArena: Sync, Clone);
assert_impl_all!(HeapArena: Send);

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(8 << 20).build().unwrap()
}

/// Writes its number down when it is dropped.
struct Noisy<'a>(u32, &'a RefCell<Vec<u32>>);

impl Drop for Noisy<'_> {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[test]
fn the_count_is_the_number_of_pointers() {
    let heap = small_heap();
    let dropped = RefCell::new(Vec::new());
    let one = HeapRc::new(&heap, Noisy(7, &dropped)).unwrap();
    let mut others: Vec<_> = (0..1000).map(|_| one.clone()).collect();
    assert_eq!((HeapRc::strong_count(&one), heap.stats().objects), (1001, 1));
    assert!(others.iter().all(|other| HeapRc::ptr_eq(&one, other) && HeapRc::address(&one) == HeapRc::address(other)));
    while let Some(other) = others.pop() {
        drop(other);
        assert_eq!(HeapRc::strong_count(&one), 1 + others.len());
    }
    assert!(dropped.borrow().is_empty());
    drop(one);
    assert_eq!((dropped.take(), heap.stats().live), (vec![7], 0));
}

#[test]
fn values_are_dropped_when_their_last_pointer_is_outermost_first() {
    struct Pair<'h, 'a> {
        _own: Noisy<'a>,
        _inner: Option<HeapRc<'h, Pair<'h, 'a>>>,
    }
    let heap = small_heap();
    let dropped = RefCell::new(Vec::new());
    let chain = (0..100).fold(None, |inner, number| {
        Some(HeapRc::new(&heap, Pair { _own: Noisy(number, &dropped), _inner: inner }).unwrap())
    });
    let second = chain.as_ref().and_then(|first| first._inner.clone());
    drop(chain);
    assert_eq!(dropped.take(), [99]);
    drop(second);
    assert_eq!(dropped.take(), (0..99).rev().collect::<Vec<_>>());
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn only_a_single_pointer_gives_the_value_out() {
    let heap = small_heap();
    let dropped = RefCell::new(Vec::new());
    let mut one = HeapRc::new(&heap, Noisy(1, &dropped)).unwrap();
    let two = one.clone();
    assert!(HeapRc::get_mut(&mut one).is_none());
    let Err(mut one) = HeapRc::try_unwrap(one) else { panic!("there are two pointers") };
    assert_eq!(HeapRc::strong_count(&one), 2, "a refusal gives the pointer back");
    drop(two);
    HeapRc::get_mut(&mut one).unwrap().0 = 5;
    let Ok(value) = HeapRc::try_unwrap(one) else { panic!("there is one pointer") };
    assert_eq!((heap.stats().live, dropped.borrow().len()), (0, 0), "the memory is free, the value is not dropped");
    drop(value);
    assert_eq!(dropped.take(), [5]);
}

// soundness S8
#[test]
fn a_destructor_that_panics_frees_the_memory_all_the_same() {
    struct Panics<'a>(Noisy<'a>);
    impl Drop for Panics<'_> {
        fn drop(&mut self) {
            panic!("in the destructor of {}", self.0.0);
        }
    }
    let heap = small_heap();
    let dropped = RefCell::new(Vec::new());
    for number in 0..50 {
        let one = HeapRc::new(&heap, Panics(Noisy(number, &dropped))).unwrap();
        let kept = HeapRc::new(&heap, number).unwrap();
        drop(one.clone());
        assert_eq!(panics(|| drop(one)), format!("in the destructor of {number}"));
        assert_eq!((heap.stats().objects, *kept), (1, number));
        assert_eq!(dropped.take(), [number], "its fields are dropped");
    }
    assert_eq!(heap.stats().live, 0);
}

// soundness S7
#[test]
fn a_destructor_may_use_the_heap_and_make_pointers() {
    thread_local!(static MADE: Cell<usize> = const { Cell::new(0) });
    struct Spawns<'h> {
        heap: &'h HeapArena,
        sibling: HeapRc<'h, u64>,
        left: usize,
    }
    impl Drop for Spawns<'_> {
        fn drop(&mut self) {
            MADE.set(MADE.get() + 1);
            let clone = self.sibling.clone();
            assert_eq!((*clone, HeapRc::strong_count(&clone)), (42, 3));
            for left in self.left.checked_sub(1).into_iter().cycle().take(2) {
                let next = Spawns { heap: self.heap, sibling: HeapRc::new(self.heap, 42).unwrap(), left };
                let _keep = next.sibling.clone();
                drop(HeapRc::new(self.heap, next).unwrap());
            }
            self.heap.trim().unwrap();
            self.heap.walk(|_, _| {});
        }
    }
    let heap = small_heap();
    let sibling = HeapRc::new(&heap, 42).unwrap();
    drop(HeapRc::new(&heap, Spawns { heap: &heap, sibling: sibling.clone(), left: 6 }).unwrap());
    assert_eq!(MADE.get(), (1 << 7) - 1);
    drop(sibling);
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn a_cycle_is_never_dropped_and_dangles_nowhere() {
    struct Node<'h, 'a> {
        own: Noisy<'a>,
        next: RefCell<Option<HeapRc<'h, Node<'h, 'a>>>>,
    }
    let dropped = RefCell::new(Vec::new());
    let heap = small_heap();
    let nodes: Vec<_> = (0..3)
        .map(|number| HeapRc::new(&heap, Node { own: Noisy(number, &dropped), next: RefCell::default() }).unwrap())
        .collect();
    for (node, next) in nodes.iter().zip(nodes.iter().cycle().skip(1)) {
        *node.next.borrow_mut() = Some(next.clone());
    }
    let address = HeapRc::address(&nodes[1]);
    drop(nodes);
    assert_eq!((heap.stats().objects, dropped.borrow().len()), (3, 0));
    assert!(heap.usable_size(address).is_some());
    let again = HeapRc::new(&heap, Node { own: Noisy(9, &dropped), next: RefCell::default() }).unwrap();
    assert!(again.own.0 == 9 && again.next.borrow().is_none());
    drop(again);
    drop(heap); // gives the cycle's memory back and runs no destructor
    assert_eq!(dropped.take(), [9]);
}

#[test]
fn a_cycle_that_is_cut_is_dropped_whole() {
    struct Node<'h>(RefCell<Option<HeapRc<'h, Node<'h>>>>);
    let heap = small_heap();
    let one = HeapRc::new(&heap, Node(RefCell::default())).unwrap();
    let two = HeapRc::new(&heap, Node(RefCell::new(Some(one.clone())))).unwrap();
    *one.0.borrow_mut() = Some(two.clone());
    drop(two);
    let next = one.0.take();
    drop((one, next));
    assert_eq!(heap.stats().live, 0);
}

// soundness S16
#[test]
fn a_value_that_finds_no_room_is_dropped_once() {
    let heap = HeapArena::builder().reservation(1 << 20).limit(64).build().unwrap();
    let dropped = RefCell::new(Vec::new());
    let first = HeapRc::new(&heap, Noisy(1, &dropped)).unwrap();
    let second = HeapRc::new(&heap, Noisy(2, &dropped)).unwrap();
    let third = HeapRc::new(&heap, Noisy(3, &dropped));
    assert!(matches!(third, Err(Error::Limit { .. })));
    assert_eq!(*dropped.borrow(), [3]);
    drop((first, second));
    assert_eq!(dropped.take(), [3, 1, 2]);
}

#[test]
fn any_layout_of_value_is_kept() {
    #[repr(align(65536))]
    struct Aligned(u8);
    let heap = small_heap();
    let aligned = HeapRc::new(&heap, Aligned(4)).unwrap();
    assert_eq!((ptr::from_ref(&*aligned).addr() % 65536, aligned.0), (0, 4));
    let nothing = HeapRc::new(&heap, ()).unwrap();
    assert_eq!((*nothing, HeapRc::strong_count(&nothing.clone())), ((), 2));
    let large = HeapRc::new(&heap, [7u8; 100_000]).unwrap();
    assert!(large.iter().all(|&byte| byte == 7));
    assert!(HeapRc::try_unwrap(large).is_ok_and(|value| value[99_999] == 7));
    drop((aligned, nothing));
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn a_pointer_compares_hashes_and_prints_as_its_value() {
    let heap = small_heap();
    let of = |value: u32| HeapRc::new(&heap, value).unwrap();
    assert!(of(1) < of(2) && of(3) == of(3) && !HeapRc::ptr_eq(&of(3), &of(3)));
    assert_eq!(format!("{} {:?}", of(5), of(6)), "5 6");
    let hashed: HashSet<_> = [of(1), of(2), of(1)].into_iter().collect();
    assert!(hashed.len() == 2 && hashed.contains(&2));
    let sorted: BTreeSet<_> = [of(9), of(8), of(9)].into_iter().collect();
    assert!(sorted.iter().map(|value| **value).eq([8, 9]));
    assert_eq!(*of(4).as_ref(), 4);
}

#[test]
fn an_object_that_a_collector_finds_is_the_one_that_the_pointer_names() {
    let heap = small_heap();
    let value = HeapRc::new(&heap, [0u64; 20]).unwrap();
    assert_eq!(heap.mark(&raw const value[19]), Some(true));
    assert_eq!(heap.mark(HeapRc::address(&value)), Some(false));
    assert_eq!(heap.usable_size(HeapRc::address(&value)), Some(layout(176, 8).size()));
}
