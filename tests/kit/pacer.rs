//! When a collection is due.

use permacode::kit::Pacer;
use permacode::{Gc, HeapArena};

/// Bytes of an object.
const SIZE: usize = 64;

fn fill(heap: &HeapArena, bytes: usize) -> Vec<Gc<'_, [u8; SIZE]>> {
    (0..bytes / SIZE).map(|_| Gc::new(heap, [7; SIZE]).unwrap()).collect()
}

#[test]
fn what_is_taken_is_what_lives_right_after_a_sweep_and_never_less() {
    let heap = crate::heap();
    for round in 0..20 {
        let kept = fill(&heap, round * 10_000);
        fill(&heap, 100_000);
        assert!(heap.taken() >= heap.stats().live);
        // SAFETY: what is kept is traced, and the closure only traces.
        unsafe { heap.collect(|marker| marker.trace(&kept[..])) }.unwrap();
        assert_eq!(heap.taken(), heap.stats().live);
        assert_eq!(heap.taken(), kept.len() * SIZE);
    }
}

#[test]
fn a_heap_may_grow_by_the_share_that_was_set() {
    for growth in [0, 25, 100, 300] {
        let (heap, pacer) = (crate::heap(), Pacer::new().growth(growth).floor(1 << 20));
        assert!(!pacer.is_due(&heap));
        let mut kept = fill(&heap, 4 << 20);
        assert!(pacer.is_due(&heap), "the floor is below that");
        pacer.collected(&heap);
        let live = heap.taken();
        let expected = live + live / 100 * growth;
        assert!(pacer.due().abs_diff(expected) <= growth, "{} and not {expected}", pacer.due());
        while !pacer.is_due(&heap) {
            kept.extend(fill(&heap, SIZE));
        }
        assert!(heap.taken().abs_diff(pacer.due()) <= 64 << 10, "due when it is");
    }
}

#[test]
fn a_small_heap_waits_for_the_floor() {
    let (heap, pacer) = (crate::heap(), Pacer::new().floor(2 << 20));
    fill(&heap, 64 << 10);
    pacer.collected(&heap);
    assert_eq!(pacer.due(), 2 << 20);
    fill(&heap, 1 << 20);
    assert!(!pacer.is_due(&heap));
}

#[test]
fn bytes_outside_of_the_heap_count() {
    let (heap, pacer) = (crate::heap(), Pacer::new());
    pacer.add_external(900 << 10);
    assert!(!pacer.is_due(&heap));
    fill(&heap, 200 << 10);
    assert!(pacer.is_due(&heap));
    pacer.collected(&heap);
    assert!(pacer.due() >= 2 * (1100 << 10), "they live, too: {}", pacer.due());
    pacer.remove_external(1000 << 10);
    pacer.collected(&heap);
    assert_eq!(pacer.due(), 1 << 20, "taking away more than was added leaves nothing");
    pacer.add_external(usize::MAX);
    pacer.add_external(1);
    assert!(pacer.is_due(&heap), "no number wraps");
    pacer.collected(&heap);
    assert_eq!(pacer.due(), usize::MAX);
}

#[test]
fn a_heap_with_a_limit_is_collected_before_it_refuses() {
    let heap = HeapArena::builder().reservation(64 << 20).limit(8 << 20).build().unwrap();
    let pacer = Pacer::new();
    let (kept, mut collections) = (fill(&heap, 6 << 20), 0);
    for _ in 0..1_000_000 {
        if pacer.is_due(&heap) {
            // SAFETY: what is kept is traced, and the closure only traces.
            unsafe { heap.collect(|marker| marker.trace(&kept[..])) }.unwrap();
            pacer.collected(&heap);
            collections += 1;
        }
        Gc::new(&heap, [0_u8; SIZE]).expect("the limit is not reached");
    }
    assert!((50..150).contains(&collections), "{collections} of 64 MB in steps of 1 MB");
}
