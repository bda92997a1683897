//! Collections of later versions of allocator-api2 are looked into and grow as those of 0.2 do, by their features.

use crate::{disturb, heap};
use permacode::Gc;
use permacode::kit::{Growth, Tracked};

macro_rules! version {
    ($name:ident, $api:ident) => {
        #[test]
        fn $name() {
            let heap = heap();
            let mut list =
                $api::vec::Vec::try_from_iter_in((0..100_u64).map(|n| Gc::new(&heap, n).unwrap()), &heap).unwrap();
            let boxed = $api::boxed::Box::new_in(Gc::new(&heap, 100_u64).unwrap(), &heap);
            let empty = $api::vec::Vec::<Gc<'_, u64>, _>::with_capacity_in(10, &heap);
            let mut tracked = $api::vec::Vec::new_in(Tracked::new(&heap));
            tracked.extend([1, 2, 3]);
            let all = (list, boxed, empty);
            let roots = |marker: &mut permacode::kit::Marker<'_>| {
                marker.trace(&all);
                assert!(marker.mark_buffers(tracked.allocator()));
            };
            // SAFETY: nothing but the roots is used afterwards, and the closure only traces.
            assert_eq!(unsafe { heap.collect(roots) }.unwrap().objects, 0);
            assert_eq!(heap.stats().objects, 101 + 4);
            disturb(&heap, 8);
            list = all.0;
            list.try_push(*all.1).unwrap();
            assert!(list.iter().map(|object| **object).eq(0..=100) && tracked == [1, 2, 3] && all.2.capacity() == 10);
        }
    };
}

version!(of_0_2, allocator_api2);
#[cfg(feature = "allocator-api2-03")]
version!(of_0_3, allocator_api2_03);
#[cfg(feature = "allocator-api2-04")]
version!(of_0_4, allocator_api2_04);
