//! How much memory a heap takes, how it gives it back, and where it ends: measured from outside where the kernel can tell.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::ptr;
use permacode::error::PageCall;
use permacode::testing::Pages;
use permacode::{Error, HeapArena};
use permacode_witness::heap::{Objects, layout, resident};
use permacode_witness::{Random, VAST, in_child, limit, memory, status};

const MEGABYTE: usize = 1 << 20;

fn reserved(bytes: usize) -> HeapArena {
    HeapArena::builder().reservation(bytes).build().unwrap()
}

/// Bytes of a heap that are in physical memory, what it knows of objects included.
fn with_metadata(heap: &HeapArena) -> usize {
    let [front, back] = heap.bookkeeping_ranges();
    memory(0, front.start..back.end).unwrap().resident() as usize
}

// numbers N16
#[test]
fn a_million_small_objects_take_hardly_more_memory_than_they_are_large() {
    // In a child: what the process has in memory is asked, and other tests take and give back.
    in_child(|| {
        let heap = reserved(256 * MEGABYTE);
        let before = status("VmRSS");
        let object = layout(64, 8);
        let mut objects = Vec::with_capacity(1_000_000);
        let listed = objects.capacity() * size_of::<ptr::NonNull<u8>>();
        for _ in 0..1_000_000 {
            let at = heap.alloc(object).unwrap();
            // SAFETY: a new object.
            unsafe { at.write_bytes(1, 64) };
            objects.push(at);
        }
        let live = heap.stats().live;
        assert_eq!(live, 64_000_000);
        let ratio = resident(&heap) as f64 / live as f64;
        assert!(ratio <= 1.02, "{ratio}");
        let all = (status("VmRSS") - before - listed) as f64 / live as f64;
        assert!(cfg!(debug_assertions) || all <= 1.03, "{all} with what is known of them");
        for at in objects {
            // SAFETY: live until now, with this layout.
            unsafe { heap.free(at, object) };
        }
        assert!(resident(&heap) >= live / 2, "memory comes back on request, or after a while");
        heap.trim().unwrap();
        assert_eq!((resident(&heap), heap.resident()), (0, Ok(0)));
        assert!(with_metadata(&heap) < 2_000_000, "{}", with_metadata(&heap));
    });
}

#[test]
fn a_single_page_without_a_live_object_goes_back() {
    for size in [8, 64, 500, 1024, 4096] {
        let heap = reserved(8 * MEGABYTE);
        let mut objects = Objects::of(&heap, 32 * 4096 / size, size);
        let before = resident(&heap);
        let page = objects.all[objects.all.len() / 2].range().start / 4096;
        let alone: Vec<bool> =
            objects.ranges().iter().map(|range| range.start / 4096 <= page && page <= (range.end - 1) / 4096).collect();
        objects.free_if(|index| alone[index]);
        heap.trim().unwrap();
        assert_eq!(before - resident(&heap), 4096, "{size}");
        assert_eq!(Ok(resident(&heap)), heap.resident());
        objects.check();
        (0..32 * 4096 / size).for_each(|_| _ = objects.alloc(layout(size, 8)).unwrap());
        objects.check();
    }
}

#[test]
fn a_trim_gives_back_all_pages_between_the_live_objects_and_no_other() {
    let heap = reserved(64 * MEGABYTE);
    let mut objects = Objects::new(&heap);
    let mut random = Random::new(1);
    for _ in 0..5000 {
        objects.alloc(layout([8, 48, 700, 5000, 100_000][random.below(50) / 12], 8)).unwrap();
    }
    for _ in 0..8 {
        objects.free_if(|_| random.below(3) == 0);
        let told = heap.trim().unwrap();
        let mut pages: Vec<usize> = objects
            .ranges()
            .iter()
            .flat_map(|range| {
                let usable = heap.usable_size(ptr::without_provenance(range.start)).unwrap();
                range.start / 4096..=(range.start + usable - 1) / 4096
            })
            .collect();
        pages.sort_unstable();
        pages.dedup();
        assert!(resident(&heap) <= pages.len() * 4096, "{} bytes for {} pages", resident(&heap), pages.len());
        assert!(told > 0);
        objects.check();
    }
    objects.free_all();
    heap.trim().unwrap();
    assert_eq!((resident(&heap), heap.stats().slabs), (0, 0));
}

#[test]
fn a_reset_frees_everything_at_once_and_the_heap_starts_again() {
    let mut heap = reserved(128 * MEGABYTE);
    let first = heap.alloc(layout(8, 8)).unwrap().addr();
    for round in 0..4 {
        let objects = Objects::of(&heap, 20_000, 100 + round * 900);
        let large = Objects::of(&heap, 3, 5 * MEGABYTE);
        objects.check();
        large.check();
        let calls = heap.stats().system_calls;
        heap.reset().unwrap();
        assert!(heap.stats().system_calls - calls <= 2);
        let stats = heap.stats();
        assert_eq!((stats.live, stats.objects, stats.cached, stats.slabs, resident(&heap)), (0, 0, 0, 0, 0));
        heap.walk(|_, _| panic!("nothing is live"));
    }
    assert_eq!(heap.alloc(layout(8, 8)).unwrap().addr(), first);
}

// soundness S16
#[test]
fn a_limit_holds_to_the_byte() {
    for (limit, size, class) in [(1000, 8, 8), (10_000, 100, 104), (100_000, 3000, 3072), (1 << 20, 100_000, 25 << 12)]
    {
        for spare in [0, 1, class - 1] {
            let limit = limit / class * class + spare;
            let heap = HeapArena::builder().reservation(8 * MEGABYTE).limit(limit).build().unwrap();
            for _ in 0..3 {
                let mut objects = Objects::of(&heap, limit / class, size);
                assert_eq!(heap.stats().live, limit - spare);
                for _ in 0..2 {
                    let refused = objects.alloc(layout(size, 8));
                    assert!(
                        matches!(refused, Err(Error::Limit { limit: told, left, .. }) if told == limit && left == spare)
                    );
                    objects.free(objects.all.len() / 2);
                    objects.alloc(layout(size, 8)).unwrap();
                }
                objects.check();
                objects.free_all();
            }
        }
    }
    let heap = HeapArena::builder().limit(0).reservation(MEGABYTE).build().unwrap();
    assert!(matches!(heap.alloc(layout(1, 1)), Err(Error::Limit { limit: 0, needed: 8, left: 0 })));
    assert!(heap.alloc(layout(0, 1)).is_ok());
}

// What is free in one class is room for another.
#[test]
fn what_other_classes_hold_free_is_not_counted() {
    let heap = HeapArena::builder().reservation(MEGABYTE).limit(MEGABYTE).build().unwrap();
    for size in [8, 64, 3000, 30_000, 100_000, 500_000, 16, 24] {
        let mut objects = Objects::of(&heap, MEGABYTE * 9 / 10 / place(size), size);
        objects.free_all();
        assert_eq!(heap.stats().live, 0);
    }
}

// What is free stands in the way of no large object: neither of its bytes, in a magazine, nor of its place, in a slab that lies empty.
#[test]
fn a_large_object_grows_where_it_lies_when_only_free_objects_are_in_its_way() {
    for limit in [MEGABYTE, usize::MAX] {
        let heap = HeapArena::builder().reservation(MEGABYTE).limit(limit).build().unwrap();
        for size in [64, 3000, 30_000] {
            let mut large = Objects::of(&heap, 1, MEGABYTE / 2);
            let mut small = Objects::of(&heap, 1, size);
            assert!(large.realloc(0, MEGABYTE).is_err(), "something is live behind it");
            small.free_all();
            large.realloc(0, MEGABYTE).unwrap();
            large.free_all();
            assert_eq!(heap.stats().live, 0);
        }
    }
    let heap = HeapArena::builder().reservation(8 * MEGABYTE).limit(MEGABYTE).build().unwrap();
    let mut small = Objects::of(&heap, 1, 64);
    small.free_all();
    let mut large = Objects::of(&heap, 1, MEGABYTE / 2);
    assert!(heap.stats().cached > 0);
    large.realloc(0, MEGABYTE).unwrap();
}

// What lies free is not handed out beyond the limit either, however much of it there is.
#[test]
fn a_limit_holds_where_there_are_more_free_objects_than_it_allows() {
    let heap = HeapArena::builder().reservation(MEGABYTE).limit(64 << 10).build().unwrap();
    let mut small = Objects::of(&heap, 1000, 64);
    small.free_all();
    heap.walk(|_, _| {}); // which empties magazines
    for spare in [0, 1, 5, 70] {
        let mut large = Objects::of(&heap, ((64 << 10) - spare * 64) / 1024, 1024);
        let room = ((64 << 10) - heap.stats().live) / 64;
        (0..room).for_each(|_| _ = small.alloc(layout(64, 8)).unwrap());
        assert!(matches!(small.alloc(layout(64, 8)), Err(Error::Limit { left: 0, .. })));
        large.free_all();
        small.free_all();
        heap.walk(|_, _| {});
    }
}

/// Bytes of address space that an object takes.
fn place(size: usize) -> usize {
    let heap = reserved(MEGABYTE);
    let usable = heap.usable_size(heap.alloc(layout(size, 8)).unwrap().as_ptr()).unwrap();
    if usable <= 32 << 10 { usable } else { usable.next_multiple_of(64 << 10) }
}

// An empty heap has room for whatever it ever had room for.
#[test]
fn what_was_used_before_does_not_stand_in_the_way_of_larger_objects() {
    let heap = reserved(4 * MEGABYTE);
    for kilobytes in [8, 64, 500, 1024, 1500, 2048, 3000, 4096, 100, 4096] {
        let mut objects = Objects::of(&heap, 4096 / usize::next_multiple_of(kilobytes, 64), kilobytes << 10);
        objects.free_all();
    }
    for align in [1 << 16, 1 << 20, 1 << 21] {
        let mut objects = Objects::new(&heap);
        while objects.alloc(layout(align, align)).is_ok() {}
        assert!(objects.all.len() >= (4 * MEGABYTE / align) - 1, "{align}");
        objects.free_all();
    }
}

#[test]
fn a_heap_that_is_exhausted_says_how_much_more_it_needs() {
    for slabs in 1..32 {
        let heap = reserved(3 * MEGABYTE);
        heap.alloc(layout(slabs << 16, 8)).unwrap();
        // The next may lie so far away that there is no room, although there are bytes enough.
        let refused = (0..4).find_map(|_| heap.alloc(layout(MEGABYTE, MEGABYTE)).err());
        assert!(matches!(refused, Some(Error::Exhausted { needed, left }) if needed > left), "{slabs}: {refused:?}");
    }
}

// Each class wants bitmaps of its own length: all of them in turn fit.
#[test]
fn slabs_may_serve_every_class_one_after_the_other() {
    for slabs in [31, 63] {
        let heap = reserved(slabs << 16);
        for size in [32 << 10, 16 << 10, 8 << 10, 4 << 10, 2 << 10, 1 << 10, 512, 256, 128, 64, 32, 16, 8] {
            let count = slabs * ((64 << 10) / size);
            let mut full = Vec::with_capacity(count);
            full.extend((0..count).map(|_| heap.alloc(layout(size, 8)).unwrap()));
            assert!(matches!(heap.alloc(layout(size, 8)), Err(Error::Exhausted { .. })));
            // SAFETY: each is live, has this layout, and is forgotten.
            full.drain(..).for_each(|object| unsafe { heap.free(object, layout(size, 8)) });
            heap.trim().unwrap();
        }
    }
}

#[test]
fn a_slab_that_is_given_back_takes_what_was_known_of_it_along() {
    let heap = reserved(1);
    for _ in 0..500 {
        let mut objects = Objects::of(&heap, 1, 8);
        objects.free_all();
        heap.trim().unwrap();
    }
}

#[test]
fn a_heap_is_made_and_dropped_twenty_thousand_times_and_nothing_grows() {
    let cycle = || {
        let heap = reserved(MEGABYTE);
        let mut objects = Objects::of(&heap, 3, 40);
        objects.alloc(layout(100_000, 8)).unwrap();
        objects.free(0);
    };
    // In a child, where no other test's memory comes and goes.
    in_child(|| {
        (0..1000).for_each(|_| cycle());
        let (resident, mapped) = (status("VmRSS"), status("VmSize"));
        (0..20_000).for_each(|_| cycle());
        assert!(status("VmRSS") < resident + MEGABYTE && status("VmSize") < mapped + 64 * MEGABYTE);
    });
}

// soundness S3
#[test]
fn an_absurd_reservation_is_refused_and_a_small_one_is_a_slab() {
    let half = isize::MAX as usize;
    for bytes in [usize::MAX, usize::MAX - 1, half, half + 1, half - 65_535, 1 << (usize::BITS - 2)] {
        let refused = HeapArena::builder().reservation(bytes).build();
        assert!(matches!(refused, Err(Error::TooLarge { .. } | Error::Pages(_))), "{bytes}: {refused:?}");
    }
    if usize::BITS > 32 {
        // Could be computed with, and no system has it.
        let refused = HeapArena::builder().reservation(1 << (usize::BITS - 17)).build();
        assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Reserve), "{refused:?}");
    }
    for bytes in [0, 1, 65_535, 65_536] {
        let heap = reserved(bytes);
        assert_eq!((heap.stats().reserved, heap.address_range().len()), (65_536, 65_536));
        let objects = Objects::of(&heap, 1024, 64);
        objects.check();
        assert!(heap.alloc(layout(64, 8)).is_err());
    }
}

// soundness S3
#[test]
fn an_absurd_object_is_refused() {
    let heap = reserved(MEGABYTE);
    let sizes = [MEGABYTE + 1, VAST, isize::MAX as usize - 65_536, isize::MAX as usize - 7];
    let align = 1 << (usize::BITS - 2);
    for layout in sizes.map(|size| layout(size, 8)).into_iter().chain([layout(1, align), layout(align / 2, align)]) {
        assert!(matches!(heap.alloc(layout), Err(Error::Exhausted { .. } | Error::Limit { .. })), "{layout:?}");
        assert!(heap.alloc_zeroed(layout).is_err());
    }
    let mut objects = Objects::of(&heap, 1, 100);
    assert!(objects.realloc(0, isize::MAX as usize - 7).is_err());
    objects.check();
}

// soundness S16: RLIMIT_AS counts address space, reserved or used.
#[test]
fn the_default_reservation_is_what_the_address_space_allows() {
    in_child(|| {
        limit(libc::RLIMIT_AS, status("VmSize") + 500 * MEGABYTE);
        let heap = HeapArena::new().unwrap();
        let reserved = heap.stats().reserved;
        assert!((25 * MEGABYTE..63 * MEGABYTE).contains(&reserved), "{reserved}");
        let refused = HeapArena::builder().reservation(600 * MEGABYTE).build();
        assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Reserve));
        Objects::of(&heap, 1000, 1000).check();
        Objects::of(&HeapArena::new().unwrap(), 1000, 1000).check();
        limit(libc::RLIMIT_AS, status("VmSize"));
        assert!(matches!(HeapArena::new(), Err(Error::Pages(error)) if error.call == PageCall::Reserve));
        Objects::of(&heap, 1000, 1000).check();
    });
}

// soundness S16: RLIMIT_DATA counts what is writable and private.
#[test]
fn memory_is_used_to_the_last_of_what_the_system_grants() {
    in_child(|| {
        let heap = reserved(256 * MEGABYTE);
        limit(libc::RLIMIT_DATA, status("VmData") + 100 * MEGABYTE);
        let mut objects = Objects::new(&heap);
        let error = loop {
            if let Err(error) = objects.alloc(layout(60_000, 8)) {
                break error;
            }
        };
        assert!(matches!(error, Error::Pages(error) if error.call == PageCall::Commit), "{error}");
        assert!(heap.stats().live > 89 * MEGABYTE, "{}", heap.stats().live);
        objects.check();
        objects.free_all();
        Objects::of(&heap, 1000, 60_000).check();
    });
}

#[test]
fn nothing_is_left_of_a_heap_that_could_not_be_made() {
    for call in [PageCall::Reserve, PageCall::Commit] {
        let pages = Pages::system();
        pages.fail_call(call, 0);
        let refused = HeapArena::builder().reservation(MEGABYTE).pages(pages.clone()).build();
        assert!(matches!(refused, Err(Error::Pages(_))));
        assert_eq!((pages.live(), pages.violations()), (0, 0));
    }
}

#[test]
fn what_was_freed_last_is_handed_out_first_however_much_was_freed() {
    let heap = reserved(MEGABYTE);
    let mut objects = Objects::of(&heap, 4000, 32);
    let order: Vec<_> = objects.all.iter().map(|object| object.at).collect();
    (0..order.len()).for_each(|_| objects.free(0)); // more than a magazine holds, so that some go back to the bits
    let mut freed: Vec<_> = order[..1].to_vec();
    freed.extend(order[1..].iter().rev()); // the last takes the place of the first each time
    for at in freed.iter().rev().take(800) {
        assert_eq!(heap.alloc(layout(32, 8)).unwrap(), *at);
    }
}

#[test]
fn the_last_page_of_a_slab_goes_back_although_no_object_ends_with_it() {
    for size in [24, 40, 200, 24 << 10] {
        let heap = reserved(MEGABYTE);
        let count = (64 << 10) / size;
        let mut objects = Objects::of(&heap, count, size);
        objects.free_if(|index| index > 0);
        let kept = size.next_multiple_of(4096);
        assert_eq!(heap.trim().unwrap(), (64 << 10) - kept, "{size}");
        objects.check();
        let again = Objects::of(&heap, count - 1, size);
        again.check();
        objects.check();
    }
}
