//! Weak pointers keep nothing, find what is kept, and leave nothing behind, in whatever order pointers come and go.

use permacode::heap::HeapWeak;
use permacode::{Error, HeapArena, HeapRc};
use permacode_witness::Random;
use permacode_witness::heap::panics;
use static_assertions::{assert_eq_size, assert_impl_all, assert_not_impl_any};
use std::cell::{Cell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};

assert_eq_size!(HeapWeak<'static, [u64; 9]>, [usize; 2]);
assert_eq_size!(Option<HeapWeak<'static, str>>, [usize; 3]);
// soundness S12
assert_not_impl_any!(HeapWeak<'static, u8>: Send, Sync, Copy);
assert_impl_all!(HeapWeak<'static, u8>: UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(HeapWeak<'static, Cell<u8>>: RefUnwindSafe);

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(8 << 20).build().unwrap()
}

/// Counts its drops.
struct Noisy<'a>(u64, &'a Cell<usize>);

impl Drop for Noisy<'_> {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
        self.0 = !self.0;
    }
}

#[test]
fn pointers_of_both_kinds_come_and_go_in_any_order() {
    let heap = small_heap();
    for seed in 0..300 {
        let (mut random, drops) = (Random::new(seed), Cell::new(0));
        let mut strong = vec![HeapRc::new(&heap, Noisy(seed, &drops)).unwrap()];
        let mut weak: Vec<HeapWeak<'_, Noisy<'_>>> = Vec::new();
        for _ in 0..60 {
            match random.below(7) {
                0 => strong.extend(strong.first().cloned()),
                1 => weak.extend(strong.first().map(|one| HeapRc::downgrade(one).unwrap())),
                2 => weak.extend(weak.first().cloned()),
                3 => drop((!weak.is_empty()).then(|| weak.swap_remove(random.below(weak.len())))),
                4 => strong.extend(weak.first().and_then(|weak| weak.upgrade())),
                _ => drop((!strong.is_empty()).then(|| strong.swap_remove(random.below(strong.len())))),
            }
            assert_eq!(drops.get(), usize::from(strong.is_empty()), "dropped with the last pointer, and once");
            for one in &strong {
                assert_eq!(
                    (one.0, HeapRc::strong_count(one), HeapRc::weak_count(one)),
                    (seed, strong.len(), weak.len())
                );
            }
            for one in &weak {
                assert_eq!((one.strong_count(), one.weak_count()), (strong.len(), weak.len()));
                assert_eq!(one.upgrade().map(|found| found.0), (!strong.is_empty()).then_some(seed));
            }
            let objects = usize::from(!strong.is_empty()) + usize::from(!weak.is_empty());
            assert_eq!(
                heap.stats().objects,
                objects,
                "the value goes at once, and the counts with the last weak pointer"
            );
        }
    }
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn a_value_without_weak_pointers_takes_two_words_more_also_after_them() {
    let heap = small_heap();
    let mut one = HeapRc::new(&heap, [0_u64; 4]).unwrap();
    let live = heap.stats().live;
    assert_eq!(live, 4 * 8 + 2 * size_of::<usize>());
    let weak = HeapRc::downgrade(&one).unwrap();
    assert_eq!((HeapRc::get_mut(&mut one), heap.stats().objects), (None, 2));
    drop(weak);
    assert!(HeapRc::get_mut(&mut one).is_some() && heap.stats().live == live);
}

#[test]
fn a_value_that_is_being_dropped_is_gone_for_its_own_weak_pointers() {
    struct Own<'h> {
        me: RefCell<Option<HeapWeak<'h, Own<'h>>>>,
        found: &'h Cell<Option<bool>>,
    }
    impl Drop for Own<'_> {
        fn drop(&mut self) {
            let me = self.me.take().unwrap();
            self.found.set(Some(me.upgrade().is_some()));
            assert_eq!((me.strong_count(), me.clone().weak_count()), (0, 2));
        }
    }
    let (found, heap) = (Cell::new(None), small_heap());
    let own = HeapRc::new(&heap, Own { me: RefCell::default(), found: &found }).unwrap();
    *own.me.borrow_mut() = Some(HeapRc::downgrade(&own).unwrap());
    drop(own);
    assert_eq!((found.get(), heap.stats().objects), (Some(false), 0));
}

#[test]
fn a_value_taken_out_or_replaced_leaves_its_weak_pointers_with_nothing() {
    let heap = small_heap();
    let one = HeapRc::new(&heap, String::from("value")).unwrap();
    let weak = HeapRc::downgrade(&one).unwrap();
    let two = one.clone();
    let one = HeapRc::try_unwrap(one).unwrap_err();
    drop(two);
    assert_eq!((HeapRc::try_unwrap(one).as_deref(), weak.upgrade()), (Ok("value"), None));
    drop(weak);
    assert_eq!(heap.stats().objects, 0);

    let mut one = HeapRc::new(&heap, vec![1]).unwrap();
    let weak = HeapRc::downgrade(&one).unwrap();
    HeapRc::make_mut(&mut one).unwrap().push(2);
    assert_eq!((&**one, weak.upgrade()), (&[1, 2][..], None));
}

#[test]
fn a_destructor_that_panics_leaves_no_object_behind() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("bad");
        }
    }
    let heap = small_heap();
    let one = HeapRc::new(&heap, Bad).unwrap();
    let weak = HeapRc::downgrade(&one).unwrap();
    assert!(panics(|| drop(one)).contains("bad"));
    assert_eq!((weak.upgrade().is_none(), heap.stats().objects), (true, 1));
    drop(weak);
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn a_weak_pointer_that_finds_no_room_for_its_counts_is_an_error_and_the_next_ones_need_none() {
    let heap = HeapArena::builder().reservation(8 << 20).limit(64 << 10).build().unwrap();
    let one = HeapRc::new(&heap, 7).unwrap();
    let full: Vec<_> = std::iter::from_fn(|| HeapRc::new(&heap, 0_u8).ok()).collect();
    assert!(matches!(HeapRc::downgrade(&one), Err(Error::Limit { .. })));
    assert_eq!((HeapRc::strong_count(&one), HeapRc::weak_count(&one)), (1, 0));
    drop(full);
    let first = HeapRc::downgrade(&one).unwrap();
    let full: Vec<_> = std::iter::from_fn(|| HeapRc::new(&heap, 0_u8).ok()).collect();
    assert_eq!(HeapRc::downgrade(&one).unwrap().upgrade().as_deref(), Some(&7));
    drop((full, first));
}

#[test]
fn slices_and_text_have_weak_pointers_too() {
    let heap = small_heap();
    let (text, values) = (HeapRc::copy_str(&heap, "text").unwrap(), HeapRc::copy_slice(&heap, &[1, 2]).unwrap());
    let (weak_text, weak_values) = (HeapRc::downgrade(&text).unwrap(), HeapRc::downgrade(&values).unwrap());
    assert_eq!((weak_text.upgrade().as_deref(), weak_values.upgrade().as_deref()), (Some("text"), Some(&[1, 2][..])));
    drop((text, values));
    assert!(weak_text.upgrade().is_none() && weak_values.upgrade().is_none());
}

#[test]
fn a_sweep_by_hand_keeps_a_value_whose_weak_pointer_is_marked() {
    let heap = small_heap();
    let lost = HeapRc::new(&heap, 8_u64).unwrap();
    let weak = HeapRc::downgrade(&lost).unwrap();
    std::mem::forget(lost);
    weak.mark();
    // SAFETY: what is used afterwards is marked: the value, and its counts.
    assert_eq!(unsafe { heap.sweep() }.objects, 0);
    let others: Vec<_> = (100..200_u64).map(|number| HeapRc::new(&heap, number).unwrap()).collect();
    assert_eq!((weak.upgrade().as_deref(), others.len()), (Some(&8), 100));
}

#[test]
fn a_sweep_by_hand_keeps_the_counts_of_what_is_marked_and_of_weak_pointers_that_are() {
    let heap = small_heap();
    let one = HeapRc::new(&heap, 7_u64).unwrap();
    let other = HeapRc::new(&heap, 8_u64).unwrap();
    // The weak pointers to one are lost with the objects that held them; the other value is lost, and its weak pointer is not.
    let lost = [HeapRc::downgrade(&one).unwrap(), HeapRc::downgrade(&one).unwrap()];
    let holder = HeapRc::new(&heap, lost).unwrap();
    std::mem::forget(holder);
    let weak = HeapRc::downgrade(&other).unwrap();
    drop(other);
    for _ in 0..3 {
        assert!(HeapRc::mark(&one));
        weak.mark();
        // SAFETY: what is used afterwards is marked: a value, its counts, and those of a value that is gone.
        unsafe { heap.sweep() };
        assert_eq!(heap.stats().objects, 3);
        let layout = permacode_witness::heap::layout(24, 8);
        for place in [(); 1_000].map(|()| heap.alloc(layout).unwrap()) {
            // SAFETY: a new object of this layout, which is swept in the next round.
            unsafe { place.write_bytes(0xdb, 24) };
        }
        assert_eq!((*one, HeapRc::strong_count(&one), HeapRc::weak_count(&one)), (7, 1, 2));
        assert_eq!((weak.upgrade(), weak.weak_count()), (None, 1));
        // SAFETY: as above.
        unsafe {
            HeapRc::mark(&one);
            weak.mark();
            heap.sweep()
        };
    }
}
