//! The checks of debug builds in a global allocator: they end the process, whichever thread is wrong, and say what is wrong without unwinding.
#![cfg(debug_assertions)]

use crate::HEAP;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use permacode_witness::{Child, End};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

fn alloc(size: usize) -> *mut u8 {
    // SAFETY: the layout has a size.
    let object = unsafe { HEAP.alloc(layout(size)) };
    assert!(HEAP.heap().unwrap().contains(object));
    object
}

fn free(object: *mut u8, layout: Layout) {
    // SAFETY: the tests break the promise on purpose; debug builds find that before anything happens.
    unsafe { HEAP.dealloc(object, layout) }
}

fn resize(object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: as for `free`.
    unsafe { HEAP.realloc(object, layout, size) }
}

/// Does something with an object on a thread that does not own the heap.
fn elsewhere(object: *mut u8, body: impl Fn(*mut u8) + Send + 'static) {
    let address = object.expose_provenance();
    thread::spawn(move || body(ptr::with_exposed_provenance_mut(address))).join().unwrap();
}

/// What a child writes to its standard error in which `body` does something to the heap and catches what unwinds. It must be aborted.
#[track_caller]
fn report(body: impl FnOnce()) -> String {
    let mut ends = [0; 2];
    // SAFETY: two places for the ends, which nobody else owns.
    let [reader, writer] = unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        ends.map(|end| OwnedFd::from_raw_fd(end))
    };
    let child = Child::fork(|| {
        // SAFETY: replaces this process's standard error.
        assert_eq!(unsafe { libc::dup2(writer.as_raw_fd(), 2) }, 2);
        assert_eq!(HEAP.claim(), Ok(true));
        let _ = catch_unwind(AssertUnwindSafe(body));
        0
    });
    drop(writer);
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(child.unwrap().wait().unwrap(), End::Signal { signal: libc::SIGABRT, address: 0 }, "{text}");
    text
}

/// Sizes of small, middle and large objects, each with what a report calls it.
const SIZES: [(usize, &str); 4] = [
    (24, "the size class of 24 bytes, for layouts of 17 to 24 bytes"),
    (400, "the size class of 400 bytes, for layouts of 393 to 400 bytes"),
    (3000, "the size class of 3072 bytes, for layouts of 2561 to 3072 bytes"),
    (200_000, "a large object of "),
];

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    assert!(text.starts_with("permacode: 0x") && text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
    for part in parts {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

// soundness S34
#[test]
fn a_double_free_inside_catch_unwind_ends_the_process() {
    for (size, class) in SIZES {
        let text = report(|| {
            let object = alloc(size);
            free(object, layout(size));
            free(object, layout(size));
        });
        says(&text, &["is freed", "freed before", &format!("{size} bytes aligned to 8")]);
        // What a large object was is not known any more.
        assert!(size > 32 << 10 || text.contains(class), "{text}");
    }
}

// soundness S34
#[test]
fn a_free_or_resize_with_a_wrong_layout_ends_the_process_on_whichever_thread() {
    for (size, class) in SIZES {
        for wrong in [8, 100, 5000, 1 << 20] {
            let given = format!("the layout given has {wrong} bytes aligned to 8");
            let own = report(|| free(alloc(size), layout(wrong)));
            let others = report(|| elsewhere(alloc(size), move |object| free(object, layout(wrong))));
            for text in [own, others] {
                says(&text, &["is freed with another layout", class, &given]);
            }
            let own = report(|| _ = resize(alloc(size), layout(wrong), 64));
            let others = report(|| elsewhere(alloc(size), move |object| _ = resize(object, layout(wrong), 64)));
            for text in [own, others] {
                says(&text, &["is resized with another layout", class, &given]);
            }
        }
    }
}

// soundness S34
#[test]
fn a_second_free_is_found_whoever_did_the_first() {
    for (size, _) in SIZES {
        let own = move |object| free(object, layout(size));
        let both = report(move || elsewhere(alloc(size), move |object| [object; 2].into_iter().for_each(own)));
        says(&both, &["freed before"]);
        // What a thread that is made takes must not be this object, which is free between the two.
        if size == SIZES[0].0 {
            continue;
        }
        // Two frees of two threads, with the first collected in between; the owner's after another's; another's after the owner's.
        let texts = [
            report(move || {
                let object = alloc(size);
                elsewhere(object, own);
                let _ = HEAP.heap();
                elsewhere(object, own);
                let _ = HEAP.heap();
            }),
            report(move || {
                let object = alloc(size);
                elsewhere(object, own);
                own(object);
            }),
            report(move || {
                let object = alloc(size);
                own(object);
                elsewhere(object, own);
                let _ = HEAP.heap();
            }),
        ];
        for text in texts {
            // A slab that was empty may serve objects of another class by then, which is what the report finds.
            let found = ["freed before", "with another layout", "does not begin there"];
            assert!(found.iter().any(|found| text.contains(found)), "{text:?}");
            says(&text, &[]);
        }
    }
}

#[test]
fn a_free_of_no_object_by_another_thread_is_found() {
    for (size, class) in SIZES {
        for bytes in [1, 8, size - 1] {
            let text = report(|| elsewhere(alloc(size).wrapping_add(bytes), move |object| free(object, layout(size))));
            says(&text, &["an object does not begin there", class]);
        }
        let beyond = report(|| {
            let end = HEAP.heap().unwrap().address_range().end;
            elsewhere(alloc(size).with_addr(end - 64), move |object| free(object, layout(size)));
        });
        says(&beyond, &["is no object"]);
    }
}

// soundness S34
#[test]
fn a_write_to_a_freed_object_ends_the_process_when_it_is_handed_out() {
    for (size, class) in SIZES.into_iter().filter(|&(size, _)| size <= 32 << 10) {
        let text = report(|| {
            let object = alloc(size);
            free(object, layout(size));
            // SAFETY: none: this is the write after free that is to be found. The memory is the heap's and nobody else uses it.
            unsafe { object.add(5).write(1) };
            while alloc(size) != object {}
        });
        says(&text, &["was written to after it was freed, at byte 5", class]);
    }
}

// A shrink where the object lies, growth of a large object, and objects of every class in turn on the same slabs.
#[test]
fn programs_that_keep_the_rules_are_left_alone_on_every_thread() {
    permacode_witness::in_child(|| {
        assert_eq!(HEAP.claim(), Ok(true));
        for round in 0..200 {
            let mut texts: Vec<String> = (0..40).map(|n| "x".repeat((n * 7919 + round * 104_729) % 70_000)).collect();
            texts.iter_mut().step_by(2).for_each(|text| {
                text.truncate(text.len() / 3);
                text.shrink_to_fit();
            });
            texts.iter_mut().step_by(3).for_each(|text| text.push_str(&"y".repeat(round * 100)));
            let texts = thread::spawn(move || {
                texts.truncate(20);
                texts.iter_mut().for_each(|text| text.push('z'));
                texts
            });
            assert_eq!(texts.join().unwrap().len(), 20);
        }
    });
}
