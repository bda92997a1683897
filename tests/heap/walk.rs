//! Walks, marks and sweeps: what a collector needs, correct while it allocates, and out of line.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::ptr;
use permacode::HeapArena;
use permacode_witness::heap::{Objects, layout};
use permacode_witness::{Random, copied, watched};
use std::collections::HashSet;

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(64 << 20).build().unwrap()
}

/// Objects of many sizes, small and large.
fn mixed(heap: &HeapArena, count: usize) -> Objects<'_> {
    let (mut objects, mut random) = (Objects::new(heap), Random::new(3));
    for _ in 0..count {
        let size = [random.below(60), random.below(600), random.below(600), random.below(40_000)][random.below(4)];
        objects.alloc(layout(size + 1, 8)).unwrap();
    }
    objects.free_if(|index| index % 5 == 0);
    objects
}

#[test]
fn a_walk_visits_each_live_object_once_in_the_order_of_addresses() {
    let heap = small_heap();
    let objects = mixed(&heap, 3000);
    let mut walked: Vec<(usize, usize)> = Vec::new();
    heap.walk(|object, size| {
        assert_eq!(heap.usable_size(object.as_ptr()), Some(size));
        walked.push((object.addr().get(), size));
    });
    assert!(walked.is_sorted_by(|one, next| one.0 + one.1 <= next.0));
    let mut live: Vec<usize> = objects.ranges().iter().map(|range| range.start).collect();
    live.sort_unstable();
    assert!(walked.iter().map(|&(address, _)| address).eq(live));
    assert_eq!(walked.iter().map(|&(_, size)| size).sum::<usize>(), heap.stats().live);
}

/// Walks while `step` allocates and frees. Who is visited is live then, nobody is visited twice, and who is live from the beginning to the
/// end is visited.
fn walk_while(mut step: impl FnMut(&mut Objects<'_>, usize)) {
    let heap = small_heap();
    let mut objects = mixed(&heap, 600);
    let starts = |objects: &Objects<'_>| objects.all.iter().map(|object| object.range().start).collect::<HashSet<_>>();
    let (mut throughout, mut visited) = (starts(&objects), HashSet::new());
    let mut before = 0;
    heap.walk(|object, _| {
        let address = object.addr().get();
        assert!(starts(&objects).contains(&address), "a free object is visited");
        assert!(before < address, "an object is visited twice, or late");
        before = address;
        visited.insert(address);
        let index = objects.all.iter().position(|other| other.at == object).unwrap();
        step(&mut objects, index);
        let now = starts(&objects);
        throughout.retain(|address| now.contains(address));
    });
    assert!(throughout.is_subset(&visited), "an object that was live all the time is not visited");
    objects.check();
    assert_eq!(heap.stats().objects, objects.all.len());
    objects.free_all();
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn a_walk_may_free_what_it_visits() {
    walk_while(|objects, index| objects.free(index));
    walk_while(|objects, index| {
        let layout = objects.all[index].layout;
        objects.free(index);
        objects.alloc(layout).unwrap();
    });
}

#[test]
fn a_walk_may_free_any_other_object() {
    let mut random = Random::new(5);
    walk_while(|objects, _| objects.free(random.below(objects.all.len())));
    let mut random = Random::new(6);
    walk_while(|objects, index| objects.free_if(|other| other != index && random.below(40) == 0));
    walk_while(|objects, index| objects.free_if(|other| other != index));
    walk_while(|objects, _| objects.free_all());
}

#[test]
fn a_walk_may_allocate() {
    let mut random = Random::new(8);
    walk_while(|objects, index| {
        if objects.all.len() < 900 {
            objects.alloc(objects.all[index].layout).unwrap();
            objects.alloc(layout(random.below(3000), 8)).unwrap();
        }
    });
}

#[test]
fn a_walk_may_turn_the_heap_upside_down() {
    let (mut random, mut times) = (Random::new(9), 0);
    walk_while(|objects, index| {
        times += 1;
        match times % 6 {
            0 => objects.free_if(|other| other != index && other % 2 == 0),
            1 => _ = objects.heap.trim().unwrap(),
            2 => objects.heap.fence(),
            3 => objects.heap.walk(|object, _| _ = objects.heap.mark(object.as_ptr())),
            4 => objects.heap.lift_fence(),
            _ => (0..30).for_each(|_| _ = objects.alloc(layout(random.below(100_000), 8)).unwrap()),
        }
    });
    // The slab under the walk is given back, and serves another class.
    walk_while(|objects, _| {
        objects.free_all();
        objects.heap.trim().unwrap();
        (0..100).for_each(|_| _ = objects.alloc(layout(random.below(3000), 8)).unwrap());
    });
}

#[test]
fn a_mark_is_the_objects_whichever_of_its_bytes_is_named() {
    let heap = small_heap();
    for size in [8, 24, 400, 3000, 32 << 10, 100_000, 3 << 20] {
        let objects = Objects::of(&heap, 3, size);
        let at = |object: usize, byte: usize| objects.all[object].at.as_ptr().wrapping_add(byte);
        for byte in [0, 1, size / 2, size - 1] {
            assert!(!heap.is_marked(at(1, byte)));
            assert_eq!((heap.mark(at(1, byte)), heap.mark(at(1, size - 1))), (Some(true), Some(false)));
            assert!([0, 1, size / 2, size - 1].iter().all(|&byte| heap.is_marked(at(1, byte))));
            assert!(!heap.is_marked(at(0, size - 1)) && !heap.is_marked(at(2, 0)), "{size}");
            heap.clear_marks();
        }
    }
}

// soundness S17
#[test]
fn what_can_be_no_object_is_not_marked_nor_dereferenced() {
    let heap = small_heap();
    let object = heap.alloc(layout(48, 8)).unwrap();
    let range = heap.address_range();
    let slab = object.addr().get();
    for address in [0, 1, usize::MAX, slab - 1, slab + 65_535, slab + 65_536, range.start - 1, range.end, range.end - 1]
    {
        let nothing = ptr::without_provenance::<u8>(address);
        assert_eq!((heap.mark(nothing), heap.is_marked(nothing)), (None, false), "{address:#x}");
    }
    let large = heap.alloc(layout(100_000, 8)).unwrap();
    // SAFETY: live until now, with this layout.
    unsafe { heap.free(large, layout(100_000, 8)) };
    assert_eq!(heap.mark(large.as_ptr()), None);
}

#[test]
fn a_sweep_frees_what_is_not_marked_and_nothing_else() {
    let heap = small_heap();
    let (mut objects, mut random) = (mixed(&heap, 1000), Random::new(4));
    for round in 0..25 {
        let kept: Vec<bool> = objects.all.iter().map(|_| random.below(4) > round % 5).collect();
        for (object, _) in objects.all.iter().zip(&kept).filter(|&(_, &kept)| kept) {
            let inside = object.range().start + random.below(object.layout.size());
            assert_ne!(heap.mark(ptr::without_provenance::<u8>(inside)), None);
        }
        let before = heap.stats();
        // SAFETY: what is not marked is forgotten in the next line but one.
        let swept = unsafe { heap.sweep() };
        let mut kept = kept.into_iter();
        objects.all.retain(|_| kept.next().unwrap());
        objects.check();
        let after = heap.stats();
        assert_eq!((after.objects, after.live), (objects.all.len(), before.live - swept.bytes));
        assert_eq!(swept.objects, before.objects - after.objects);
        assert!(objects.all.iter().all(|object| !heap.is_marked(object.at.as_ptr())), "the marks are gone");
        // What was swept is handed out again, some of it freed by hand.
        for _ in 0..400 {
            objects.alloc(layout(random.below(2000) + 1, 8)).unwrap();
        }
        objects.free_if(|index| index % 7 == 0);
    }
    objects.free_all();
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn a_sweep_without_marks_frees_everything_and_the_slabs_serve_again() {
    let heap = HeapArena::builder().reservation(8 << 20).build().unwrap();
    for size in [8, 100, 5000, 32 << 10, 100_000, 5 << 20] {
        let count = (6 << 20) / size;
        let objects = Objects::of(&heap, count, size);
        // SAFETY: the objects are forgotten.
        let swept = unsafe { heap.sweep() };
        assert_eq!(swept.objects, count);
        assert_eq!(swept.bytes, heap.usable_size(objects.all[0].at.as_ptr()).unwrap_or(swept.bytes / count) * count);
        drop(objects);
        assert_eq!((heap.stats().live, heap.stats().objects, heap.stats().cached), (0, 0, 0));
    }
}

#[test]
fn a_mark_ends_with_its_sweep_and_a_new_object_has_none() {
    let heap = small_heap();
    for size in [40, 100_000] {
        let mut objects = Objects::of(&heap, 20, size);
        objects.all.iter().for_each(|object| _ = heap.mark(object.at.as_ptr()));
        objects.free_all();
        heap.trim().unwrap();
        let again = Objects::of(&heap, 20, size);
        assert!(again.all.iter().all(|object| !heap.is_marked(object.at.as_ptr())));
    }
}

// numbers N18
#[test]
fn marking_everything_in_a_child_dirties_no_object_and_little_beside() {
    let heap = HeapArena::builder().reservation(256 << 20).build().unwrap();
    let mut objects = mixed(&heap, 10_000);
    (0..150_000).for_each(|_| _ = objects.alloc(layout(64, 8)).unwrap());
    let live = heap.stats().live;
    let mark_all = || {
        heap.clear_marks();
        for object in &objects.all {
            assert_eq!(heap.mark(object.at.as_ptr()), Some(true));
        }
        assert!(objects.all.iter().all(|object| heap.is_marked(object.at.as_ptr())));
    };
    let (dirty, beside) = watched(mark_all, |pid| {
        (copied(pid, objects.ranges()).unwrap(), copied(pid, heap.bookkeeping_ranges()).unwrap() * 4096)
    });
    println!("{dirty} object pages, {beside} bytes of bookkeeping; 1/64 of what is live are {}", live / 64);
    assert_eq!(dirty, 0);
    assert!(beside > 0 && beside <= live / 64, "{beside} bytes beside {live}");
}
