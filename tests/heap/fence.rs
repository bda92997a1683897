//! Behind a fence, a forked child allocates and frees without copying a page that it shares with its parent.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::ops::{Range, RangeInclusive};
use permacode::{Error, HeapArena};
use permacode_witness::heap::{Objects, layout, resident};
use permacode_witness::{Random, copied, watched};
use std::collections::HashSet;

const SIZES: [usize; 7] = [8, 40, 64, 500, 3000, 20_000, 100_000];

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(256 << 20).build().unwrap()
}

/// Objects of all sizes, and holes between them.
fn holey(heap: &HeapArena) -> Objects<'_> {
    let mut objects = Objects::new(heap);
    let mut random = Random::new(1);
    for _ in 0..12_000 {
        let few = random.below(20) / 19 * 7;
        objects.alloc(layout(SIZES[random.below(4.max(few))], 8)).unwrap();
    }
    objects.free_if(|index| index % 3 == 0);
    objects
}

/// How many pages of what was there at the fork a child copies that works as a server would.
fn pages_copied(heap: &HeapArena, mut old: Objects<'_>) -> usize {
    let ranges = old.ranges();
    let work = || {
        let (mut new, mut random) = (Objects::new(heap), Random::new(2));
        for _ in 0..20_000 {
            let size = SIZES[random.below(4) + random.below(20) / 19 * 3];
            match random.below(5) {
                0 if !new.all.is_empty() => new.free(random.below(new.all.len())),
                1 if !new.all.is_empty() => new.realloc(random.below(new.all.len()), size).unwrap(),
                // A debug build writes poison to what is freed.
                2 if !cfg!(debug_assertions) => old.free(random.below(old.all.len())),
                _ => _ = new.alloc(layout(size, 8)).unwrap(),
            }
        }
        new.check();
        old.check();
        new.free_all();
    };
    watched(work, |pid| copied(pid, ranges).unwrap())
}

#[test]
fn a_child_behind_a_fence_copies_no_page_of_old_objects() {
    let heap = small_heap();
    let old = holey(&heap);
    heap.fence();
    assert_eq!(pages_copied(&heap, old), 0);
}

#[test]
fn without_a_fence_a_child_copies_them() {
    let heap = small_heap();
    let old = holey(&heap);
    assert!(pages_copied(&heap, old) > 100);
}

#[test]
fn a_fence_that_was_lifted_is_none() {
    let heap = small_heap();
    let old = holey(&heap);
    heap.fence();
    heap.lift_fence();
    assert!(pages_copied(&heap, old) > 100);
}

/// The pages that hold a byte of some objects.
fn pages(objects: &Objects<'_>) -> HashSet<usize> {
    objects.all.iter().flat_map(|object| touched(&object.range())).collect()
}

/// Those of some pages that lie in a slab with one of these objects. The others may be used again, once their memory was returned.
fn beside(objects: &Objects<'_>, places: &HashSet<usize>) -> HashSet<usize> {
    let slabs: HashSet<usize> = pages(objects).iter().map(|page| page / 16).collect();
    places.iter().copied().filter(|page| slabs.contains(&(page / 16))).collect()
}

fn touched(range: &Range<usize>) -> RangeInclusive<usize> {
    range.start / 4096..=(range.end - 1) / 4096
}

#[test]
fn new_objects_lie_on_no_old_page_until_the_fence_is_lifted() {
    let heap = small_heap();
    for size in SIZES {
        let mut old = Objects::of(&heap, 400_000 / size, size);
        let places = pages(&old);
        old.free_if(|index| index % 2 == 0);
        heap.fence();
        old.free_if(|index| index % 2 == 0); // these go to bits as well
        let mut new = Objects::of(&heap, 300_000 / size, size);
        new.free_if(|index| index % 2 == 0); // and these may be handed out again
        old.free_if(|index| index % 2 == 0); // but still not these
        (0..100_000 / size).for_each(|_| _ = new.alloc(layout(size, 8)).unwrap());
        assert!(pages(&new).is_disjoint(&beside(&old, &places)), "{size}");
        let slabs = heap.stats().slabs;
        heap.lift_fence();
        let later = Objects::of(&heap, 150_000 / size, size);
        assert!(!pages(&later).is_disjoint(&places), "{size}: the holes are used again");
        assert!(size > 32 << 10 || heap.stats().slabs <= slabs + 3, "{size}");
        old.check();
        new.check();
        later.check();
        for mut objects in [old, new, later] {
            objects.free_all();
        }
        assert_eq!(heap.stats().live, 0);
        heap.trim().unwrap();
    }
}

#[test]
fn a_fence_that_is_put_again_moves() {
    let heap = small_heap();
    let mut all: Vec<Objects<'_>> = Vec::new();
    let mut places = HashSet::new();
    for _ in 0..4 {
        let mut objects = Objects::of(&heap, 3000, 40);
        assert!(pages(&objects).is_disjoint(&places));
        places.extend(pages(&objects));
        objects.free_if(|index| index % 2 == 0);
        all.push(objects);
        heap.fence();
        all.iter_mut().for_each(|objects| objects.free_if(|index| index % 5 == 0));
        // What both fences keep out of use is in no magazine.
        assert_eq!(heap.stats().cached, 0);
    }
    heap.lift_fence();
    let slabs = heap.stats().slabs;
    let again = Objects::of(&heap, 6000, 40);
    assert_eq!(heap.stats().slabs, slabs, "there were holes for all");
    again.check();
    all.iter().for_each(Objects::check);
}

#[test]
fn a_large_object_grows_in_place_behind_a_fence_only_beyond_it() {
    let heap = small_heap();
    let mut old = Objects::of(&heap, 3, 200_000);
    let places = pages(&old);
    let first = old.all[0].at.addr().get();
    old.free(1); // its place is taken by the last
    heap.fence();
    let before = old.all[0].at;
    old.realloc(0, 300_000).unwrap();
    assert_ne!(old.all[0].at, before, "behind it is a hole that is fenced");
    assert!(touched(&old.all[0].range()).all(|page| !places.contains(&page)));
    let last = old.all[1].at;
    old.realloc(1, 150_000).unwrap();
    assert_eq!(old.all[1].at, last, "it may shrink");
    let moved = old.all[0].at;
    old.realloc(0, 5 << 20).unwrap();
    assert_eq!(old.all[0].at, moved, "and grow beyond the fence");
    let mut new = Objects::of(&heap, 5, 200_000);
    assert!(pages(&new).is_disjoint(&beside(&old, &places)));
    new.free_all();
    old.free_all();
    heap.lift_fence();
    assert_eq!(heap.alloc(layout(200_000, 8)).unwrap().addr().get(), first);
}

#[test]
fn a_trim_behind_a_fence_gives_memory_back_and_leaves_the_fence() {
    let heap = small_heap();
    let mut old = Objects::of(&heap, 10_000, 64);
    let places = pages(&old);
    heap.fence();
    old.free_if(|index| index >= 10);
    assert!(heap.trim().unwrap() > 500_000);
    let new = Objects::of(&heap, 10_000, 64);
    assert!(pages(&new).is_disjoint(&beside(&old, &places)));
    new.check();
    // SAFETY: all objects are forgotten.
    assert_eq!(unsafe { heap.sweep() }.objects, 10_010);
}

/// Of slabs in which nothing is left, new ones take the place, and all of their pages are new.
#[test]
fn what_was_emptied_before_a_fence_serves_behind_it_and_holds_nothing_of_before() {
    for size in SIZES {
        let heap = small_heap();
        let mut old = Objects::of(&heap, 2_000_000 / size, size);
        let places = pages(&old);
        old.free_all();
        heap.fence();
        let slabs = heap.address_range().start;
        let mut highest = 0;
        for _ in 0..1_500_000 / size {
            let object = heap.alloc(layout(size, 8)).unwrap();
            highest = highest.max(object.addr().get() - slabs);
            // SAFETY: a new object, of which every byte was written when memory was made, or is zero.
            let bytes = unsafe { core::slice::from_raw_parts(object.as_ptr(), size) };
            assert!(permacode_witness::all(bytes, 0), "{size}: its page was in use before the fence");
        }
        assert!(highest <= (places.len() + 48) * 4096, "{size}: new address space is used");
    }
}

// One of 1,000 fences with nothing between them kept 5.5 MiB.
#[test]
fn a_heap_whose_fence_is_moved_again_and_again_stays_as_it_is() {
    let heap = small_heap();
    let mut kept = Objects::of(&heap, 500, 40);
    let mut most = 0;
    for round in 0..1000 {
        heap.fence();
        let mut passing = Objects::new(&heap);
        for size in SIZES {
            (0..3).for_each(|_| _ = passing.alloc(layout(size, 8)).unwrap());
        }
        passing.free_all();
        if round == 20 {
            most = resident(&heap);
        }
    }
    assert!(resident(&heap) <= most + (1 << 20), "{} after {most}", resident(&heap));
    assert!(heap.stats().committed <= 8 << 20);
    kept.check();
    kept.free_all();
}

// soundness S16
#[test]
fn a_heap_that_is_full_behind_its_fence_says_so_and_works_when_it_is_lifted() {
    let heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
    let mut old = Objects::of(&heap, 12_000, 64);
    old.free_if(|index| index % 2 == 0);
    heap.fence();
    let mut new = Objects::new(&heap);
    let error = loop {
        if let Err(error) = new.alloc(layout(64, 8)) {
            break error;
        }
    };
    assert!(matches!(error, Error::Exhausted { .. }), "{error}");
    assert!(new.alloc(layout(100_000, 8)).is_err());
    let count = new.all.len();
    heap.lift_fence();
    (0..6000).for_each(|_| _ = new.alloc(layout(64, 8)).unwrap());
    assert!(new.all.len() == count + 6000);
    old.check();
    new.check();
}

#[test]
fn a_reset_lifts_the_fence() {
    let mut heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
    for _ in 0..5 {
        let objects = Objects::of(&heap, 15_000, 64);
        objects.check();
        heap.fence();
        heap.reset().unwrap();
    }
    assert_eq!(heap.stats().live, 0);
}
