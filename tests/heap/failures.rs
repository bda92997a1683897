//! A system that refuses, at every call in turn: a typed error, nothing lost, and the heap works on.
#![cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]

use allocator_api2::vec::Vec as HeapVec;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use permacode::error::{PageCall, PageError};
use permacode::ffi::{permacode_heap_calloc, permacode_heap_free, permacode_heap_malloc};
use permacode::heap::Decay;
use permacode::pages::{PageSource, Step};
use permacode::testing::Pages;
use permacode::{Error, HeapArena, HeapRc};
use permacode_witness::heap::{Objects, layout};
use permacode_witness::{PagesOf, Refusals, Taking, VAST};
use std::panic::catch_unwind;
use std::sync::Arc;

/// What is live is what the objects say.
fn agrees(heap: &HeapArena, objects: &Objects<'_>) {
    objects.check();
    let mut walked = 0;
    heap.walk(|_, _| walked += 1);
    assert_eq!((walked, heap.stats().objects), (objects.all.len(), objects.all.len()));
}

/// Every public call that asks the system for something.
fn workload(pages: &Arc<Pages>) -> usize {
    let mut met = Refusals::up_to(10);
    let mut heap = met.until_it_works(|| HeapArena::builder().reservation(64 << 20).pages(pages.clone()).build());
    {
        let mut objects = Objects::new(&heap);
        for size in [8, 100, 600, 5000, 32 << 10, 100_000, 1 << 20, 3 << 20] {
            met.until_it_works(|| objects.alloc(layout(size, 8)).map(|_| ()));
            agrees(&heap, &objects);
        }
        // Enough slabs for more bitmaps.
        for size in [8, 16, 24, 32, 40, 48, 56, 64].into_iter().cycle().take(2400) {
            met.until_it_works(|| objects.alloc(layout(size, 8)).map(|_| ()));
        }
        for size in [30_000, 20_000].into_iter().cycle().take(60) {
            met.until_it_works(|| objects.alloc(layout(size, 8)).map(|_| ()));
        }
        for (index, size) in [(0, 2 << 20), (6, 3 << 20), (7, 6 << 20), (7, 100), (5, 30)] {
            met.until_it_works(|| objects.realloc(index, size));
            agrees(&heap, &objects);
        }
        let zeroed = met.until_it_works(|| heap.alloc_zeroed(layout(7 << 20, 8)));
        // SAFETY: a new object, freed once.
        unsafe {
            assert_eq!(zeroed.read(), 0);
            heap.free(zeroed, layout(7 << 20, 8));
        }
        objects.free_if(|index| index % 1000 > 9 && index < 2400);
        let _ = met.until_it_works(|| heap.trim());
        agrees(&heap, &objects);
        objects.free_if(|index| index > 20);
        let _ = met.until_it_works(|| heap.trim());
        heap.fence();
        met.until_it_works(|| objects.alloc(layout(24, 8)).map(|_| ()));
        let _ = met.until_it_works(|| heap.resident());
        agrees(&heap, &objects);
        objects.free_all();
    }
    {
        let mut vector: HeapVec<u64, _> = HeapVec::new_in(&heap);
        met.until_there_is(|| vector.try_reserve(1 << 20).ok());
        drop(vector);
        let value = met.until_it_works(|| HeapRc::new(&heap, [7u8; 100_000]));
        assert!(value.iter().all(|&byte| byte == 7));
        let registered = heap.register().unwrap();
        // SAFETY: a heap of this thread, and its object, freed once.
        unsafe {
            let object = met.until_there_is(|| NonNull::new(permacode_heap_malloc(&heap, 20 << 20)));
            permacode_heap_free(&heap, object.as_ptr());
            let object = met.until_there_is(|| NonNull::new(permacode_heap_calloc(&heap, 30, 1 << 20)));
            permacode_heap_free(&heap, object.as_ptr());
        }
        drop((registered, value));
    }
    assert_eq!(heap.stats().live, 0);
    met.until_it_works(|| heap.reset());
    assert_eq!((heap.stats().slabs, heap.stats().cached), (0, 0));
    Objects::of(&heap, 100, 100).check();
    met.met()
}

// soundness S13, S16
#[test]
fn any_one_refusal_is_an_error_and_the_work_goes_on() {
    let pages = Pages::system();
    assert_eq!(workload(&pages), 0);
    let calls = pages.calls();
    assert!((20..200).contains(&calls), "{calls} calls is no workload");
    let mut met = 0;
    for nth in 0..calls {
        let pages = Pages::system();
        pages.fail_nth(nth);
        met += workload(&pages);
        assert_eq!((pages.failures(), pages.violations(), pages.live()), (1, 0, 0), "call {nth}");
    }
    assert!(met > calls / 2, "{met} of {calls} refusals were reported");
}

// soundness S16, S20: a system that does half of the work and refuses then, at any call of a kind.
#[test]
fn a_refusal_half_way_changes_nothing() {
    for call in [PageCall::Commit, PageCall::Discard, PageCall::Reserve] {
        for nth in 0..12 {
            let pages = Pages::system();
            pages.fail_call_halfway(call, nth);
            workload(&pages);
            assert_eq!((pages.violations(), pages.live()), (0, 0), "{call} {nth}");
        }
    }
}

/// Pages that spoil what they refuse to discard.
struct Spoiling {
    pages: PagesOf,
    discards: AtomicBool,
}

// SAFETY: every call is forwarded, but for a discard that is refused, of whose range nobody relies on what it holds.
unsafe impl PageSource for Spoiling {
    fn page_size(&self) -> usize {
        self.pages.page_size()
    }

    fn protects(&self) -> bool {
        self.pages.protects()
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        self.pages.reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        if step == Step::Discard && !self.discards.load(Relaxed) {
            // SAFETY: the caller's contract: committed, and nobody relies on what it holds.
            unsafe { at.write_bytes(7, bytes) };
            return Err(PageError { call: PageCall::Discard, bytes, code: 0 });
        }
        // SAFETY: handed on.
        unsafe { self.pages.apply(step, at, bytes) }
    }

    unsafe fn resident(&self, at: NonNull<u8>, bytes: usize) -> Result<usize, PageError> {
        // SAFETY: handed on.
        unsafe { self.pages.resident(at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        // SAFETY: handed on.
        unsafe { self.pages.release(at, bytes) }
    }
}

// soundness S3, S4
#[test]
fn pages_of_any_size_up_to_a_slab_serve_and_larger_ones_are_refused() {
    for page in (9..=16).map(|bit| 1 << bit) {
        let heap = HeapArena::builder().reservation(3 << 20).pages(Arc::new(PagesOf(page))).build().unwrap();
        let mut objects = Objects::new(&heap);
        for size in [8, 40, 500, 3000, 20_000, 100_000] {
            (0..300_000 / size).for_each(|_| _ = objects.alloc(layout(size, 8)).unwrap());
        }
        objects.free_if(|index| index % 7 != 0);
        heap.trim().unwrap();
        objects.check();
        objects.free_all();
        heap.trim().unwrap();
    }
    for page in [0, 3000, 1 << 17, 1 << 21, VAST] {
        let refused = HeapArena::builder().reservation(1 << 20).pages(Arc::new(PagesOf(page))).build();
        assert!(matches!(refused, Err(Error::Pages(_))), "{page}");
    }
}

// soundness S2: on a page larger than 4 KiB the end of an object and what lies behind it go back together, or not at all.
#[test]
fn zeroed_memory_is_zero_behind_what_was_an_end_on_pages_of_any_size() {
    const WHOLE: usize = 128 << 10;
    for (page, discards) in (9..=16).flat_map(|bit| [(1 << bit, true), (1 << bit, false)]) {
        for end in [(64 << 10) + 1, (68 << 10) + 1, 100_000, WHOLE - 5000] {
            let pages = Arc::new(Spoiling { pages: PagesOf(page), discards: AtomicBool::new(true) });
            let heap = HeapArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
            let object = heap.alloc(layout(WHOLE, 8)).unwrap();
            // SAFETY: live, of this layout, resized and freed once.
            unsafe {
                object.write_bytes(0xff, WHOLE);
                let object = heap.realloc(object, layout(WHOLE, 8), layout(end, 8)).unwrap();
                pages.discards.store(discards, Relaxed);
                let _ = heap.trim();
                pages.discards.store(true, Relaxed);
                heap.free(object, layout(end, 8));
            }
            let zeroed = heap.alloc_zeroed(layout(WHOLE, 8)).unwrap();
            // SAFETY: live, of this layout, and zeroed.
            let bytes = unsafe { core::slice::from_raw_parts(zeroed.as_ptr(), WHOLE) };
            assert_eq!(bytes.iter().position(|&byte| byte != 0), None, "pages of {page}, an end at {end}, {discards}");
        }
    }
}

// soundness S2, S16: of what a source refuses to discard it says nothing, not even of slabs that nobody ever used.
#[test]
fn zeroed_memory_is_zero_whatever_a_refused_trim_left_in_it() {
    let pages = Arc::new(Spoiling { pages: PagesOf(4096), discards: AtomicBool::new(true) });
    let mut heap = HeapArena::builder().reservation(4 << 20).pages(pages.clone()).build().unwrap();
    let zeroed = |heap: &HeapArena| {
        let layout = layout(3 << 20, 8);
        let object = heap.alloc_zeroed(layout).unwrap();
        // SAFETY: a new object of this layout, zeroed, freed once.
        unsafe {
            assert!(core::slice::from_raw_parts(object.as_ptr(), layout.size()).iter().all(|&byte| byte == 0));
            heap.free(object, layout);
        }
    };
    for refuse in [|heap: &mut HeapArena| heap.trim().err(), |heap: &mut HeapArena| heap.reset().err()] {
        Objects::of(&heap, 1, 100_000).free_all();
        pages.discards.store(false, Relaxed);
        assert!(refuse(&mut heap).is_some());
        zeroed(&heap);
        pages.discards.store(true, Relaxed);
        heap.reset().unwrap();
    }
}

// soundness S16, S20: 300,000 small objects have two chunks of bitmaps. One is lost, since its discard takes it and is refused, and so is the
// commit after that. A write to it would end this process.
#[test]
fn bookkeeping_that_a_refusal_took_is_committed_before_it_serves_again() {
    let pages = Taking::new();
    let builder = HeapArena::builder().reservation(64 << 20).decay(Decay::Never);
    let heap = builder.pages(pages.clone()).build().unwrap();
    for refuses in [true, false] {
        let objects: Vec<_> = (0..300_000).map(|_| heap.alloc(layout(8, 8)).unwrap()).collect();
        // SAFETY: live, of this layout, freed once.
        objects.into_iter().for_each(|object| unsafe { heap.free(object, layout(8, 8)) });
        if refuses {
            // The slabs go first.
            pages.refuse_discard(2);
            pages.refuse_commit(1);
            let _ = heap.trim();
            assert!(!pages.refuses_a_discard() && !pages.refuses_a_commit());
            heap.trim().unwrap();
        }
    }
}

// soundness S16, S20: a source may unwind, too. What it took from the heap nobody uses any more, and the heap goes on.
#[test]
fn a_source_that_panics_takes_no_more_than_it_was_asked_about() {
    for nth in 1..=12 {
        let pages = Taking::new();
        let builder = HeapArena::builder().reservation(64 << 20).huge_pages_from(0).decay(Decay::Never);
        let heap = builder.pages(pages.clone()).build().unwrap();
        let mut objects = Objects::new(&heap);
        let fill = |objects: &mut Objects<'_>| {
            for size in [40, 700, 5000, 20_000, 33_000, 100_000, 1 << 20] {
                (0..(1 << 20) / size).for_each(|_| _ = objects.alloc(layout(size, 8)).unwrap());
            }
        };
        fill(&mut objects);
        objects.free_if(|index| index % 3 != 0);
        (0..objects.all.len()).step_by(97).for_each(|index| _ = objects.realloc(index, 33_000));
        pages.panic_at_discard(nth);
        let trimmed = catch_unwind(|| heap.trim());
        assert!(trimmed.is_err() || pages.refuses_a_discard(), "{nth}");
        pages.refuse_discard(0);
        agrees(&heap, &objects);
        fill(&mut objects);
        heap.trim().unwrap();
        agrees(&heap, &objects);
        objects.free_all();
    }
}

// soundness S16, S20: a use of what was taken would end this process.
#[test]
fn what_a_refused_discard_took_is_committed_before_it_is_used() {
    for nth in [1, 2, 3, 5, 8, 13, 21] {
        for commit_too in [false, true] {
            let pages = Taking::new();
            let builder = HeapArena::builder().reservation(64 << 20).huge_pages_from(0).decay(Decay::Now);
            let mut heap = builder.pages(pages.clone()).build().unwrap();
            {
                let mut objects = Objects::new(&heap);
                pages.refuse_discard(nth);
                for round in 0..3 {
                    for size in [40, 700, 5000, 20_000, 33_000, 100_000, 9 << 20] {
                        let count = (1 << 20) / size + 1;
                        for _ in 0..count {
                            // What is refused for lack of pages may be asked for again.
                            let _ = objects.alloc(layout(size, 8)).or_else(|_| objects.alloc(layout(size, 8)));
                        }
                    }
                    if commit_too && pages.refuses_a_discard() {
                        pages.refuse_commit(1);
                    }
                    objects.free_if(|index| (index + round) % 3 != 0);
                    let _ = heap.trim();
                    if let Ok(object) = heap.alloc_zeroed(layout(10 << 20, 8)) {
                        // SAFETY: a new object of this layout, zeroed, freed once.
                        unsafe {
                            assert!(permacode_witness::all(core::slice::from_raw_parts(object.as_ptr(), 10 << 20), 0));
                            heap.free(object, layout(10 << 20, 8));
                        }
                    }
                    agrees(&heap, &objects);
                }
                objects.free_all();
            }
            pages.refuse_commit(0);
            heap.trim().unwrap();
            assert_eq!((heap.stats().live, heap.stats().slabs), (0, 0));
            Objects::of(&heap, 60, 1 << 20).check();
            let _ = heap.reset();
        }
    }
}
