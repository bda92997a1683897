//! Collections that grow say why they cannot, and lose nothing then.

use crate::heap;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use permacode::allocator_api2::vec::Vec as HeapVec;
use permacode::kit::{Growth, Tracked};
use permacode::testing::Pages;
use permacode::{Error, HeapArena, HeapString};
use permacode_witness::after;
use std::cell::Cell;
use std::rc::Rc;

/// A heap that is soon full.
fn limited(bytes: usize) -> HeapArena {
    HeapArena::builder().reservation(64 << 20).limit(bytes).build().unwrap()
}

#[test]
fn a_value_that_finds_no_room_comes_back_and_the_list_is_whole() {
    let heap = limited(100_000);
    let mut list = HeapVec::new_in(&heap);
    let refused = (0..).find_map(|number| list.try_push(Rc::new(number)).err()).unwrap();
    assert!(matches!(refused.error, Error::Limit { limit: 100_000, .. }), "{}", refused.error);
    assert_eq!((*refused.value, Rc::strong_count(&refused.value)), (list.len(), 1));
    assert!(list.iter().enumerate().all(|(number, value)| **value == number));
    list.pop();
    list.try_push(refused.value).unwrap(); // the room is there still
}

#[test]
fn a_list_takes_exactly_what_it_needs_where_twice_as_much_is_refused() {
    // 40 KiB, and 60 KiB beside them: fewer than twice 40, more than 40 and a bit.
    let heap = limited(120 << 10);
    let mut list: HeapVec<u8, _> = HeapVec::new_in(&heap);
    list.try_extend(std::iter::repeat_n(1, 40 << 10)).unwrap();
    list.shrink_to_fit();
    list.try_room(1).unwrap();
    assert_eq!(list.try_push(2).map_err(|refused| refused.error), Ok(()));
}

// soundness S16
#[test]
fn each_refused_call_of_the_system_is_an_error_or_made_good() {
    let grow = |pages: &std::sync::Arc<Pages>| -> Result<usize, Error> {
        let heap = HeapArena::builder().reservation(64 << 20).pages(pages.clone()).build()?;
        let (mut list, mut text) = (HeapVec::new_in(&heap), HeapString::new(&heap));
        let mut map =
            HashMap::<u32, u32, DefaultHashBuilder, _>::with_hasher_in(Default::default(), Tracked::new(&heap));
        for number in 0..100_000 {
            let whole = |list: &HeapVec<u32, &HeapArena>, map: &HashMap<_, _, _, _>, text: &HeapString<'_>| {
                list.len() == number as usize && map.len() == list.len() && text.len() == list.len()
            };
            assert!(whole(&list, &map, &text));
            text.push('x')?;
            map.try_push((number, number)).inspect_err(|refused| assert_eq!(refused.value, (number, number)))?;
            list.try_push(number).inspect_err(|refused| assert_eq!(refused.value, number))?;
        }
        Ok(list.len() + map.len() + text.len())
    };
    let pages = Pages::ordinary();
    assert_eq!(grow(&pages), Ok(300_000));
    let calls = pages.calls();
    assert!(calls > 5, "{calls} calls");
    let mut refused = 0;
    for call in 0..calls {
        pages.fail_nth(call);
        assert!(matches!(grow(&pages), Ok(300_000) | Err(Error::Pages(_))), "call {call}");
        pages.fail_from(call);
        let grown = grow(&pages);
        // The last calls give memory back, which can wait.
        assert!(matches!(grown, Ok(300_000) | Err(Error::Pages(_))), "from call {call}: {grown:?}");
        refused += usize::from(grown.is_err());
        pages.relent();
    }
    assert!(refused > 5 && 2 * refused > calls, "{refused} of {calls}");
    assert_eq!((pages.live(), pages.violations()), (0, 0));
}

#[test]
fn the_rest_of_an_iterator_comes_back_in_order() {
    let heap = limited(10_000);
    let mut list = HeapVec::new_in(&heap);
    let asked = Cell::new(0);
    let words = (0..100_000).map(|number| {
        asked.set(number);
        format!("{number}")
    });
    let refused = list.try_extend(words).unwrap_err();
    assert_eq!(asked.get(), list.len(), "one was in hand, and none was asked for behind it");
    let (taken, mut rest) = (list.len(), refused.value);
    assert_eq!(rest.next().as_deref(), Some(&*format!("{taken}")));
    assert_eq!(rest.next().as_deref(), Some(&*format!("{}", taken + 1)));
    let whole = Vec::try_from_iter_in(list.into_iter().chain(rest), ()).unwrap();
    assert_eq!(whole.len(), 99_998);
}

// soundness S9
#[test]
fn an_iterator_that_promises_too_much_gets_what_it_needs() {
    struct Boaster(u32);
    impl Iterator for Boaster {
        type Item = u32;
        fn next(&mut self) -> Option<u32> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX, None)
        }
    }
    let heap = heap();
    assert_eq!(HeapVec::try_from_iter_in(Boaster(3), &heap).unwrap(), [2, 1, 0]);
    assert_eq!(Vec::try_from_iter_in(Boaster(3), ()).unwrap(), [2, 1, 0]);
}

#[test]
fn more_than_the_address_space_holds_is_too_large() {
    let heap = heap();
    let too_large = Err(Error::TooLarge { len: usize::MAX, element: 8 });
    assert_eq!(HeapVec::<u64, _>::new_in(&heap).try_room(usize::MAX), too_large);
    assert_eq!(Vec::<u64>::new().try_room(usize::MAX), too_large);
    let mut map = HashMap::<u64, u64, DefaultHashBuilder, _>::empty_in((Default::default(), Tracked::new(&heap)));
    assert!(matches!(map.try_room(usize::MAX), Err(Error::TooLarge { .. })));
    let mut nothing = HeapVec::new_in(&heap);
    nothing.try_room(usize::MAX).unwrap(); // values without bytes
    nothing.try_push(()).unwrap();
    assert_eq!(nothing.try_room(usize::MAX), Err(Error::TooLarge { len: usize::MAX, element: 0 }));
    assert_eq!(vec![()].try_room(usize::MAX), Err(Error::TooLarge { len: usize::MAX, element: 0 }));
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn a_full_map_on_a_full_heap_takes_another_value_for_a_key_that_it_has() {
    let heap = limited(20_000);
    let mut map = HashMap::<_, _, DefaultHashBuilder, _>::empty_in((Default::default(), Tracked::new(&heap)));
    let mut set = HashSet::<_, DefaultHashBuilder, _>::empty_in((Default::default(), Tracked::new(&heap)));
    let refused = (0..).find_map(|key| map.try_push((key, 0)).err()).unwrap();
    assert!(matches!(refused.error, Error::Limit { .. }) && refused.value.1 == 0);
    let keys = map.len();
    for key in 0..keys {
        map.try_push((key, key)).unwrap();
    }
    assert!(map.len() == keys && map.iter().all(|(key, value)| key == value));
    drop(map);
    let refused = (0..).find_map(|key| set.try_push(key).err()).unwrap();
    assert_eq!(refused.value, set.len());
    set.try_push(0).unwrap();
}

#[test]
fn a_stack_of_the_machine_is_refused_memory_by_the_global_allocator() {
    let mut stack = vec![0_u64; 100];
    stack.shrink_to_fit();
    let refused = after(0, || stack.try_push(7)).unwrap_err();
    assert_eq!((refused.value, refused.error), (7, Error::Memory { bytes: 101 * 8 }));
    assert_eq!((stack.len(), stack.capacity()), (100, 100));
    stack.try_push(refused.value).unwrap();
    assert_eq!(stack[100], 7);
}
