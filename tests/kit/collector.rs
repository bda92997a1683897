//! What the roots lead to stays as it is, by whatever way, and all else goes.

use crate::{disturb, heap};
use allocator_api2::boxed::Box as HeapBox;
use allocator_api2::vec::Vec as HeapVec;
use permacode::handles::{AtomicCodeSlot, CodeProxy, CodeRc, CodeRcSlot, Home};
use permacode::kit::{Collect, Marker, Pacer};
use permacode::{CodeArena, CodeRef, CodeSlot, Gc, HeapArena, Plain, SideTable, Sites, Transients};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::{Cell, OnceCell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

// soundness S12
assert_not_impl_any!(Gc<'static, u8>: Send, Sync);
assert_not_impl_any!(Marker<'static>: Send, Sync);
assert_impl_all!(Gc<'static, u8>: Copy, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Pacer: Send, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(Pacer: Sync);

/// An object that leads to another.
#[derive(Collect)]
struct Node<'h> {
    number: u64,
    next: Cell<Option<Gc<'h, Node<'h>>>>,
}

fn node<'h>(heap: &'h HeapArena, number: u64) -> Gc<'h, Node<'h>> {
    Gc::new(heap, Node { number, next: Cell::new(None) }).unwrap()
}

/// Collects what a root does not lead to, and how many objects that were. Places of what went are written to.
fn collect(heap: &HeapArena, root: &dyn Fn(&mut Marker<'_>)) -> usize {
    // SAFETY: the tests use no object afterwards that their roots do not lead to, and the closures only trace.
    let swept = unsafe { heap.collect(|marker| root(marker)) }.unwrap();
    disturb(heap, 16);
    disturb(heap, 8);
    swept.objects
}

#[test]
fn cycles_that_no_root_leads_to_go_and_others_stay() {
    let heap = heap();
    let ring = |numbers: std::ops::Range<u64>| {
        let nodes: Vec<_> = numbers.map(|number| node(&heap, number)).collect();
        (0..nodes.len()).for_each(|at| nodes[at].next.set(Some(nodes[(at + 1) % nodes.len()])));
        nodes[0]
    };
    let kept = ring(0..100);
    ring(100..150);
    ring(150..151); // leads to itself
    for freed in [51, 0, 0] {
        assert_eq!(collect(&heap, &|marker| marker.trace(&kept)), freed);
        let mut at = kept;
        for number in 0..200 {
            assert_eq!(at.number, number % 100);
            at = at.next.get().unwrap();
        }
    }
    kept.next.set(None);
    assert_eq!((collect(&heap, &|marker| marker.trace(&kept)), kept.number), (99, 0));
    assert_eq!((collect(&heap, &|_| ()), heap.stats().objects), (1, 0));
}

#[test]
fn a_mark_that_was_set_before_hides_nothing() {
    let heap = heap();
    let (first, second) = (node(&heap, 1), node(&heap, 2));
    first.next.set(Some(second));
    heap.mark(Gc::as_ptr(first));
    assert_eq!(collect(&heap, &|marker| marker.trace(&first)), 0);
    assert_eq!(first.next.get().map(|next| next.number), Some(2));
}

#[test]
fn each_way_to_an_object_is_gone() {
    let heap = heap();
    let new = |number| Gc::new(&heap, number).unwrap();
    let number = Cell::new(0_u64);
    let next = || {
        number.set(number.get() + 1);
        new(number.get())
    };
    let once = OnceCell::from(next());
    let mut buffer = HeapVec::new_in(&heap);
    buffer.extend((0..1000).map(|_| next()));
    let slice = HeapVec::from_iter_in_heap(&heap, [next(), next()]);
    let nested = Gc::new(&heap, RefCell::new(HeapBox::try_new_in(Some(next()), &heap).unwrap())).unwrap();
    let root = (
        [Some(next()), None, Some(next())],
        Cell::new((next(), 7_u8)),
        RefCell::new(next()),
        once,
        Ok::<_, ()>(next()),
        Err::<(), _>(next()),
        ManuallyDrop::new(next()),
        Gc::copy_slice(&heap, &[next(), next()]).unwrap(),
        Gc::copy_str(&heap, "text that is long enough").unwrap(),
        buffer,
        slice,
        nested,
    );
    let (before, lost) = (heap.stats().objects, 100);
    (0..lost).for_each(|_| _ = new(0));
    assert_eq!(collect(&heap, &|marker| marker.trace(&root)), lost);
    let mut numbers = vec![*root.0[0].unwrap(), *root.0[2].unwrap(), *root.1.get().0, **root.2.borrow()];
    numbers.extend([**root.3.get().unwrap(), **root.4.as_ref().unwrap(), **root.5.as_ref().unwrap_err(), **root.6]);
    numbers.extend(root.7.iter().map(|number| **number));
    numbers.extend(root.9.iter().map(|number| **number));
    numbers.extend(root.10.iter().map(|number| **number));
    numbers.extend(root.11.borrow().as_deref().copied());
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=number.get()));
    assert_eq!((&*root.8, heap.stats().objects), ("text that is long enough", before));
    drop(root);
    collect(&heap, &|_| ());
    assert_eq!(heap.stats().objects, 0);
}

/// A boxed slice in a heap.
trait InHeap<'h, T> {
    fn from_iter_in_heap(heap: &'h HeapArena, values: impl IntoIterator<Item = T>) -> HeapBox<[T], &'h HeapArena>;
}

impl<'h, T> InHeap<'h, T> for HeapVec<T, &'h HeapArena> {
    fn from_iter_in_heap(heap: &'h HeapArena, values: impl IntoIterator<Item = T>) -> HeapBox<[T], &'h HeapArena> {
        let mut vector = HeapVec::new_in(heap);
        vector.extend(values);
        vector.into_boxed_slice()
    }
}

#[test]
fn a_vector_without_elements_keeps_its_buffer() {
    let heap = heap();
    let object = Gc::new(&heap, RefCell::new(HeapVec::<u64, _>::with_capacity_in(2, &heap))).unwrap();
    for round in 0..20 {
        assert_eq!(collect(&heap, &|marker| marker.trace(&object)), 0);
        assert_eq!(heap.stats().objects, 2);
        object.borrow_mut().push(round);
        assert_eq!(object.borrow_mut().pop(), Some(round));
    }
}

#[test]
fn objects_of_another_heap_are_passed_over_and_its_vectors_are_not() {
    let (heap, other) = (heap(), heap());
    let (here, there) = (node(&heap, 1), node(&other, 2));
    let mut vector = HeapVec::new_in(&other);
    vector.push(here);
    assert_eq!(collect(&heap, &|marker| (marker.trace(&there), marker.trace(&vector)).0), 0);
    assert_eq!(here.number, 1);
    assert!(!other.is_marked(Gc::as_ptr(there)), "a heap's marks are its own collections'");
    assert_eq!(collect(&other, &|marker| marker.trace(&here)), 2, "its object and its vector");
    std::mem::forget(vector);
}

// soundness S7: the closure is safe code.
#[test]
fn what_was_traced_may_be_dropped_right_after() {
    let heap = heap();
    let kept: Vec<_> = (0..1000).map(|number| node(&heap, number)).collect();
    kept.windows(2).for_each(|pair| pair[0].next.set(Some(pair[1])));
    let mut vector = HeapVec::new_in(&heap);
    vector.extend((0..1000).map(|_| kept[0]));
    let boxed = HeapBox::try_new_in(Some(kept[500]), &heap).unwrap();
    let mut roots = Some((vector, boxed));
    let marked = heap.mark_from(|marker| {
        marker.trace(&roots.as_ref().unwrap().0);
        marker.trace(&roots.take().unwrap().1);
        disturb(&heap, 8000);
        disturb(&heap, 8);
    });
    assert_eq!(marked, Ok(()));
    assert!(kept.iter().all(|node| heap.is_marked(Gc::as_ptr(*node))));
    heap.clear_marks();
}

#[test]
fn values_without_bytes_have_no_object() {
    let heap = heap();
    let unit = Gc::new(&heap, ()).unwrap();
    let (empty, text) = (Gc::copy_slice(&heap, &[0_u64; 0]).unwrap(), Gc::copy_str(&heap, "").unwrap());
    assert_eq!(collect(&heap, &|marker| marker.trace(&(unit, empty, text))), 0);
    assert_eq!((*unit, empty.len(), &*text, heap.stats().objects), ((), 0, "", 0));
}

#[test]
fn large_objects_are_found_and_freed_as_small_ones() {
    let heap = heap();
    let large = |number: u64| Gc::new(&heap, [number; 10_000]).unwrap();
    let kept: Vec<_> = (0..10).map(large).collect();
    (0..10).for_each(|number| _ = large(number));
    assert_eq!(collect(&heap, &|marker| marker.trace(&kept[..])), 10);
    (0..10).for_each(|_| _ = large(99));
    assert!((0..10).zip(&kept).all(|(number, object)| object.iter().all(|there| *there == number)));
}

#[test]
fn handles_of_every_kind_keep_their_code_and_no_other() {
    let (arena, heap) = (CodeArena::builder().reservation(8 << 20).build().unwrap(), heap());
    let transients = Transients::new(&arena, &heap);
    let eval = |number| CodeRef::<u64>::transient(&transients, move |loader| loader.alloc(number)).unwrap();
    let sealed = arena.load("m").unwrap().alloc(7_u64).unwrap();
    let (slot, proxy) = (CodeSlot::new(eval(2)), CodeProxy::new(&arena, eval(3), |_| "name").unwrap());
    let handles = (eval(1), slot, proxy, AtomicCodeSlot::new(sealed), CodeRef::new(sealed), sealed, Plain(7_u8));
    (0..10).for_each(|number| std::mem::forget(eval(number)));
    for _ in 0..2 {
        // SAFETY: the other handles are forgotten, and the closure only traces.
        unsafe { transients.collect(|marker| marker.trace(&handles)) }.unwrap();
        disturb(&heap, 512);
        assert_eq!((*handles.0.get(), *handles.1.get().get(), handles.2.name()), (1, 2, "name"));
        assert_eq!(transients.stats().regions, 3);
    }
}

#[test]
fn handles_without_a_lifetime_keep_their_code_in_the_heap_of_their_home() {
    let home = Home::new(Arc::new(CodeArena::builder().reservation(8 << 20).build().unwrap()), heap()).unwrap();
    let eval = |number: u64| CodeRc::<u64>::new(&home, move |loader| loader.alloc(number)).unwrap();
    let heap = home.transients().heap();
    let function = Gc::new(heap, (eval(1), CodeRcSlot::new(eval(2)))).unwrap();
    Gc::new(heap, eval(3)).unwrap();
    // SAFETY: the other object is not used any more, and the closure only traces.
    let swept = unsafe { home.transients().collect(|marker| marker.trace(&function)) }.unwrap();
    assert!(swept.objects >= 2, "an object and its code: {}", swept.objects);
    assert_eq!((*function.0.get(), *function.1.get().get(), home.transients().stats().regions), (1, 2, 2));
    // SAFETY: nothing is used any more.
    unsafe { home.transients().collect(|_| ()) }.unwrap();
    assert_eq!((home.transients().stats().regions, heap.stats().live), (0, 0));
}

#[test]
fn entries_of_a_side_table_are_roots() {
    let (arena, heap) = (CodeArena::builder().reservation(8 << 20).build().unwrap(), heap());
    let table: SideTable<'_, Cell<Option<Gc<'_, Node<'_>>>>> = SideTable::new(&arena).unwrap();
    let sites: Sites = arena.load("m").unwrap().sites(100).unwrap();
    for (number, entry) in (0..).zip(table.of(sites).unwrap()) {
        entry.set((number % 3 == 0).then(|| node(&heap, number)));
        node(&heap, number);
    }
    assert_eq!(collect(&heap, &|marker| marker.trace(&table)), 100);
    for (number, entry) in (0..).zip(table.of(sites).unwrap()) {
        assert_eq!(entry.get().map(|node| node.number), (number % 3 == 0).then_some(number));
    }
}

#[test]
fn pointers_compare_print_and_hash_as_their_values() {
    use std::collections::HashSet;
    let heap = heap();
    let [one, same, two] = [1, 1, 2].map(|number| Gc::new(&heap, number).unwrap());
    assert!(one == same && one < two && !Gc::ptr_eq(one, same) && Gc::ptr_eq(one, one));
    assert_eq!(HashSet::from([one, same, two]).len(), 2);
    assert_eq!((format!("{one} {two:?}"), format!("{one:p}")), ("1 2".to_owned(), format!("{:p}", Gc::as_ptr(one))));
}
