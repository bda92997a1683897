//! A heap that is full: what it refuses, and what it must not forget while it remembers that.
#![cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]

use permacode::heap::GlobalHeap;
use permacode::{Error, HeapArena};
use permacode_witness::Random;
use permacode_witness::heap::{Objects, layout};
use std::alloc::GlobalAlloc;

fn full_of(heap: &HeapArena, size: usize) -> Objects<'_> {
    let mut objects = Objects::new(heap);
    while objects.alloc(layout(size, 8)).is_ok() {}
    objects
}

#[test]
fn what_was_refused_is_granted_as_soon_as_there_is_room() {
    let heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
    for size in [64, 2000, 64 << 10] {
        let mut objects = full_of(&heap, size);
        for other in [24, 900, 20_000, 40_000, 100_000, 500_000] {
            (0..3).for_each(|_| assert!(matches!(heap.alloc(layout(other, 8)), Err(Error::Exhausted { .. }))));
            // All of the first slabs, as many as it needs.
            let slabs = other.div_ceil(64 << 10);
            let end = heap.address_range().start + (slabs << 16);
            objects.free_if(|_| false);
            for index in (0..objects.all.len()).rev() {
                if objects.all[index].range().start < end {
                    objects.free(index);
                }
            }
            let object = heap.alloc(layout(other, 8)).unwrap_or_else(|error| panic!("{other} after {size}: {error}"));
            // SAFETY: live, of this layout, and not used any more.
            unsafe { heap.free(object, layout(other, 8)) };
            while objects.alloc(layout(size, 8)).is_ok() {}
        }
        objects.check();
        objects.free_all();
    }
}

#[test]
fn a_class_that_was_refused_has_what_comes_back_to_it() {
    let heap = HeapArena::builder().reservation(512 << 10).build().unwrap();
    let mut small = Objects::of(&heap, 1, 24);
    let mut objects = full_of(&heap, 80);
    while small.alloc(layout(24, 8)).is_ok() {}
    let mut random = Random::new(5);
    for _ in 0..2000 {
        assert!(small.alloc(layout(24, 8)).is_err());
        assert!(objects.alloc(layout(80, 8)).is_err());
        small.free(random.below(small.all.len()));
        objects.free(random.below(objects.all.len()));
        small.alloc(layout(24, 8)).unwrap();
        objects.alloc(layout(80, 8)).unwrap();
    }
    small.check();
    objects.check();
}

#[test]
fn other_refusals_do_not_stand_for_a_full_heap() {
    // A larger alignment, a limit, a fence.
    let heap = HeapArena::builder().reservation(1 << 20).limit(900 << 10).build().unwrap();
    let aligned = heap.alloc(layout(600 << 10, 1 << 20));
    assert!(aligned.is_err() || heap.stats().live == 600 << 10);
    assert!(heap.alloc(layout(1 << 20, 8)).is_err());
    let mut objects = Objects::of(&heap, 10, 20_000);
    heap.fence();
    while objects.alloc(layout(20_000, 8)).is_ok() {}
    objects.free_if(|index| index % 2 == 0);
    heap.lift_fence();
    objects.alloc(layout(20_000, 8)).unwrap();
    objects.check();
}

#[test]
fn a_global_heap_that_is_full_leaves_the_rest_to_the_system_and_uses_again_what_is_freed() {
    static HEAP: GlobalHeap = GlobalHeap::new();
    assert!(HEAP.claim_with(HeapArena::builder().reservation(4 << 20)).unwrap());
    let heap = HEAP.heap().unwrap();
    let mut objects = full_of(heap, 64);
    objects.free_if(|index| index % 2 == 0);
    let of = |size| layout(size, 8);
    for round in 0..20_000 {
        let size = 80 + round % 20 * 24;
        // SAFETY: the size is not zero; written within it, freed once, with its layout.
        unsafe {
            let object = HEAP.alloc(of(size));
            assert!(!heap.contains(object));
            object.write_bytes(1, size);
            HEAP.dealloc(object, of(size));
            let own = HEAP.alloc(of(64));
            assert!(heap.contains(own), "its own class has room");
            HEAP.dealloc(own, of(64));
        }
    }
    objects.check();
    objects.free_all();
    // Not at once: a full heap looks into its magazines once in a while only.
    let served = (0..10_000).any(|_| {
        // SAFETY: as above.
        unsafe {
            let object = HEAP.alloc(of(1000));
            HEAP.dealloc(object, of(1000));
            heap.contains(object)
        }
    });
    assert!(served);
}
