//! Counted slices and counted text: their values are dropped once, their memory comes back, whatever is refused or panics.

use permacode::kit::Growth;
use permacode::{Error, HeapArena, HeapRc, allocator_api2::vec::Vec as HeapVec};
use permacode_witness::heap::panics;
use static_assertions::assert_eq_size;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

assert_eq_size!(HeapRc<'static, [u8]>, Option<HeapRc<'static, str>>, [usize; 2]);

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(8 << 20).build().unwrap()
}

#[test]
fn slices_of_any_alignment_and_length_are_what_they_were_made_of() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(64))]
    struct Wide(u8);
    let heap = small_heap();
    for len in [0, 1, 2, 7, 100, 10_000] {
        let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let wide: Vec<Wide> = bytes.iter().map(|&byte| Wide(byte)).collect();
        let (small, large) = (HeapRc::copy_slice(&heap, &bytes).unwrap(), HeapRc::copy_slice(&heap, &wide).unwrap());
        let (again, units) = (small.clone(), HeapRc::copy_slice(&heap, &vec![(); len]).unwrap());
        assert_eq!((&again[..], &large[..], units.len()), (&bytes[..], &wide[..], len));
        assert_eq!(HeapRc::as_ptr(&large).addr() % 64, 0);
        assert!(heap.contains(HeapRc::address(&small)) && HeapRc::ptr_eq(&small, &again));
        // No gap but that of the alignment: 16 bytes before bytes, 64 before what is aligned to 64.
        let size = heap.usable_size(HeapRc::address(&small)).unwrap();
        assert!((len + 16..len + 16 + len / 4 + 17).contains(&size) || len > 9_000, "{len}: {size}");
    }
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn values_are_dropped_with_the_last_pointer_and_once() {
    let heap = small_heap();
    let value = Rc::new(());
    let values = HeapRc::clone_slice(&heap, &vec![value.clone(); 10]).unwrap();
    let others = [values.clone(), values.clone()];
    assert_eq!(Rc::strong_count(&value), 11);
    drop((values, others));
    assert_eq!((Rc::strong_count(&value), heap.stats().objects), (1, 0));
}

// soundness S8
#[test]
fn a_clone_that_panics_leaves_nothing() {
    struct Bad<'a>(&'a Cell<usize>, Rc<()>);
    impl Clone for Bad<'_> {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() - 1);
            assert!(self.0.get() != 0, "no more clones");
            Self(self.0, self.1.clone())
        }
    }
    let (heap, value) = (small_heap(), Rc::new(()));
    for clones in 1..5 {
        let left = Cell::new(usize::MAX);
        let values: Vec<_> = (0..5).map(|_| Bad(&left, value.clone())).collect();
        left.set(clones);
        assert!(panics(|| drop(HeapRc::clone_slice(&heap, &values))).contains("no more clones"));
        drop(values);
        assert_eq!((Rc::strong_count(&value), heap.stats().objects), (1, 0));
    }
}

// soundness S9
#[test]
fn an_iterator_may_promise_what_it_likes() {
    struct Liar(u32, usize);
    impl Iterator for Liar {
        type Item = u32;
        fn next(&mut self) -> Option<u32> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (self.1, Some(self.1))
        }
    }
    let heap = small_heap();
    for promise in [0, 1, 3, 100, usize::MAX] {
        assert_eq!(*HeapRc::try_from_iter(&heap, Liar(3, promise)).unwrap(), [2, 1, 0]);
    }
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn a_refused_vector_comes_back_as_it_was() {
    let heap = HeapArena::builder().reservation(8 << 20).limit(60_000).build().unwrap();
    let mut values = HeapVec::new_in(&heap);
    values.try_extend((0..4_000_u64).map(Rc::new)).unwrap();
    let refused = HeapRc::from_vec(values).err().unwrap();
    assert!(matches!(refused.error, Error::Limit { .. }));
    let mut values = refused.value;
    assert!(values.len() == 4_000 && values.iter().all(|value| Rc::strong_count(value) == 1));
    values.truncate(10);
    values.shrink_to_fit();
    assert_eq!(*HeapRc::from_vec(values).unwrap()[9], 9);
    assert!(matches!(HeapRc::try_from_iter(&heap, 0..100_000_u64), Err(Error::Limit { .. })));
    assert!(matches!(HeapRc::copy_str(&heap, &"x".repeat(100_000)), Err(Error::Limit { .. })));
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn text_is_a_key_that_is_found_by_plain_text() {
    let heap = small_heap();
    let mut names = HashMap::new();
    for name in ["", "one", "süß"] {
        names.insert(HeapRc::copy_str(&heap, name).unwrap(), name.len());
    }
    assert_eq!([names["one"], names["süß"], names[""]], [3, 5, 0]);
    let one = HeapRc::copy_str(&heap, "one").unwrap();
    assert!(one < HeapRc::copy_str(&heap, "two").unwrap() && format!("{one:?} {one}") == "\"one\" one");
    assert_eq!(format!("{one:p}"), format!("{:p}", &raw const *one));
}

#[test]
fn only_the_one_pointer_to_values_may_change_them() {
    let heap = small_heap();
    let mut values = HeapRc::copy_slice(&heap, &[1, 2, 3]).unwrap();
    HeapRc::get_mut(&mut values).unwrap()[0] = 7;
    let other = values.clone();
    assert_eq!((HeapRc::get_mut(&mut values), other[0]), (None, 7));
}
