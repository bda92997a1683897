//! Collections on `&HeapArena` do what those of the standard library do, and leave nothing behind.

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box as HeapBox;
use allocator_api2::vec::Vec as HeapVec;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::slice;
use hashbrown::HashMap as HeapMap;
use permacode::HeapArena;
use permacode::pages::OrdinaryPages;
use permacode::testing::Pages;
use permacode_witness::all;
use permacode_witness::heap::{Objects, layout};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(64 << 20).build().unwrap()
}

type Hasher = BuildHasherDefault<DefaultHasher>;

type OurVec<'h, T> = HeapVec<T, &'h HeapArena>;
type OurBox<'h> = HeapBox<[u16], &'h HeapArena>;

/// Collections on a heap beside the same ones of the standard library.
struct Pairs<'h> {
    heap: &'h HeapArena,
    vectors: Vec<(OurVec<'h, u64>, Vec<u64>)>,
    boxes: Vec<(OurBox<'h>, Box<[u16]>)>,
    map: HeapMap<u16, OurVec<'h, u8>, Hasher, &'h HeapArena>,
    std_map: HashMap<u16, Vec<u8>>,
}

impl<'h> Pairs<'h> {
    fn new(heap: &'h HeapArena) -> Self {
        let map = HeapMap::with_hasher_in(Hasher::default(), heap);
        Self { heap, vectors: Vec::new(), boxes: Vec::new(), map, std_map: HashMap::new() }
    }

    fn run(&mut self, op: u8, at: u16, size: u16) {
        let at = usize::from(at);
        let count = self.vectors.len().max(1);
        let vector = self.vectors.get_mut(at % count);
        match (op % 11, vector) {
            (0, _) => self.vectors.push((HeapVec::new_in(self.heap), Vec::new())),
            (1, Some((ours, theirs))) => {
                ours.extend((0..u64::from(size)).map(|n| n * 3));
                theirs.extend((0..u64::from(size)).map(|n| n * 3));
            }
            (2, Some((ours, theirs))) => {
                ours.truncate(size.into());
                theirs.truncate(size.into());
                ours.shrink_to_fit();
            }
            (3, Some((ours, theirs))) => {
                let end = usize::from(size).min(ours.len());
                assert!(ours.drain(end / 2..end).eq(theirs.drain(end / 2..end)));
                ours.shrink_to(end);
            }
            (4, Some((ours, theirs))) => {
                ours.resize(usize::from(size) * 20, 7);
                theirs.resize(usize::from(size) * 20, 7);
            }
            (5, Some(_)) => _ = self.vectors.swap_remove(at % count),
            (6, Some((ours, theirs))) => {
                let (ours, theirs) = (ours.clone(), theirs.clone());
                self.vectors.push((ours, theirs));
            }
            (7, _) => {
                let mut ours = HeapVec::with_capacity_in(size.into(), self.heap);
                ours.resize(usize::from(size) / 2, size);
                self.boxes.push((ours.into_boxed_slice(), vec![size; usize::from(size) / 2].into()));
            }
            (8, _) if !self.boxes.is_empty() => _ = self.boxes.swap_remove(at % self.boxes.len()),
            (9, _) => {
                let mut value = HeapVec::new_in(self.heap);
                value.extend_from_slice(&size.to_le_bytes());
                self.map.entry(size % 500).or_insert(value).push(at as u8);
                self.std_map.entry(size % 500).or_insert(size.to_le_bytes().to_vec()).push(at as u8);
            }
            (10, _) => {
                let removed = self.map.remove(&(size % 500));
                assert_eq!(removed.as_deref(), self.std_map.remove(&(size % 500)).as_deref());
                self.map.shrink_to_fit();
            }
            _ => {}
        }
    }

    fn check(&self) {
        assert!(self.vectors.iter().all(|(ours, theirs)| ours[..] == theirs[..]));
        assert!(self.boxes.iter().all(|(ours, theirs)| ours[..] == theirs[..]));
        assert_eq!(self.map.len(), self.std_map.len());
        assert!(self.std_map.iter().all(|(key, value)| self.map[key][..] == value[..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    // soundness S1
    #[test]
    fn collections_do_what_those_of_std_do_and_leave_nothing(
        ops in vec((any::<u8>(), any::<u16>(), 0..3000u16), 0..150)
    ) {
        let heap = small_heap();
        let mut pairs = Pairs::new(&heap);
        for (op, at, size) in ops {
            pairs.run(op, at, size);
        }
        pairs.check();
        drop(pairs);
        prop_assert_eq!(heap.stats().live, 0);
        prop_assert_eq!(heap.stats().objects, 0);
    }
}

#[test]
fn a_large_vector_grows_where_it_lies_while_nothing_is_behind_it() {
    let heap = small_heap();
    let mut vector = HeapVec::with_capacity_in(100_000, &heap);
    let before = vector.as_ptr();
    while vector.len() < 16 << 20 {
        vector.extend_from_slice(&[vector.len() as u8; 40_000]);
    }
    assert_eq!(vector.as_ptr(), before);
    assert!(vector.chunks(40_000).zip((0..).step_by(40_000)).all(|(chunk, n)| all(chunk, n as u8)));
    vector.truncate(200_000);
    vector.shrink_to_fit();
    assert_eq!(vector.as_ptr(), before);
    assert_eq!(heap.stats().live, 49 << 12, "what is behind 200,000 bytes is given back");
    let next = heap.alloc(layout(1 << 20, 8)).unwrap();
    assert_eq!(next.addr().get(), before.addr() + (4 << 16), "and used for what comes next");
    vector.reserve(1 << 20);
    assert_ne!(vector.as_ptr(), before, "something is behind it");
    assert!(vector.chunks(40_000).zip((0..).step_by(40_000)).all(|(chunk, n)| all(chunk, n as u8)));
}

#[test]
fn the_last_object_may_grow_to_the_end_of_the_reservation_and_no_further() {
    let heap = HeapArena::builder().reservation(4 << 20).build().unwrap();
    let mut objects = Objects::of(&heap, 1, 1 << 20);
    objects.realloc(0, 4 << 20).unwrap();
    assert!(objects.realloc(0, (4 << 20) + 1).is_err());
    assert!(objects.alloc(layout(8, 8)).is_err());
    objects.realloc(0, 1).unwrap(); // there was no slab to move it to
    assert_eq!(heap.stats().live, 8);
    objects.realloc(0, 3 << 20).unwrap();
    objects.realloc(0, 1).unwrap();
    objects.free_all();
    assert_eq!(heap.stats().live, 0);
}

/// Objects of this layout, all bytes of which were written to.
fn dirty(heap: &HeapArena, layout: Layout, count: usize) {
    let mut objects = Objects::new(heap);
    (0..count).for_each(|_| _ = objects.alloc(layout).unwrap());
    objects.free_all();
}

// soundness S2, S15
#[test]
fn zeroed_memory_is_zero_however_it_was_used_before() {
    type Between = fn(&mut HeapArena);
    let between: [Between; 5] = [
        |_| {},
        |heap| _ = heap.trim().unwrap(),
        |heap| heap.reset().unwrap(),
        |heap| heap.fence(),
        |heap| {
            // The same slabs serve other classes in between.
            heap.trim().unwrap();
            dirty(heap, layout(24, 8), 5000);
            dirty(heap, layout(300_000, 8), 2);
            heap.walk(|_, _| {}); // which empties magazines
        },
    ];
    for size in [1, 8, 24, 512, 513, 4096, 32 << 10, (32 << 10) + 1, 64 << 10, 200_000, 1 << 20] {
        for between in between {
            let mut heap = HeapArena::builder().reservation(128 << 20).build().unwrap();
            dirty(&heap, layout(size, 8), 40);
            between(&mut heap);
            for _ in 0..60 {
                let zeroed = heap.alloc_zeroed(layout(size, 8)).unwrap();
                // SAFETY: a new object, zeroed, so initialised.
                let bytes = unsafe { slice::from_raw_parts_mut(zeroed.as_ptr(), size) };
                assert!(all(bytes, 0), "an object of {size} bytes is not zero");
                bytes.fill(0xFF);
            }
        }
    }
}

// soundness S2: what shrinks in place leaves written slabs behind.
#[test]
fn what_a_large_object_gave_back_is_zero_when_it_is_asked_for_zeroed() {
    let heap = small_heap();
    let mut objects = Objects::of(&heap, 1, 1 << 20);
    objects.realloc(0, 1 << 17).unwrap();
    let zeroed = heap.alloc_zeroed(layout(500_000, 8)).unwrap();
    assert!(zeroed > objects.all[0].at && zeroed.addr().get() < objects.all[0].at.addr().get() + (1 << 20));
    // SAFETY: a new object, zeroed, so initialised.
    assert!(all(unsafe { slice::from_raw_parts(zeroed.as_ptr(), 500_000) }, 0));
    objects.check();
}

#[test]
fn growing_zeroed_keeps_the_old_bytes_and_zeroes_the_new() {
    let heap = small_heap();
    for (old, new) in [(0, 40), (1, 8), (20, 24), (24, 25), (400, 5000), (30_000, 100_000), (100_000, 3_000_000)] {
        dirty(&heap, layout(new, 8), 20);
        let object = (&heap).allocate(layout(old, 8)).unwrap().cast::<u8>();
        // SAFETY: an object of the heap with this layout, which `grow_zeroed` takes back; then one of the new layout.
        unsafe {
            object.write_bytes(9, old);
            let object = (&heap).grow_zeroed(object, layout(old, 8), layout(new, 8)).unwrap().cast::<u8>();
            let bytes = slice::from_raw_parts(object.as_ptr(), new);
            assert!(all(&bytes[..old], 9) && all(&bytes[old..], 0), "{old} to {new}");
            (&heap).deallocate(object, layout(new, 8));
        }
    }
    assert_eq!(heap.stats().live, 0);
}

// soundness S5
#[test]
fn values_without_size_take_no_memory() {
    #[repr(align(4096))]
    #[derive(Clone, Copy)]
    struct Aligned;
    let heap = small_heap();
    let mut vector = HeapVec::new_in(&heap);
    vector.resize(1_000_000, ());
    let boxed = HeapBox::new_in(Aligned, &heap);
    let both = HeapBox::new_in([Aligned; 3], &heap);
    assert_eq!((&raw const *boxed).addr() % 4096, 0);
    assert_eq!((&raw const *both).addr() % 4096, 0);
    assert_eq!((vector.len(), heap.stats().live, heap.stats().objects), (1_000_000, 0, 0));
    for align in (0..=20).map(|bit| 1 << bit) {
        let nothing = heap.alloc(layout(0, align)).unwrap();
        assert!(nothing.addr().get() % align == 0 && !heap.contains(nothing.as_ptr()));
        // SAFETY: came from the heap with this layout.
        unsafe { heap.free(nothing, layout(0, align)) };
    }
    heap.walk(|_, _| panic!("nothing is live"));
}

// soundness S4
#[test]
fn any_alignment_up_to_a_megabyte_is_kept() {
    let unaligned = || Pages::unaligned(Box::<OrdinaryPages>::default());
    for pages in [Pages::ordinary(), unaligned()] {
        let heap = HeapArena::builder().reservation(32 << 20).pages(pages).build().unwrap();
        let mut objects = Objects::new(&heap);
        for align in (0..=20).map(|bit| 1 << bit) {
            for size in [1, 8, 24, 100, 1000, 5000, 40_000] {
                let at = objects.alloc(layout(size, align)).unwrap();
                assert_eq!(at.addr().get() % align, 0, "{size} bytes at {align}");
            }
            objects.free_if(|index| index % 3 == 0);
        }
        objects.check();
        objects.free_all();
        assert_eq!(heap.stats().live, 0);
    }
}

// `Allocator` lets an alignment change when an object grows or shrinks.
#[test]
fn an_object_that_is_resized_to_another_alignment_has_it() {
    let heap = small_heap();
    let sizes = [0, 1, 8, 24, 48, 100, 5000, 100_000];
    for old in sizes {
        for new in sizes {
            for (from, to) in [(1, 4096), (8, 16), (8, 1 << 17), (4096, 8), (1 << 17, 1)] {
                let (old, new) = (layout(old, from), layout(new, to));
                // Of three in a row, not all lie at a multiple of more than they should.
                let objects = [(); 3].map(|()| (&heap).allocate(old).unwrap().cast::<u8>());
                let resized = objects.map(|object| {
                    // SAFETY: an object of the heap with this layout, which is resized once.
                    let resized: NonNull<u8> = unsafe {
                        object.write_bytes(3, old.size());
                        match new.size() >= old.size() {
                            true => (&heap).grow(object, old, new).unwrap().cast(),
                            false => (&heap).shrink(object, old, new).unwrap().cast(),
                        }
                    };
                    assert_eq!(resized.addr().get() % to, 0, "{old:?} to {new:?}");
                    resized
                });
                for object in resized {
                    // SAFETY: an object of the new layout, filled as far as both sizes go, and freed once.
                    unsafe {
                        assert!(all(slice::from_raw_parts(object.as_ptr(), old.size().min(new.size())), 3));
                        (&heap).deallocate(object, new);
                    }
                }
            }
        }
    }
    assert_eq!(heap.stats().live, 0);
}

// soundness S16
#[test]
fn a_collection_that_is_refused_memory_is_what_it_was() {
    let heap = HeapArena::builder().reservation(4 << 20).limit(100_000).build().unwrap();
    let mut vector = HeapVec::new_in(&heap);
    vector.extend(0..5000u64);
    assert!(vector.try_reserve(10_000).is_err());
    assert!(vector.try_reserve(isize::MAX as usize / 8 - 5000).is_err());
    assert!(vector.iter().copied().eq(0..5000));
    let mut map: HeapMap<u64, u64, Hasher, _> = HeapMap::with_hasher_in(Hasher::default(), &heap);
    assert!(map.try_reserve(10_000).is_err());
    map.insert(1, 2);
    assert_eq!(map[&1], 2);
    drop((map, vector));
    assert_eq!(heap.stats().live, 0);
}

// soundness S4
#[test]
fn a_large_object_that_is_resized_to_an_alignment_that_its_place_lacks_moves() {
    let heap = small_heap();
    // An odd number of slabs, so that not all of a row begin alike.
    let old = layout(150_000, 8);
    // One slab, so that what follows does not begin where the heap does, which may be well aligned.
    (&heap).allocate(layout(40_000, 8)).unwrap();
    for align in [128 << 10, 512 << 10, 1 << 20] {
        let odd = (0..20).map(|_| (&heap).allocate(old).unwrap().cast::<u8>()).find(|at| at.addr().get() % align != 0);
        let (odd, new) = (odd.expect("not every slab is aligned to more than it is long"), layout(100_000, align));
        // SAFETY: an object of the heap with this layout, which is resized once.
        let moved = unsafe {
            odd.write_bytes(7, old.size());
            (&heap).shrink(odd, old, new).unwrap().cast::<u8>()
        };
        assert!(moved != odd && moved.addr().get() % align == 0, "{align}");
        // SAFETY: as long as the new layout says, and filled.
        assert!(all(unsafe { slice::from_raw_parts(moved.as_ptr(), new.size()) }, 7));
    }
}
