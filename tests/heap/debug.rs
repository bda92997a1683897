//! Debug builds find misuse where it happens and say which; programs that keep the rules they leave alone.
#![cfg(debug_assertions)]

use core::alloc::Layout;
use core::ptr::NonNull;
use permacode::HeapArena;
use permacode::error::PageCall;
use permacode::pages::OrdinaryPages;
use permacode::testing::Pages;
use permacode_witness::Random;
use permacode_witness::heap::{Objects, layout, panics};

fn small_heap() -> HeapArena {
    HeapArena::builder().reservation(8 << 20).build().unwrap()
}

fn alloc(heap: &HeapArena, size: usize) -> NonNull<u8> {
    heap.alloc(layout(size, 8)).unwrap()
}

fn free(heap: &HeapArena, object: NonNull<u8>, layout: Layout) {
    // SAFETY: the tests break the promise on purpose; debug builds find that before anything happens.
    unsafe { heap.free(object, layout) }
}

fn add(object: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    object.map_addr(|address| address.checked_add(bytes).unwrap())
}

#[track_caller]
fn says(text: &str, body: impl FnOnce()) {
    let panic = panics(body);
    assert!(panic.contains(text), "{panic:?} does not say {text:?}");
}

const SIZES: [usize; 6] = [8, 24, 400, 3000, 32 << 10, 100_000];

#[test]
fn a_double_free_is_found_at_once() {
    for size in SIZES {
        let heap = small_heap();
        let object = alloc(&heap, size);
        free(&heap, object, layout(size, 8));
        says("was freed before", || free(&heap, object, layout(size, 8)));
        assert_eq!(heap.stats().live, 0, "the second one did nothing");
    }
}

#[test]
fn a_double_free_is_found_after_other_frees_and_in_every_place_that_free_objects_go_to() {
    for size in SIZES {
        type Between = fn(&HeapArena);
        let between: [Between; 4] = [|_| {}, |heap| heap.walk(|_, _| {}), |heap| _ = heap.trim(), |heap| heap.fence()];
        for between in between {
            let heap = small_heap();
            let mut others = Objects::of(&heap, 60, size);
            let object = alloc(&heap, size);
            others.free_if(|index| index % 2 == 0);
            free(&heap, object, layout(size, 8));
            others.free_if(|index| index % 2 == 0);
            between(&heap);
            says("was freed before", || free(&heap, object, layout(size, 8)));
            others.free_all();
            assert_eq!(heap.stats().live, 0);
        }
    }
}

#[test]
fn a_double_free_is_found_where_the_slab_serves_another_class_since() {
    let heap = small_heap();
    let object = alloc(&heap, 24);
    free(&heap, object, layout(24, 8));
    heap.trim().unwrap();
    assert_eq!(alloc(&heap, 3000), object, "the first slab is used again");
    says("another layout", || free(&heap, object, layout(24, 8)));
    says("an object does not begin there", || free(&heap, add(object, 24), layout(24, 8)));
}

#[test]
fn a_free_of_what_is_not_the_heaps_is_found() {
    let (heap, other) = (small_heap(), small_heap());
    let on_the_stack = NonNull::from(&mut [0u8; 64]).cast();
    for size in SIZES {
        says("is not of this heap", || free(&heap, alloc(&other, size), layout(size, 8)));
        says("is not of this heap", || free(&heap, on_the_stack, layout(size, 8)));
    }
    // Within the reservation, where nothing is.
    let end = add(alloc(&heap, 8), 7 << 20);
    says("is no object", || free(&heap, end, layout(8, 8)));
    says("is no object", || free(&heap, add(alloc(&heap, 16), 60_000), layout(16, 8)));
}

#[test]
fn a_free_with_another_layout_is_found() {
    let heap = small_heap();
    for size in SIZES {
        let object = alloc(&heap, size);
        for wrong in [16, 100, 2000, 5000, 20_000, 200_000, 1 << 20] {
            says("another layout", || free(&heap, object, layout(wrong, 16)));
        }
        says("another layout", || free(&heap, object, layout(size, 2 << 20)));
        says("another layout", || free(&heap, object, layout(0, 8)));
        free(&heap, object, layout(size, 8));
    }
    assert_eq!(heap.stats().live, 0);
}

// soundness S34
#[test]
fn a_report_names_the_address_both_layouts_and_the_size_class() {
    let heap = small_heap();
    let object = alloc(&heap, 90);
    let class = "the size class of 96 bytes, for layouts of 89 to 96 bytes";
    let given = "the layout given has 20 bytes aligned to 4, which is the size class of 24 bytes, for layouts of 17 to 24 bytes";
    let says_all = |at: NonNull<u8>, given: &str, body: &dyn Fn()| {
        let panic = panics(body);
        assert!(panic.starts_with(&format!("{at:p} ")) && panic.contains(class) && panic.contains(given), "{panic:?}");
    };
    says_all(object, given, &|| free(&heap, object, layout(20, 4)));
    says_all(add(object, 8), given, &|| free(&heap, add(object, 8), layout(20, 4)));
    free(&heap, object, layout(90, 8));
    says_all(object, "the layout given has 90 bytes aligned to 8", &|| free(&heap, object, layout(90, 8)));
    // SAFETY: none: this is the write after free that is to be found. The memory is the heap's and nobody else uses it.
    unsafe { object.write(1) };
    says_all(object, "", &|| while alloc(&heap, 90) != object {});
}

#[test]
fn a_free_of_an_objects_middle_is_found() {
    let heap = small_heap();
    for size in SIZES {
        let object = alloc(&heap, size);
        for bytes in [1, 4, 7, size / 2, size - 1] {
            says("an object does not begin there", || free(&heap, add(object, bytes), layout(size, 1)));
        }
        free(&heap, object, layout(size, 8));
    }
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn a_write_to_a_freed_object_is_found_when_it_is_handed_out_again() {
    for size in SIZES.into_iter().filter(|&size| size <= 32 << 10) {
        for byte in [0, size / 2, size - 1] {
            let heap = small_heap();
            let object = alloc(&heap, size);
            free(&heap, object, layout(size, 8));
            // SAFETY: none: this is the write after free that is to be found. The memory is the heap's and nobody else uses it.
            unsafe { object.add(byte).write(1) };
            let text = format!("{object:p} was written to after it was freed, at byte {byte}");
            says(&text, || while alloc(&heap, size) != object {});
        }
    }
}

#[test]
fn resizing_what_was_freed_or_never_was_is_found() {
    let other = small_heap();
    for size in SIZES {
        for new in [size - 1, size + 1, size * 5] {
            let heap = small_heap();
            let resize = |object: NonNull<u8>, old: usize| {
                // SAFETY: none; as for `free`.
                let _ = unsafe { heap.realloc(object, layout(old, 8), layout(new, 8)) };
            };
            let object = alloc(&heap, size);
            says("is resized, but an object does not begin there", || resize(add(object, 4), size));
            says("is resized with another layout", || resize(object, size * 3));
            says("is resized, but is not of this heap", || resize(alloc(&other, size), size));
            free(&heap, object, layout(size, 8));
            says("was freed before", || resize(object, size));
        }
    }
}

#[test]
fn a_program_that_keeps_the_rules_is_left_alone() {
    let mut heap = HeapArena::builder().reservation(32 << 20).build().unwrap();
    let mut random = Random::new(7);
    for round in 0..18 {
        {
            let mut objects = Objects::new(&heap);
            for _ in 0..2000 {
                let size = [random.below(100), random.below(600), random.below(5000), random.below(90_000)];
                match random.below(8) {
                    0..=3 => _ = objects.alloc(layout(size[random.below(60) / 17], 1 << random.below(6))),
                    4 | 5 if !objects.all.is_empty() => objects.free(random.below(objects.all.len())),
                    6 if !objects.all.is_empty() => {
                        let _ = objects.realloc(random.below(objects.all.len()), size[random.below(4)]);
                    }
                    _ => {}
                }
                match random.below(200) {
                    0 => _ = heap.trim().unwrap(),
                    1 => heap.fence(),
                    2 => heap.lift_fence(),
                    3 => heap.walk(|object, _| _ = heap.mark(object.as_ptr())),
                    4 => objects.free_if(|index| index % 3 == 0),
                    _ => {}
                }
            }
            objects.check();
            match round % 3 {
                0 => objects.free_all(),
                // SAFETY: nothing of what is live is used any more.
                1 => _ = unsafe { heap.sweep() },
                _ => {}
            }
        }
        if round % 3 == 2 {
            heap.reset().unwrap();
        }
        heap.clear_marks();
    }
}

// soundness S16: a system that gives half of the pages back and then refuses has taken the poison away.
#[test]
fn a_trim_that_is_refused_half_way_accuses_nobody() {
    let pages = Pages::watching(Box::<OrdinaryPages>::default());
    let heap = HeapArena::builder().reservation(4 << 20).pages(pages.clone()).build().unwrap();
    for size in [24, 400, 3000, 20_000] {
        let mut objects = Objects::of(&heap, 600_000 / size, size);
        objects.free_if(|index| index % 40 != 0);
        pages.fail_call_halfway(PageCall::Discard, 0);
        assert!(heap.trim().is_err());
        (0..600_000 / size).for_each(|_| _ = objects.alloc(layout(size, 8)).unwrap());
        objects.free_all();
        heap.trim().unwrap();
    }
}
