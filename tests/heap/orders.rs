//! Objects freed in every order that matters to how they are taken back: runs upwards and downwards, over the ends of words and of slabs.
#![cfg(all(unix, not(miri)))]

use permacode::HeapArena;
use permacode_witness::Random;
use permacode_witness::heap::layout;
use std::collections::BTreeSet;
use std::ptr::NonNull;

/// The numbers below `count`, in some order.
type Order = fn(usize) -> Vec<usize>;

const ORDERS: [(&str, Order); 8] = [
    ("upwards", |count| (0..count).collect()),
    ("downwards", |count| (0..count).rev().collect()),
    ("every second upwards, the others downwards", |count| {
        (0..count).step_by(2).chain((0..count).skip(1).step_by(2).collect::<Vec<_>>().into_iter().rev()).collect()
    }),
    ("pairs swapped", |count| (0..count).map(|n| if n ^ 1 < count { n ^ 1 } else { n }).collect()),
    ("up seven, down seven", |count| {
        let all: Vec<usize> = (0..count).collect();
        let turned = |(n, run): (usize, &[usize])| {
            if n % 2 == 0 { run.to_vec() } else { run.iter().rev().copied().collect() }
        };
        all.chunks(7).enumerate().flat_map(turned).collect()
    }),
    ("from the middle, in both directions", |count| {
        let (low, high) = (0..count / 2, count / 2..count);
        low.rev().chain(high).collect()
    }),
    ("rotated by a third", |count| (count / 3..count).chain(0..count / 3).collect()),
    ("random", |count| {
        let (mut all, mut random) = ((0..count).collect::<Vec<_>>(), Random::new(5));
        (1..count).rev().for_each(|n| all.swap(n, random.below(n + 1)));
        all
    }),
];

fn live(heap: &HeapArena) -> BTreeSet<NonNull<u8>> {
    let mut live = BTreeSet::new();
    heap.walk(|object, _| assert!(live.insert(object)));
    live
}

#[test]
fn whatever_is_taken_back_in_any_order_is_free_once() {
    for size in [8, 16, 24, 64, 72, 256, 504, 1 << 10, 5 << 10, 32 << 10] {
        // More than a magazine holds, and some slabs' worth.
        let count = (6000 * 64 / size).clamp(40, 6000);
        for (name, order) in ORDERS {
            // So that memory is reused, not new.
            let heap = HeapArena::builder().reservation(64 << 20).build().unwrap();
            let make = || -> Vec<NonNull<u8>> { (0..count).map(|_| heap.alloc(layout(size, 8)).unwrap()).collect() };
            let mut objects = make();
            objects.sort_unstable();
            let committed = heap.stats().committed;
            for round in 0..3 {
                // One in eleven stays.
                let mut kept = BTreeSet::new();
                for (n, index) in order(count).into_iter().enumerate() {
                    if (n + round) % 11 == 0 {
                        kept.insert(objects[index]);
                    } else {
                        // SAFETY: made with this layout, freed once.
                        unsafe { heap.free(objects[index], layout(size, 8)) };
                    }
                }
                let live = live(&heap);
                assert_eq!(live, kept, "{size} bytes, {name}");
                let again: Vec<_> = (kept.len()..count).map(|_| heap.alloc(layout(size, 8)).unwrap()).collect();
                let all: BTreeSet<_> = again.iter().copied().chain(kept).collect();
                assert_eq!(all.len(), count, "{size} bytes, {name}: an object is there twice");
                assert_eq!(heap.stats().committed, committed, "{size} bytes, {name}: what was free is not found");
                objects = all.into_iter().collect();
            }
            for index in order(count) {
                // SAFETY: as above.
                unsafe { heap.free(objects[index], layout(size, 8)) };
            }
            assert_eq!((live(&heap).len(), heap.stats().live), (0, 0));
        }
    }
}
