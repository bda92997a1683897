//! `permacode_heap_usable_size` finds the heap that a bare pointer lies in: without a lock, from any thread, in any child.
#![cfg(all(target_os = "linux", not(miri)))]
#![allow(clippy::disallowed_types)] // what the library must not use, tests may

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use permacode::ffi::permacode_heap_usable_size;
use permacode::heap::Registration;
use permacode::{Error, HeapArena};
use permacode_witness::heap::layout;
use permacode_witness::in_child;
use std::sync::Mutex;
use std::thread;

/// The registry is the process's, and one of the tests fills it.
static ALONE: Mutex<()> = Mutex::new(());

fn alone(body: impl FnOnce()) {
    let guard = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    body();
    drop(guard);
}

const USABLE_SIZE: unsafe extern "C" fn(*const c_void) -> usize = permacode_heap_usable_size;

fn usable(object: *const u8) -> usize {
    // SAFETY: the tests ask for objects of their own heaps, and for what lies in none.
    unsafe { USABLE_SIZE(object.cast()) }
}

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(1 << 20).build().unwrap()
}

fn object(heap: &HeapArena, size: usize) -> *const u8 {
    heap.alloc(layout(size, 8)).unwrap().as_ptr()
}

#[test]
fn an_object_is_found_while_its_heap_is_registered() {
    alone(|| {
        let (one, two) = (small_heap(), small_heap());
        let (small, large) = (object(&one, 20), object(&two, 100_000));
        assert_eq!((usable(small), usable(large)), (0, 0));
        let first = one.register().unwrap();
        assert_eq!((usable(small), usable(large)), (24, 0));
        let second = two.register().unwrap();
        assert_eq!((usable(small), usable(large)), (24, 100 << 10));
        assert!(ptr::eq(first.heap(), &one) && ptr::eq(second.heap(), &two));
        drop(first);
        assert_eq!((usable(small), usable(large)), (0, 100 << 10));
        drop(second);
        assert_eq!((usable(small), usable(large)), (0, 0));
    });
}

// soundness S17
#[test]
fn what_lies_in_no_registered_heap_has_no_size_and_is_not_dereferenced() {
    alone(|| {
        let (heap, other) = (small_heap(), small_heap());
        let registered = heap.register().unwrap();
        // SAFETY: a new mapping without access, at no particular address.
        let untouchable = unsafe {
            libc::mmap(ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        };
        let range = heap.address_range();
        let strangers = [0, 1, usize::MAX, untouchable.addr(), range.start - 1, range.end, range.end - 8, range.start];
        for address in strangers {
            assert_eq!(usable(ptr::without_provenance(address)), 0, "{address:#x}");
        }
        assert_eq!(usable(object(&other, 8)), 0);
        assert_eq!(usable(object(&heap, 100).wrapping_add(1)), 0);
        assert_eq!(usable(ptr::from_ref(&registered).cast()), 0);
    });
}

#[test]
fn a_heap_registered_twice_is_found_until_both_are_gone() {
    alone(|| {
        let heap = small_heap();
        let object = object(&heap, 8);
        let (first, second) = (heap.register().unwrap(), heap.register().unwrap());
        drop(first);
        assert_eq!(usable(object), 8);
        drop(second);
        assert_eq!(usable(object), 0);
    });
}

#[test]
fn there_are_256_places_and_the_next_is_refused_until_one_is_free() {
    alone(|| {
        let heaps: Vec<HeapArena> = (0..257).map(|_| small_heap()).collect();
        let objects: Vec<*const u8> = heaps.iter().map(|heap| object(heap, 40)).collect();
        let mut all: Vec<Registration<'_>> = heaps[..256].iter().map(|heap| heap.register().unwrap()).collect();
        assert!(objects[..256].iter().all(|&object| usable(object) == 40));
        assert!(matches!(heaps[256].register(), Err(Error::Registry { capacity: 256 })));
        assert_eq!(usable(objects[256]), 0);
        drop(all.swap_remove(100));
        let last = heaps[256].register().unwrap();
        assert_eq!((usable(objects[100]), usable(objects[256])), (0, 40));
        drop(last);
        drop(all);
        assert!(objects.iter().all(|&object| usable(object) == 0));
    });
}

// soundness S23
#[test]
fn threads_register_find_and_forget_at_once() {
    alone(|| {
        let found = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..1500 {
                        let heap = small_heap();
                        let (small, large) = (object(&heap, 8 + round % 500), object(&heap, 70_000));
                        assert_eq!((usable(small), usable(large)), (0, 0));
                        let registered = heap.register().unwrap();
                        for _ in 0..20 {
                            assert_eq!(usable(small), (8 + round % 500).next_multiple_of(8));
                            assert_eq!(usable(large), 72 << 10);
                        }
                        found.fetch_add(1, Relaxed);
                        drop(registered);
                        assert_eq!(usable(small), 0);
                    }
                });
            }
        });
        assert_eq!(found.into_inner(), 4 * 1500);
    });
}

// soundness S23, invariant 5
#[test]
fn a_child_finds_what_its_parent_registered_whatever_other_threads_were_doing() {
    alone(|| {
        let (heap, stop) = (small_heap(), AtomicBool::new(false));
        let (object, registered) = (object(&heap, 300), heap.register().unwrap());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    drop(small_heap().register().unwrap());
                }
            });
            for _ in 0..60 {
                in_child(|| {
                    assert_eq!(usable(object), 304);
                    let own = small_heap();
                    let registered = own.register().unwrap();
                    assert_eq!(usable(self::object(&own, 8)), 8);
                    drop(registered);
                });
            }
            stop.store(true, Relaxed);
        });
        drop(registered);
    });
}
