//! Huge pages behind a heap's first bytes: asked for, given back, and copied by a forked child one small page at a time.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

mod heap_support;

use heap_support::{Objects, resident, watched};
use permacode::testing::Pages;
use permacode::{HeapArena, HeapArenaBuilder};
use permacode_witness::copied;

const MEGABYTE: usize = 1 << 20;

#[test]
fn they_are_asked_for_behind_the_bytes_that_were_set_and_nowhere_else() {
    let calls = |choose: fn(HeapArenaBuilder) -> HeapArenaBuilder| {
        let pages = Pages::system();
        let heap = choose(HeapArena::builder().reservation(64 * MEGABYTE).pages(pages.clone())).build().unwrap();
        let objects = Objects::of(&heap, 24_000, 1000);
        objects.check();
        assert_eq!(pages.violations(), 0);
        heap.stats().system_calls
    };
    let never = calls(|builder| builder.huge_pages_from(usize::MAX));
    let late = calls(|builder| builder.huge_pages_from(16 * MEGABYTE));
    let always = calls(|builder| builder.huge_pages_from(0));
    assert_eq!(never, calls(|builder| builder.huge_pages_from(64 * MEGABYTE)));
    assert!(never < late && late < always, "{never} {late} {always}");
    assert_eq!(late, calls(|builder| builder), "what is chosen when nothing is said");
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
