//! Huge pages behind a heap's first bytes: asked for, given back, and copied by a forked child one small page at a time.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::HeapArena;
use permacode::error::PageCall;
use permacode::heap::HeapArenaBuilder;
use permacode::testing::Pages;
use permacode_witness::heap::{Objects, layout, resident};
use permacode_witness::{copied, memory, watched};

const MEGABYTE: usize = 1 << 20;

#[test]
fn they_are_asked_for_behind_the_bytes_that_were_set_and_nowhere_else() {
    // So often is asked that one more refusal would meet nobody.
    let calls = |choose: fn(HeapArenaBuilder) -> HeapArenaBuilder| {
        let refused_after = |asked: usize| {
            let pages = Pages::system();
            pages.fail_call(PageCall::Huge, asked);
            let heap = choose(HeapArena::builder().reservation(64 * MEGABYTE).pages(pages.clone())).build().unwrap();
            let objects = Objects::of(&heap, 24_000, 1000);
            objects.check();
            assert_eq!(pages.violations(), 0);
            pages.failures() != 0
        };
        (0..100).find(|&asked| !refused_after(asked)).unwrap()
    };
    let never = calls(|builder| builder.huge_pages_from(usize::MAX));
    let late = calls(|builder| builder.huge_pages_from(16 * MEGABYTE));
    let always = calls(|builder| builder.huge_pages_from(0));
    assert_eq!([never, calls(|builder| builder.huge_pages_from(64 * MEGABYTE))], [0, 0]);
    assert!(0 < late && late < always, "{late} {always}");
    assert_eq!(late, calls(|builder| builder), "what is chosen when nothing is said");
}

/// The kernel keeps what is asked for as a mapping of its own, which shows where it begins.
/// Bytes of objects before the first huge page, if that is not the first byte: what the heap's records leave of 2 MiB.
fn before(reservation: usize) -> usize {
    let heap = HeapArena::builder().reservation(reservation).build().unwrap();
    2 * MEGABYTE - heap.bookkeeping_ranges()[0].len() % (2 * MEGABYTE)
}

/// The least reservation that has room for a huge page behind that.
fn least_for_one(from: usize) -> usize {
    let fits = |&reservation: &usize| reservation >= before(reservation) + 2 * MEGABYTE;
    assert!(from <= 2 * MEGABYTE);
    (32..64).map(|slabs| slabs << 16).find(fits).unwrap()
}

#[test]
fn they_begin_where_huge_pages_can_and_only_where_one_has_room() {
    let asked = |from: usize, reservation: usize| {
        let heap = HeapArena::builder().reservation(reservation).huge_pages_from(from).build().unwrap();
        let _objects = Objects::of(&heap, reservation / (1 << 15), 1 << 15);
        let all = heap.address_range();
        let found = memory(0, all.clone()).unwrap();
        let starts: Vec<_> =
            found.accessible().map(|mapping| mapping.range.start).filter(|&at| at >= all.start).collect();
        assert!(starts.iter().all(|start| start % (2 * MEGABYTE) == 0), "{from} {reservation}");
        // Behind the last whole one lies what is too small for one more.
        starts.iter().take(1).map(|start| start - all.start).collect::<Vec<_>>()
    };
    for from in [1, MEGABYTE, 2 * MEGABYTE] {
        assert_eq!(asked(from, 16 * MEGABYTE), [before(16 * MEGABYTE)]);
        let least = least_for_one(from);
        assert_eq!(asked(from, least), [before(least)]);
        for reservation in [MEGABYTE / 2, MEGABYTE, 2 * MEGABYTE, least - (64 << 10)] {
            assert_eq!(asked(from, reservation), [0; 0]);
        }
    }
    assert_eq!([asked(0, 2 * MEGABYTE), asked(0, 16 * MEGABYTE)], [[0]; 2]);
    assert_eq!(asked(0, MEGABYTE), [0; 0]);
    assert_eq!(asked(16 * MEGABYTE, 40 * MEGABYTE), [before(40 * MEGABYTE) + 14 * MEGABYTE]);
    for from in [16 * MEGABYTE, usize::MAX / 2, !(2 * MEGABYTE - 1), usize::MAX - 1, usize::MAX] {
        assert_eq!(asked(from, 16 * MEGABYTE), [0; 0]);
    }
}

#[test]
fn they_are_writable_as_a_whole() {
    for (from, before) in [(0, 0), (2 * MEGABYTE, before(64 * MEGABYTE))] {
        let heap = HeapArena::builder().reservation(64 * MEGABYTE).huge_pages_from(from).build().unwrap();
        let mut objects = Objects::of(&heap, before / (64 << 10), 64 << 10);
        while objects.all.len() < 500 {
            objects.alloc(layout(64 << 10, 8)).unwrap();
            let committed = heap.stats().committed;
            assert!(committed == MEGABYTE || (committed - before) % (2 * MEGABYTE) == 0, "{committed}");
        }
    }
}

#[test]
fn a_trim_gives_back_what_a_neighbour_made_resident() {
    let slab = 64 << 10;
    let heap = HeapArena::builder().reservation(64 * MEGABYTE).huge_pages_from(0).build().unwrap();
    let mut objects = Objects::of(&heap, 100, slab);
    objects.free_all();
    heap.trim().unwrap();
    // The first again: a huge page, where the system has one, with vacant slabs behind it that were used and given back.
    let first = Objects::of(&heap, 1, slab);
    heap.trim().unwrap();
    assert_eq!(resident(&heap), slab);
    first.check();
    // And at the end, with slabs behind it that never were in use.
    let heap = HeapArena::builder().reservation(64 * MEGABYTE).huge_pages_from(0).build().unwrap();
    let objects = Objects::of(&heap, 65, slab);
    heap.trim().unwrap();
    assert_eq!(resident(&heap), 65 * slab);
    objects.check();
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
