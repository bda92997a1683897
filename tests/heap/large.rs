//! Objects above 32 KiB cost what they need, in memory and in the count, and are copied seldom when they grow.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::ptr;
use permacode::{Error, HeapArena};
use permacode_witness::heap::{Objects, layout, resident};

const MEGABYTE: usize = 1 << 20;
const SLAB: usize = 64 << 10;

#[test]
fn an_object_counts_at_most_an_eighth_more_than_its_size() {
    let heap = HeapArena::new().unwrap();
    let sizes = (0..200).map(|step| (32 << 10) + 1 + step * 1021).chain([SLAB - 1, SLAB, SLAB + 1, MEGABYTE + 1]);
    for size in sizes {
        let before = heap.stats().live;
        let object = heap.alloc(layout(size, 8)).unwrap();
        let counted = heap.stats().live - before;
        assert_eq!(heap.usable_size(object.as_ptr()), Some(counted));
        assert!(counted >= size && counted - size < 4096 && counted * 8 <= size * 9, "{size} counts {counted}");
    }
}

// soundness S29
#[test]
fn objects_just_above_a_slab_take_hardly_more_memory_than_they_are_large() {
    for size in [33_000, 66_000, 131_100] {
        for used_before in [false, true] {
            let heap = HeapArena::new().unwrap();
            if used_before {
                Objects::of(&heap, 60 * MEGABYTE / 2000, 2000).free_all();
            }
            let objects = Objects::of(&heap, 60 * MEGABYTE / size, size);
            let asked = objects.all.len() * size;
            // What was resident before may lie behind their ends, until that is too much.
            let bound = asked * 115 / 100 + if used_before { 6 * MEGABYTE } else { 0 };
            assert!(resident(&heap) <= bound, "{size}, {used_before}: {} for {asked}", resident(&heap));
            assert!(heap.stats().live * 100 <= asked * 115);
        }
    }
}

#[test]
fn a_limit_lets_as_many_objects_be_as_have_room_below_it() {
    let heap = HeapArena::builder().limit(91_000).reservation(MEGABYTE).build().unwrap();
    let _one = heap.alloc(layout(40_000, 8)).unwrap();
    assert!(heap.alloc(layout(48_000, 8)).is_ok());
    assert!(heap.alloc(layout(1, 1)).is_ok());
    assert!(matches!(heap.alloc(layout(33_000, 1)), Err(Error::Limit { needed: 36_864, .. })));
}

#[test]
fn two_vectors_that_double_in_turn_take_what_is_live() {
    let heap = HeapArena::new().unwrap();
    let mut both = Objects::of(&heap, 2, MEGABYTE);
    for doubling in 1..8 {
        both.realloc(0, MEGABYTE << doubling).unwrap();
        both.realloc(1, MEGABYTE << doubling).unwrap();
    }
    let live = heap.stats().live;
    assert!(resident(&heap) * 100 <= live * 105 + 400 * MEGABYTE, "{} for {live}", resident(&heap));
    both.free_all();
    assert!(resident(&heap) <= 8 * MEGABYTE);
}

#[test]
fn buffers_that_grow_a_little_in_turn_are_copied_seldom() {
    let heap = HeapArena::new().unwrap();
    let mut all = Objects::of(&heap, 32, 36 << 10);
    let mut copied = 0;
    for _ in 0..250 {
        for index in 0..32 {
            let (before, size) = (all.all[index].at, all.all[index].layout.size());
            all.realloc(index, size + 4096).unwrap();
            copied += if all.all[index].at == before { 0 } else { size };
        }
    }
    let live = heap.stats().live;
    // It was 55 times as much.
    assert!(copied <= 3 * live, "{copied} bytes were copied for {live}");
    assert!(resident(&heap) <= live + 16 * MEGABYTE);
    all.free_all();
    assert_eq!(heap.stats().live, 0);
}

// What a buffer keeps to grow into is somebody else's when nothing else is left.
#[test]
fn what_is_kept_to_grow_into_stands_in_nobodys_way() {
    let heap = HeapArena::builder().reservation(4 * MEGABYTE).build().unwrap();
    let mut all = Objects::of(&heap, 4, 100_000);
    for _ in 0..3 {
        (0..4).for_each(|index| all.realloc(index, all.all[index].layout.size() + SLAB).unwrap());
    }
    let slabs: usize = all.all.iter().map(|object| object.layout.size().div_ceil(SLAB)).sum();
    let one = layout(SLAB, 8);
    (0..64 - slabs).for_each(|_| _ = all.alloc(one).unwrap());
    assert!(matches!(all.alloc(one), Err(Error::Exhausted { .. })));
    all.check();
    all.free_all();
    assert!(heap.alloc(layout(4 * MEGABYTE, 8)).is_ok());
}

#[test]
fn an_address_inside_finds_its_object_and_one_behind_its_end_does_not() {
    let heap = HeapArena::new().unwrap();
    let sizes = [33_000, SLAB, SLAB + 1, 3 * SLAB + 5000, 20 * MEGABYTE];
    for object in
        Objects::of(&heap, 1, 40_000).all.iter().chain(sizes.map(|size| Objects::of(&heap, 1, size).all[0]).iter())
    {
        let (start, end) = (object.range().start, object.range().start + object.range().len().next_multiple_of(4096));
        heap.clear_marks();
        for inside in [start, start + 1, end - 1, start + (end - start) / 2] {
            heap.mark(ptr::without_provenance::<u8>(inside));
            assert!(heap.is_marked(ptr::without_provenance::<u8>(start)));
            heap.clear_marks();
        }
        if end % SLAB != 0 {
            assert_eq!(heap.mark(ptr::without_provenance::<u8>(end)), None, "behind {} bytes", object.range().len());
        }
    }
}

// soundness S2, S15: whatever lay behind an end that was cut, or in what a span grew into.
#[test]
fn zeroed_objects_are_zero_whatever_large_ones_left() {
    let heap = HeapArena::builder().reservation(64 * MEGABYTE).build().unwrap();
    for round in 0..60 {
        let size = 33_000 + round * 9001;
        let mut objects = Objects::of(&heap, 20, size);
        for index in 0..20 {
            let size = objects.all[index].layout.size();
            objects.realloc(index, [size / 2 + 20_000, size + 5000, size * 2][(index + round) % 3]).unwrap();
        }
        objects.check();
        objects.free_if(|index| index % 4 != 0);
        if round % 5 == 0 {
            heap.trim().unwrap();
        }
        for size in [34_000, 70_000, 200_000, 12 * MEGABYTE] {
            let object = heap.alloc_zeroed(layout(size, 8)).unwrap();
            // SAFETY: a new object of this layout, zeroed, freed once.
            unsafe {
                assert!(permacode_witness::all(core::slice::from_raw_parts(object.as_ptr(), size), 0));
                heap.free(object, layout(size, 8));
            }
        }
        objects.free_all();
    }
}
