//! A shrink is not refused: neither at the limit nor in a full reservation, in every face (soundness S31).
#![cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]

use allocator_api2::vec::Vec as HeapVec;
use core::ptr;
use permacode::HeapArena;
use permacode::error::PageCall;
use permacode::ffi::{permacode_heap_free, permacode_heap_lua_alloc, permacode_heap_malloc, permacode_heap_realloc};
use permacode::testing::Pages;
use permacode_witness::Random;
use permacode_witness::heap::{Objects, layout};

/// Sizes of every kind: neighbouring classes, larger ones, spans of one slab and of several.
const SIZES: [usize; 14] = [8, 16, 24, 40, 80, 120, 512, 640, 3000, 20_000, 32 << 10, (32 << 10) + 1, 100_000, 400_000];

/// A heap with no room: one object of a size, and otherwise objects of `other` bytes until none is to be had.
fn full(heap: &HeapArena, size: usize, other: usize) -> Objects<'_> {
    let mut objects = Objects::of(heap, 1, size);
    while objects.alloc(layout(other, 8)).is_ok() {}
    objects
}

#[test]
fn at_the_limit_every_size_becomes_every_smaller_one_and_counts_as_that() {
    for (index, &from) in SIZES.iter().enumerate() {
        for &to in &SIZES[..index] {
            let place = |size: usize| {
                let heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
                heap.usable_size(heap.alloc(layout(size, 8)).unwrap().as_ptr()).unwrap()
            };
            for spare in [0, 7] {
                let limit = place(from) + spare;
                let heap = HeapArena::builder().reservation(2 << 20).limit(limit).build().unwrap();
                let mut objects = Objects::of(&heap, 1, from);
                objects.realloc(0, to).unwrap();
                assert_eq!(heap.stats().live, place(to), "{from} to {to}");
                objects.check();
                objects.free_all();
                // What was lent is paid back.
                Objects::of(&heap, 1, from).check();
            }
        }
    }
}

#[test]
fn in_a_full_reservation_every_size_becomes_every_smaller_one() {
    for (index, &from) in SIZES.iter().enumerate() {
        for &to in &SIZES[..index] {
            for other in [16, 2000, 60_000] {
                let heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
                let mut objects = full(&heap, from, other);
                objects.realloc(0, to).unwrap_or_else(|error| panic!("{from} to {to} beside {other}: {error}"));
                objects.check();
                assert!(heap.stats().live <= 1 << 20);
                // Whatever it is now, it is freed, resized and found like any other.
                let mut walked = 0;
                heap.walk(|_, _| walked += 1);
                assert_eq!(walked, objects.all.len());
                let _ = objects.realloc(0, to.div_ceil(2));
                objects.free(1);
                let _ = objects.realloc(0, from);
                objects.check();
                objects.free_all();
                assert_eq!((heap.stats().live, heap.stats().objects), (0, 0));
                heap.trim().unwrap();
                assert_eq!(heap.stats().slabs, 0);
                heap.alloc(layout(1 << 20, 8)).unwrap();
            }
        }
    }
}

// An object that stays in its place must be handed out as what its place is, and not as what it was shrunk to.
#[test]
fn a_place_that_was_shrunk_into_is_no_place_of_the_smaller_size() {
    let heap = HeapArena::builder().reservation(64 << 10).build().unwrap();
    let mut objects = full(&heap, 80, 80);
    let count = objects.all.len();
    for index in 0..count / 2 {
        objects.realloc(index, 24).unwrap();
    }
    objects.check();
    for _ in 0..count / 2 {
        objects.free(0);
    }
    // All of them serve again, at their full size.
    while objects.alloc(layout(80, 8)).is_ok() {}
    assert_eq!(objects.all.len(), count);
    let mut starts: Vec<usize> = objects.ranges().iter().map(|range| range.start % (64 << 10)).collect();
    starts.sort_unstable();
    assert!(starts.iter().all(|start| start % 80 == 0));
    starts.dedup();
    assert_eq!(starts.len(), count);
    objects.free_all();
    let mut small = Objects::new(&heap);
    while small.alloc(layout(24, 8)).is_ok() {}
    assert!(small.all.len() >= 2700, "{}", small.all.len());
    small.check();
}

#[test]
fn alignment_is_kept_or_the_shrink_says_that_it_cannot_be() {
    let heap = HeapArena::builder().reservation(64 << 10).build().unwrap();
    let objects = full(&heap, 120, 120);
    let (mut stayed, mut refused) = (0, 0);
    for object in &objects.all {
        for align in [16, 32, 64] {
            // SAFETY: live, of this layout; it stays where it is, or as it is.
            let moved = unsafe { heap.realloc(object.at, object.layout, layout(align, align)) };
            match moved {
                Ok(moved) => {
                    assert_eq!((moved, moved.addr().get() % align), (object.at, 0));
                    stayed += 1;
                    // SAFETY: live, of this layout, and where it was.
                    let back = unsafe { heap.realloc(moved, layout(align, align), object.layout) };
                    assert_eq!(back, Ok(moved));
                }
                Err(_) => {
                    assert_ne!(object.at.addr().get() % align, 0);
                    refused += 1;
                }
            }
        }
    }
    assert!(stayed > 0 && refused > 0);
}

#[test]
fn a_fence_a_sweep_and_another_face_may_come_between() {
    let heap = HeapArena::builder().reservation(256 << 10).build().unwrap();
    let mut random = Random::new(1);
    for round in 0..40 {
        let mut objects = full(&heap, 80, [80, 2000, 50_000][round % 3]);
        for _ in 0..objects.all.len().min(50) {
            let index = random.below(objects.all.len());
            let size = objects.all[index].layout.size();
            objects.realloc(index, random.below(size) + 1).unwrap();
        }
        if round % 2 == 0 {
            heap.fence();
        }
        objects.free_if(|index| index % 3 == 0);
        while objects.alloc(layout(24, 8)).is_ok() && objects.all.len() < 5000 {}
        heap.lift_fence();
        objects.check();
        if round % 4 == 0 {
            // SAFETY: all objects are forgotten.
            unsafe { heap.sweep() };
        } else {
            objects.free_all();
        }
        assert_eq!(heap.stats().live, 0, "{round}");
        heap.trim().unwrap();
        assert_eq!(heap.stats().slabs, 0, "{round}");
    }
}

// The system may refuse a bitmap, too.
#[test]
fn a_shrink_succeeds_where_the_system_refuses_every_page() {
    for &from in &SIZES[9..] {
        let pages = Pages::system();
        let heap = HeapArena::builder().reservation(64 << 20).pages(pages.clone()).build().unwrap();
        let mut objects = Objects::of(&heap, 15, from);
        for size in [8, 24, 600, 20_000, 8, 40] {
            pages.fail_call(PageCall::Commit, 0);
            objects.realloc(0, size).unwrap();
            objects.check();
        }
        objects.free_all();
        pages.relent();
        assert_eq!((heap.stats().live, pages.violations()), (0, 0));
    }
}

#[test]
fn a_vector_fits_itself_at_the_limit() {
    let heap = HeapArena::builder().limit(32 << 10).build().unwrap();
    let mut vector: HeapVec<u8, &HeapArena> = HeapVec::with_capacity_in(32 << 10, &heap);
    vector.push(1);
    vector.shrink_to_fit();
    assert_eq!((vector.capacity(), vector[0]), (1, 1));
}

#[test]
fn c_shrinks_at_the_limit_and_in_a_full_reservation() {
    for limit in [usize::MAX, 500 << 10] {
        let heap = HeapArena::builder().reservation(1 << 20).limit(limit).build().unwrap();
        let ud = (&raw const heap).cast_mut().cast();
        let mut all = Vec::new();
        // SAFETY: the heap is this thread's; each object is used within its newest size, and freed once.
        unsafe {
            loop {
                let object = permacode_heap_malloc(&heap, 2000);
                if object.is_null() {
                    break;
                }
                all.push((object, 2000));
            }
            for _ in 0..6 {
                for (index, (object, size)) in all.iter_mut().enumerate() {
                    let new = (*size / 3).max(1);
                    let shrunk = if index % 2 == 0 {
                        permacode_heap_realloc(&heap, *object, new)
                    } else {
                        permacode_heap_lua_alloc(ud, *object, *size, new)
                    };
                    assert!(!shrunk.is_null(), "{size} to {new}");
                    (*object, *size) = (shrunk, new);
                }
            }
            for (index, (object, size)) in all.into_iter().enumerate() {
                match index % 2 {
                    0 => permacode_heap_free(&heap, object),
                    _ => assert_eq!(permacode_heap_lua_alloc(ud, object, size, 0), ptr::null_mut()),
                }
            }
        }
        assert_eq!((heap.stats().live, heap.stats().objects), (0, 0));
        heap.trim().unwrap();
        assert_eq!(heap.stats().slabs, 0);
    }
}
