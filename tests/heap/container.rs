//! Programs that need little memory run through in a container of 512 MiB, whatever they did to their heap before.
//!
//! The container is a memory cgroup where this process may make one; else the most that a child had is compared. The output says which.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::ptr::NonNull;
use permacode::HeapArena;
use permacode_witness::heap::layout;
use permacode_witness::{Bound, Child, End, Random, in_memory_of, skipped};

const CONTAINER: usize = 512 << 20;

/// Runs `body` in the container, which it must survive; how much memory it had at most.
#[track_caller]
fn contained(what: &str, body: impl FnOnce(&HeapArena)) -> usize {
    let (end, most, bound) = in_memory_of(CONTAINER, || body(&HeapArena::new().unwrap())).unwrap();
    assert_eq!(end, End::Code(0), "{what}: killed at {} MiB", most >> 20);
    match bound {
        Bound::Cgroup => println!("{what}: {} MiB at most, in a cgroup of 512", most >> 20),
        Bound::HighWater => {
            skipped(&format!("the cgroup for {what}"), "none may be made here; VmHWM is compared");
            assert!(most <= CONTAINER, "{what}: {} MiB", most >> 20);
        }
    }
    most
}

fn written(heap: &HeapArena, size: usize) -> NonNull<u8> {
    let object = heap.alloc(layout(size, 8)).unwrap();
    // SAFETY: a new object of this size.
    unsafe { object.write_bytes(7, size) };
    object
}

fn free(heap: &HeapArena, object: NonNull<u8>, size: usize) {
    // SAFETY: the callers free each of their objects once, with its size.
    unsafe { heap.free(object, layout(size, 8)) };
}

/// One size after another, `bytes` of each, of which one object in `stays` stays.
fn phases(heap: &HeapArena, sizes: impl Iterator<Item = usize>, bytes: usize, stays: usize) {
    for size in sizes {
        let objects: Vec<_> = (0..bytes / size).map(|_| written(heap, size)).collect();
        objects
            .iter()
            .enumerate()
            .filter(|(index, _)| index % stays != 0)
            .for_each(|(_, &object)| free(heap, object, size));
    }
}

// soundness S29
#[test]
fn sizes_that_follow_each_other() {
    // Without the smallest, of which there are so many that a debug build would take minutes.
    let all = || {
        let large = (0..6).flat_map(|doubling| (5..9).map(move |quarter| (512 << doubling) / 4 * quarter));
        (8..=64).map(|step| step * 8).chain(large)
    };
    contained("every size in turn", |heap| phases(heap, all(), 8 << 20, usize::MAX));
    contained("every size in turn, from the largest", |heap| {
        phases(heap, all().collect::<Vec<_>>().into_iter().rev(), 8 << 20, usize::MAX);
    });
    contained("sizes that drift up, of which one in a thousand stays", |heap| {
        phases(heap, (8..64).map(|step| step * 8), 10 << 20, 1000);
    });
    contained("sizes that drift down, of which one in a thousand stays", |heap| {
        phases(heap, (8..64).rev().map(|step| step * 8), 10 << 20, 1000);
    });
}

// soundness S29
#[test]
fn one_survivor_in_each_slab() {
    // What a slab's survivor keeps is its page: 1,600 slabs of 100 MiB, in each of four sizes.
    contained("one object in 64 KiB stays", |heap| phases(heap, [48, 96, 192, 384].into_iter(), 100 << 20, 2000));
}

// soundness S29
#[test]
fn large_buffers_that_come_and_go() {
    contained("a large buffer, then small objects, again and again", |heap| {
        for _ in 0..8 {
            let buffer = written(heap, 200 << 20);
            free(heap, buffer, 200 << 20);
            for _ in 0..40 {
                let objects: Vec<_> = (0..10_000).map(|_| written(heap, 48)).collect();
                objects.into_iter().for_each(|object| free(heap, object, 48));
            }
        }
    });
    contained("buffers of every size", |heap| {
        let mut random = Random::new(1);
        for _ in 0..400 {
            let size = 40_000 + random.below(24 << 20);
            let buffer = written(heap, size);
            free(heap, buffer, size);
        }
    });
}

// soundness S29
#[test]
fn two_vectors_that_grow_in_turn() {
    contained("two vectors to 160 MiB", |heap| {
        let mut both = [(written(heap, 4096), 4096); 2].map(|(_, size)| (written(heap, size), size));
        while both[1].1 < 160 << 20 {
            for (object, size) in &mut both {
                let new = *size + *size / 4;
                // SAFETY: a live object of this size; the vector has the new address from here on.
                *object = unsafe { heap.realloc(*object, layout(*size, 8), layout(new, 8)) }.unwrap();
                // SAFETY: the new bytes are the object's.
                unsafe { object.add(*size).write_bytes(7, new - *size) };
                *size = new;
            }
        }
    });
}

// soundness S29
#[test]
fn objects_just_above_a_unit_and_sparse_tables() {
    for size in [33_000, 66_000, 131_100] {
        let most = contained("200 MiB of objects just above a unit", |heap| {
            (0..(200 << 20) / size).for_each(|_| _ = written(heap, size));
        });
        assert!(most < 300 << 20, "{} MiB for 200 in objects of {size} bytes", most >> 20);
    }
    contained("1 GiB of zeros, of which one byte in 2 MiB is written", |heap| {
        let table = heap.alloc_zeroed(layout(1 << 30, 8)).unwrap();
        // SAFETY: within the object.
        (0..1 << 30).step_by(2 << 20).for_each(|at| unsafe { table.add(at).write(1) });
    });
}

// soundness S29: a supervisor forks for months.
#[test]
fn a_fence_for_each_of_a_thousand_forks() {
    contained("1,000 fences, each with a burst behind it", |heap| {
        for round in 0..1000 {
            heap.fence();
            if round % 100 == 0 {
                assert_eq!(Child::run(|| i32::from(heap.alloc(layout(100, 8)).is_err())).unwrap(), End::Code(0));
            }
            let objects: Vec<_> = (0..500).map(|index| (written(heap, 40 + index % 700), 40 + index % 700)).collect();
            objects.into_iter().for_each(|(object, size)| free(heap, object, size));
        }
    });
}
