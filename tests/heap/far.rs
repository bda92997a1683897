//! A heap of more than a GiB: what it knows of slabs behind that is made writable as they are, and is as good as the rest.
#![cfg(all(target_os = "linux", target_pointer_width = "64", not(miri), not(permacode_ordinary_pages)))]

use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{Error, HeapArena};
use permacode_witness::heap::{Objects, layout};
use permacode_witness::{in_child, limit, status};
use std::collections::HashSet;
use std::ptr::NonNull;

const GIBIBYTE: usize = 1 << 30;
const MEGABYTE: usize = 1 << 20;

fn heap(reservation: usize) -> HeapArena {
    HeapArena::builder().reservation(reservation).build().unwrap()
}

/// A heap whose next slabs are far: what lies before them is one object that nobody writes to. It goes over the border by half.
fn far(reservation: usize) -> (HeapArena, NonNull<u8>) {
    let heap = heap(reservation);
    let large = heap.alloc(layout(GIBIBYTE - MEGABYTE / 2, 8)).unwrap();
    (heap, large)
}

/// Objects of many sizes.
fn objects(heap: &HeapArena, count: usize) -> Objects<'_> {
    let mut objects = Objects::new(heap);
    for number in 0..count {
        objects.alloc(layout([8, 24, 100, 513, 4000, 33_000, 200_000][number % 7], 8)).unwrap();
    }
    objects
}

#[test]
fn objects_behind_the_first_gigabyte_are_found_freed_and_used_again() {
    let (mut heap, large) = far(3 * GIBIBYTE);
    let mut all = objects(&heap, 1000);
    let start = heap.address_range().start;
    assert!(all.ranges().iter().filter(|range| range.start - start >= GIBIBYTE).count() > 400);
    all.check();
    // Every one is walked, and no other.
    let mut live: HashSet<usize> = all.ranges().iter().map(|range| range.start).collect();
    live.insert(large.addr().get());
    heap.walk(|object, _| assert!(live.remove(&object.addr().get()), "an object that nobody has"));
    assert!(live.is_empty(), "{} were not found", live.len());
    let before = heap.stats();
    all.free_all();
    assert_eq!(heap.stats().objects, 1);
    heap.trim().unwrap();
    let again = objects(&heap, 1000);
    again.check();
    assert!(heap.stats().committed <= before.committed, "what was freed is used again");
    heap.fence();
    objects(&heap, 300).check();
    again.check();
    heap.reset().unwrap();
    assert_eq!(heap.stats().live, 0);
    objects(&heap, 300).check();
}

#[test]
fn a_sweep_frees_far_objects_that_are_not_marked() {
    let (heap, large) = far(2 * GIBIBYTE);
    let all = objects(&heap, 1000).all;
    heap.mark(large.as_ptr());
    let marked: Vec<_> = all.into_iter().step_by(2).collect();
    marked.iter().for_each(|object| assert_eq!(heap.mark(object.at.as_ptr()), Some(true)));
    // SAFETY: nobody uses the unmarked ones any more.
    unsafe { heap.sweep() };
    assert_eq!(heap.stats().objects, 1 + marked.len());
    let mut objects = Objects::new(&heap);
    objects.all = marked;
    objects.check();
}

#[test]
fn a_large_object_may_lie_on_both_sides_and_change_its_size_there() {
    let heap = heap(4 * GIBIBYTE);
    let (mut object, mut size) = (heap.alloc(layout(GIBIBYTE / 2, 8)).unwrap(), GIBIBYTE / 2);
    for next in [GIBIBYTE, GIBIBYTE + 1, 2 * GIBIBYTE, 3 * GIBIBYTE + MEGABYTE, GIBIBYTE - 1, 100, 2 * GIBIBYTE] {
        // SAFETY: the object is live, of this layout; it is used by its new address only.
        unsafe {
            object.add(7).write(7);
            object = heap.realloc(object, layout(size, 8), layout(next, 8)).unwrap();
            assert_eq!(object.add(7).read(), 7);
        }
        size = next;
    }
    assert_eq!(heap.stats().objects, 1);
}

// soundness S16
#[test]
fn where_nothing_can_be_known_of_more_slabs_none_are_handed_out() {
    in_child(|| {
        let (heap, _) = far(6 * GIBIBYTE);
        let first = objects(&heap, 300);
        limit(libc::RLIMIT_DATA, status("VmData") + MEGABYTE);
        let refused = heap.alloc(layout(4 * GIBIBYTE, 8));
        assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Commit), "{refused:?}");
        limit(libc::RLIMIT_DATA, usize::MAX);
        assert!(heap.alloc(layout(4 * GIBIBYTE, 8)).is_ok());
        first.check();
        objects(&heap, 1000).check();
    });
    for nth in 0..6 {
        let pages = Pages::system();
        let heap = HeapArena::builder().reservation(2 * GIBIBYTE).pages(pages.clone()).build().unwrap();
        pages.fail_call(PageCall::Commit, nth);
        let large = heap.alloc(layout(GIBIBYTE + GIBIBYTE / 2, 8));
        assert!(large.is_ok() || matches!(large, Err(Error::Pages(_))));
        pages.relent();
        objects(&heap, 500).check();
        drop(heap);
        assert_eq!((pages.violations(), pages.live()), (0, 0));
    }
}

// What systems charge for, used or not.
#[test]
fn what_is_writable_from_the_beginning_hardly_depends_on_the_reservation() {
    in_child(|| {
        let writable = |make: &dyn Fn() -> HeapArena| {
            let before = status("VmData");
            let heap = make();
            let bytes = status("VmData") - before;
            objects(&heap, 7).check();
            bytes
        };
        let default = writable(&|| HeapArena::new().unwrap());
        assert!(default < 2 * MEGABYTE, "{default}");
        for shift in 24..44 {
            let bytes = writable(&|| heap(1 << shift));
            assert!(bytes < 2 * MEGABYTE + (1 << shift >> 17), "{bytes} of 1 << {shift}");
        }
    });
}
