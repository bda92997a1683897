//! Huge pages behind a heap's first bytes: asked for, given back, and copied by a forked child one small page at a time.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

mod heap_support;

use heap_support::{Objects, resident, watched};
use permacode::HeapArena;
use permacode::testing::Pages;
use permacode_witness::copied;

const MEGABYTE: usize = 1 << 20;

#[test]
fn they_are_asked_for_behind_the_bytes_that_were_set_and_nowhere_else() {
    let calls = |huge_from: usize| {
        let pages = Pages::system();
        let heap = HeapArena::builder().reservation(64 * MEGABYTE).pages(pages.clone()).huge_pages_from(huge_from);
        let heap = heap.build().unwrap();
        let objects = Objects::of(&heap, 12_000, 1000);
        objects.check();
        assert_eq!(pages.violations(), 0);
        heap.stats().system_calls
    };
    let never = calls(usize::MAX);
    let (late, always) = (calls(8 * MEGABYTE), calls(0));
    assert_eq!(never, calls(64 * MEGABYTE));
    assert!(never < late && late < always, "{never} {late} {always}");
}

#[test]
fn everything_freed_and_trimmed_leaves_none() {
    let heap = HeapArena::builder().reservation(256 * MEGABYTE).huge_pages_from(0).build().unwrap();
    for size in [40, 5000, 3 * MEGABYTE] {
        let mut objects = Objects::of(&heap, 40 * MEGABYTE / size, size);
        assert!(resident(&heap) >= 39 * MEGABYTE);
        objects.free_all();
        heap.trim().unwrap();
        assert_eq!(resident(&heap), 0);
    }
}

#[test]
fn a_heap_of_holes_gives_single_pages_back() {
    let heap = HeapArena::builder().reservation(256 * MEGABYTE).huge_pages_from(0).build().unwrap();
    let mut objects = Objects::of(&heap, 5000, 8192);
    objects.free_if(|index| index % 2 == 0);
    heap.trim().unwrap();
    objects.check();
    assert!(resident(&heap) <= 24 * MEGABYTE);
}

#[test]
fn a_child_that_writes_copies_small_pages() {
    let heap = HeapArena::builder().reservation(256 * MEGABYTE).huge_pages_from(0).build().unwrap();
    let objects = Objects::of(&heap, 5000, 8192);
    let ranges: Vec<_> = objects.all.iter().map(|object| object.range()).collect();
    let work = || {
        for object in objects.all.iter().step_by(100) {
            // SAFETY: a live object of 8192 bytes.
            unsafe { object.at.write_volatile(1) };
        }
    };
    let pages = watched(work, |pid| copied(pid, ranges).unwrap());
    assert!((50..=60).contains(&pages), "{pages}");
}
