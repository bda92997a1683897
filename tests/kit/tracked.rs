//! Hash tables over a `Tracked` survive collections, empty or not, and what they hold does.

use crate::{disturb, heap};
use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use permacode::allocator_api2::alloc::Allocator;
use permacode::kit::{Collect, Growth, Marker, Tracked};
use permacode::{Gc, HeapArena, HeapString};
use permacode_witness::Random;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::alloc::Layout;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Map<'h, V> = HashMap<u32, V, DefaultHashBuilder, Tracked<'h>>;

// soundness S12
assert_not_impl_any!(Tracked<'static>: Send, Sync, Copy);
assert_impl_all!(Map<'static, u8>: Collect);
// A hasher that holds an object would hide it.
assert_not_impl_any!(HashMap<u8, u8, Gc<'static, u8>, Tracked<'static>>: Collect);
// An empty one would be lost.
assert_not_impl_any!(HashMap<u8, u8, DefaultHashBuilder, &'static HeapArena>: Collect);

fn map<V>(heap: &HeapArena) -> Map<'_, V> {
    Map::with_hasher_in(DefaultHashBuilder::default(), Tracked::new(heap))
}

/// Collects with one root, and puts rubbish in the place of what is gone.
fn collect(heap: &HeapArena, root: &(impl Collect + ?Sized)) -> usize {
    // SAFETY: no object is used afterwards that the root does not lead to, and the closure only traces.
    let swept = unsafe { heap.collect(|marker| marker.trace(root)) }.unwrap();
    for size in [32, 64, 256, 512, 1024, 4096] {
        disturb(heap, size);
    }
    swept.objects
}

#[test]
fn an_empty_map_with_room_keeps_its_buffer_over_many_collections() {
    let heap = heap();
    let mut map = map(&heap);
    map.try_room(20).unwrap();
    for round in 0..20 {
        assert_eq!(collect(&heap, &map), usize::from(round != 0), "the value before");
        assert_eq!(heap.stats().objects, 1, "the buffer");
        map.insert(round, Gc::new(&heap, round).unwrap());
        collect(&heap, &map);
        assert_eq!(*map[&round], round);
        map.clear();
    }
}

#[test]
fn a_map_without_room_has_no_buffer_and_needs_none() {
    let heap = heap();
    let mut map: Map<'_, Gc<'_, u32>> = map(&heap);
    assert_eq!((collect(&heap, &map), map.allocator().buffers().count()), (0, 0));
    map.insert(1, Gc::new(&heap, 1).unwrap());
    map.clear();
    map.shrink_to_fit();
    assert_eq!((collect(&heap, &map), map.allocator().buffers().count(), heap.stats().objects), (1, 0, 0));
}

#[test]
fn a_table_knows_its_buffer_whatever_is_done_to_it() {
    let heap = heap();
    let mut random = Random::new(7);
    let (mut map, mut model) = (map(&heap), HashMap::new());
    for step in 0..4_000 {
        let key = random.below(300) as u32;
        match random.below(40) {
            0 => {
                map.clear();
                model.clear();
            }
            1 => map.shrink_to_fit(),
            2 => map.try_room(random.below(500)).unwrap(),
            3 => {
                let clone = map.clone();
                assert!(!clone.allocator().buffers().eq(map.allocator().buffers()) || map.is_empty());
                map = clone; // the first one goes, with its buffer
            }
            4 => {
                map.retain(|key, _| key % 3 != 0);
                model.retain(|key, _| key % 3 != 0);
            }
            5 => {
                let mut other = self::map(&heap);
                other.clone_from(&map);
                std::mem::swap(&mut other, &mut map);
            }
            6..15 => assert_eq!(map.remove(&key).map(|value: Gc<'_, u32>| *value), model.remove(&key)),
            _ => {
                map.try_push((key, Gc::new(&heap, step).unwrap())).unwrap();
                model.insert(key, step);
            }
        }
        assert!(map.allocator().buffers().count() <= 1, "only while it grows there are two");
        if step % 16 == 0 {
            // SAFETY: the map is all that is used.
            unsafe { heap.collect(|marker| marker.trace(&map)) }.unwrap();
            assert_eq!(heap.stats().objects, map.len() + map.allocator().buffers().count());
            disturb(&heap, 16);
            disturb(&heap, 4_000);
        }
        assert_eq!(map.len(), model.len());
        assert!(model.iter().all(|(key, value)| *map[key] == *value));
    }
    drop(map);
    // SAFETY: nothing is used any more.
    unsafe { heap.collect(|_| ()) }.unwrap();
    assert_eq!(heap.stats().objects, 0);
}

#[test]
fn keys_values_and_sets_are_looked_into() {
    let heap = heap();
    let text = |text: &str| Gc::copy_str(&heap, text).unwrap();
    let mut map = HashMap::<_, _, DefaultHashBuilder, _>::with_hasher_in(Default::default(), Tracked::new(&heap));
    let mut set = HashSet::<_, DefaultHashBuilder, _>::with_hasher_in(Default::default(), Tracked::new(&heap));
    let mut table = HashTable::new_in(Tracked::new(&heap));
    for number in 0..100 {
        map.try_push((text(&format!("key {number}")), Some(text(&format!("value {number}"))))).unwrap();
        set.try_push(text(&format!("element {number}"))).unwrap();
        table.insert_unique(number, text(&format!("entry {number}")), |entry| entry[6..].parse().unwrap());
    }
    let all = (map, set, table);
    assert_eq!(collect(&heap, &all), 0);
    let (map, set, table) = all;
    for number in 0..100 {
        let key = text(&format!("key {number}"));
        assert_eq!(&**map[&key].as_ref().unwrap(), format!("value {number}"));
        assert!(set.contains(&text(&format!("element {number}"))));
        assert!(table.find(number, |entry| **entry == *format!("entry {number}")).is_some());
    }
}

#[test]
fn maps_in_maps_take_no_stack() {
    struct Nested<'h>(Map<'h, Nested<'h>>);
    // SAFETY: it is its map.
    unsafe impl Collect for Nested<'_> {
        fn trace(&self, marker: &mut permacode::kit::Marker<'_>) {
            marker.trace(&self.0);
        }
    }
    let run = || {
        let heap = heap();
        let mut nested = Nested(map(&heap));
        for _ in 0..50_000 {
            let mut outer = Nested(map(&heap));
            outer.0.insert(1, nested);
            nested = outer;
        }
        let buffers = heap.stats().objects;
        assert_eq!((collect(&heap, &nested), heap.stats().objects, buffers), (0, 50_000, 50_000));
        // Dropped by recursion, as `HashMap` does: so it is left to the heap.
        std::mem::forget(nested);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}

#[derive(Collect)]
struct Object<'h> {
    fields: RefCell<Map<'h, Gc<'h, Object<'h>>>>,
    name: RefCell<HeapString<'h>>,
}

#[test]
fn objects_of_maps_and_strings_are_found_in_cycles_and_freed_in_cycles() {
    let heap = heap();
    let object = |name: &str| {
        let name = RefCell::new(HeapString::copy_str(&heap, name).unwrap());
        Gc::new(&heap, Object { fields: RefCell::new(map(&heap)), name }).unwrap()
    };
    let ring = |name: &str| {
        let (one, two) = (object(name), object(name));
        one.fields.borrow_mut().insert(1, two);
        two.fields.borrow_mut().insert(1, one);
        one
    };
    let (kept, _lost) = (ring("kept"), ring("lost"));
    assert_eq!(collect(&heap, &kept), 6, "two objects, two maps, two names");
    let other = kept.fields.borrow()[&1];
    assert!(Gc::ptr_eq(other.fields.borrow()[&1], kept));
    assert!(*kept.name.borrow() == "kept" && *other.name.borrow() == "kept");
    kept.name.borrow_mut().clear();
    collect(&heap, &kept);
    kept.name.borrow_mut().push_str("same").unwrap(); // into the buffer that an empty string keeps
    assert_eq!(*kept.name.borrow(), "same");
}

#[test]
fn a_map_on_another_heap_leads_to_objects_of_this_one() {
    let (heap, other) = (heap(), heap());
    let mut map = map(&other);
    map.insert(1, Gc::new(&heap, 7_u64).unwrap());
    Gc::new(&heap, 8_u64).unwrap();
    assert_eq!((collect(&heap, &map), *map[&1]), (1, 7));
    assert_eq!(other.stats().objects, 1);
}

#[test]
fn a_collection_by_hand_on_another_heap_leads_to_objects_of_this_one() {
    struct Wrapped<'h>(permacode::allocator_api2::vec::Vec<Gc<'h, u64>, Tracked<'h>>);

    // SAFETY: it is its buffer, and the elements in it.
    unsafe impl Collect for Wrapped<'_> {
        fn trace(&self, marker: &mut Marker<'_>) {
            if marker.mark_buffers(self.0.allocator()) {
                marker.trace_all(self.0.iter());
            }
        }
    }

    let (heap, other) = (heap(), heap());
    let mut list = Wrapped(permacode::allocator_api2::vec::Vec::new_in(Tracked::new(&other)));
    list.0.push(Gc::new(&heap, 7).unwrap());
    assert_eq!((collect(&heap, &list), *list.0[0]), (0, 7));
}

#[test]
fn a_moved_map_takes_its_memory_along() {
    let heap = heap();
    let mut map = map(&heap);
    map.insert(1, Gc::new(&heap, 1_u64).unwrap());
    let boxed = Box::new(map);
    collect(&heap, &*boxed);
    let map = *boxed;
    collect(&heap, &map);
    assert_eq!(*map[&1], 1);
}

#[test]
fn a_third_buffer_is_refused() {
    let heap = heap();
    let tracked = Tracked::new(&heap);
    let layout = Layout::new::<[u64; 4]>();
    let buffers = [tracked.allocate(layout).unwrap(), tracked.allocate(layout).unwrap()];
    assert!(tracked.buffers().eq(buffers.map(|buffer| buffer.cast::<u8>().as_ptr().cast_const())));
    let third = catch_unwind(AssertUnwindSafe(|| tracked.allocate(layout)));
    assert_eq!(third.is_err(), cfg!(debug_assertions), "a debug build says that this is not what it is for");
    assert!(third.map_or(true, |refused| refused.is_err()) && heap.stats().objects == 2);
    // SAFETY: they came from it with this layout.
    buffers.into_iter().for_each(|buffer| unsafe { tracked.deallocate(buffer.cast(), layout) });
    assert_eq!((tracked.buffers().count(), heap.stats().objects), (0, 0));
}

#[test]
fn a_buffer_is_remembered_through_resizes_and_only_while_it_has_bytes() {
    let heap = heap();
    let tracked = Tracked::new(&heap);
    let layouts = [0, 64, 4_096, 1 << 20, 100, 0].map(|size| Layout::from_size_align(size, 8).unwrap());
    let mut buffer = tracked.allocate(layouts[0]).unwrap().cast::<u8>();
    for pair in layouts.windows(2) {
        // SAFETY: the buffer is of this allocator and of the first layout, and is given up.
        let resized = unsafe {
            match pair[0].size() < pair[1].size() {
                true => tracked.grow(buffer, pair[0], pair[1]),
                false => tracked.shrink(buffer, pair[0], pair[1]),
            }
        };
        buffer = resized.unwrap().cast();
        let known: Vec<*const u8> = tracked.buffers().collect();
        assert_eq!(known, [buffer.as_ptr().cast_const()][..usize::from(pair[1].size() != 0)]);
    }
    // SAFETY: as above.
    unsafe { tracked.deallocate(buffer, layouts[5]) };
    assert_eq!(heap.stats().objects, 0);
}
