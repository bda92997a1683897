//! A heap on pages of a program's own source: one that has little, panics, or uses the global allocator, which is this heap.

use crate::HEAP;
use crate::heap::{are_numbers, claimed, lies_in, live, numbers};
use permacode::error::{PageCall, PageError};
use permacode::heap::GlobalHeap;
use permacode::pages::{PageSource, Step, SystemPages};
use permacode::{Error, HeapArena};
use permacode_witness::{in_child, status};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// Pages of the system, but for what is said here.
struct Hooked<Hook> {
    /// The largest reservation that is granted.
    most: usize,
    /// Bytes that are reserved.
    reserved: AtomicUsize,
    /// Called before each reservation (`None`) and each step.
    hook: Hook,
}

impl<Hook: Fn(Option<Step>) + Send + Sync + 'static> Hooked<Hook> {
    fn new(most: usize, hook: Hook) -> Arc<Self> {
        Arc::new(Self { most, reserved: AtomicUsize::new(0), hook })
    }
}

// SAFETY: what is not refused is the system's.
unsafe impl<Hook: Fn(Option<Step>) + Send + Sync> PageSource for Hooked<Hook> {
    fn page_size(&self) -> usize {
        SystemPages.page_size()
    }

    fn protects(&self) -> bool {
        true
    }

    fn reserve(&self, bytes: usize) -> Result<NonNull<u8>, PageError> {
        (self.hook)(None);
        if bytes > self.most {
            return Err(PageError { call: PageCall::Reserve, bytes, code: libc::ENOMEM });
        }
        self.reserved.fetch_add(bytes, Relaxed);
        SystemPages.reserve(bytes)
    }

    unsafe fn apply(&self, step: Step, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        (self.hook)(Some(step));
        // SAFETY: handed on.
        unsafe { SystemPages.apply(step, at, bytes) }
    }

    unsafe fn release(&self, at: NonNull<u8>, bytes: usize) -> Result<(), PageError> {
        self.reserved.fetch_sub(bytes, Relaxed);
        // SAFETY: handed on.
        unsafe { SystemPages.release(at, bytes) }
    }
}

// soundness S30
#[test]
fn the_largest_heap_that_a_source_grants_is_given_back_for_an_eighth_of_it() {
    in_child(|| {
        let source = Hooked::new(1 << 30, |_| {});
        assert_eq!(HEAP.claim_with(HeapArena::builder().pages(source.clone())), Ok(true));
        let heap = HEAP.heap().unwrap();
        assert_eq!(heap.stats().reserved, 64 << 20);
        assert_eq!(source.reserved.load(Relaxed), HEAP.address_space());
    });
}

// soundness S30
#[test]
fn a_claim_that_finds_too_little_leaves_nothing_behind() {
    in_child(|| {
        let source = Hooked::new(6 << 20, |_| {});
        let refused = HEAP.claim_with(HeapArena::builder().pages(source.clone()));
        assert!(matches!(refused, Err(Error::Pages(error)) if error.call == PageCall::Reserve), "{refused:?}");
        assert_eq!((source.reserved.load(Relaxed), HEAP.address_space()), (0, 0));
        assert_eq!(Arc::strong_count(&source), 1, "nor is the source kept");
        let heap = claimed();
        assert!(heap.contains(numbers(100).as_ptr()));
    });
}

#[test]
fn a_panic_of_a_source_in_a_claim_leaves_nothing_behind() {
    in_child(|| {
        // At each of the calls that make a heap and the bits beside it.
        for call in 0..4 {
            let left = AtomicUsize::new(call);
            let source = Hooked::new(usize::MAX, move |_| {
                if left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
                    panic!("by a test");
                }
            });
            let choices = HeapArena::builder().pages(source.clone());
            let panicked = catch_unwind(AssertUnwindSafe(|| HEAP.claim_with(choices)));
            assert!(panicked.is_err(), "call {call}");
            assert_eq!((source.reserved.load(Relaxed), HEAP.address_space()), (0, 0), "call {call}");
            assert_eq!(Arc::strong_count(&source), 1, "call {call}");
        }
        let heap = claimed();
        assert!(heap.contains(numbers(100).as_ptr()));
    });
}

thread_local! {
    /// What a source has allocated while it was called, and what the owner gave it.
    static INSIDE: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
    static GIVEN: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
}

/// How often it was called while it was called, and how often it had a heap, or could have claimed one.
static NESTED: AtomicUsize = AtomicUsize::new(0);
static OWNED: AtomicUsize = AtomicUsize::new(0);

/// Does whatever a program may do with its allocator.
fn uses_the_allocator() {
    static OTHER: GlobalHeap = GlobalHeap::new();
    INSIDE.with(|inside| {
        GIVEN.with(|given| {
            let (Ok(mut inside), Ok(mut given)) = (inside.try_borrow_mut(), given.try_borrow_mut()) else {
                NESTED.fetch_add(1, Relaxed);
                return;
            };
            let count = inside.len();
            inside.push(numbers(count * 7919 % 9000 + 1));
            if HEAP.heap().is_some() || HEAP.claim() != Ok(false) || OTHER.claim() != Ok(false) {
                OWNED.fetch_add(1, Relaxed);
            }
            drop(given.pop());
            if let Some(mut grown) = given.pop() {
                grown.extend(grown.len() as u32..grown.len() as u32 + 1000);
                inside.push(grown);
            }
        })
    })
}

#[test]
fn a_source_that_allocates_while_the_heap_grows_is_served_by_the_system() {
    in_child(|| {
        let source = Hooked::new(usize::MAX, |_| uses_the_allocator());
        assert_eq!(HEAP.claim_with(HeapArena::builder().pages(source)), Ok(true));
        let heap = HEAP.heap().unwrap();
        let (range, before) = (heap.address_range(), live(heap));
        let at_first = INSIDE.with_borrow(Vec::len);
        let given: Vec<_> = (0..10).map(|n| numbers(100 * n + 1)).collect();
        GIVEN.set(given);
        let vectors: Vec<_> = (0..20_000).map(|n| numbers(n * 31 % 3000 + 1)).collect();
        let inside = INSIDE.take();
        assert!(inside.len() > at_first + 10, "the source was called {} times", inside.len());
        assert_eq!(
            (NESTED.load(Relaxed), OWNED.load(Relaxed)),
            (0, 0),
            "the thread is nobody's owner while its source is called"
        );
        assert!(inside.iter().all(|vector| are_numbers(vector) && !lies_in(&range, vector)));
        assert!(vectors.iter().all(|vector| are_numbers(vector) && lies_in(&range, vector)));
        let given = GIVEN.take();
        assert!(given.is_empty());
        drop((vectors, inside, given));
        assert!(live(heap) < before + 4096, "{} of {before}", live(heap));
    });
}

#[test]
fn a_thread_owns_its_heap_again_after_a_panic_of_its_source() {
    in_child(|| {
        static PANICS: AtomicUsize = AtomicUsize::new(0);
        let source = Hooked::new(usize::MAX, |step| {
            if step == Some(Step::Discard) && PANICS.swap(0, Relaxed) == 1 {
                panic!("by a test");
            }
        });
        assert_eq!(HEAP.claim_with(HeapArena::builder().pages(source)), Ok(true));
        let heap = HEAP.heap().unwrap();
        drop((0..100).map(|_| numbers(20_000)).collect::<Vec<_>>());
        PANICS.store(1, Relaxed);
        assert!(catch_unwind(|| heap.trim()).is_err());
        assert!(HEAP.heap().is_some() && HEAP.claim() == Ok(true));
        assert!(heap.contains(numbers(1000).as_ptr()));
    });
}

// soundness S21
#[test]
fn the_bits_of_frees_grow_with_the_objects_and_not_with_bookkeeping_behind_them() {
    in_child(|| {
        let heap = claimed();
        let before = status("VmData");
        let vectors: Vec<_> = (0..600_000).map(|n| [n; 16]).map(Box::new).collect();
        let (grown, objects) = (status("VmData") - before, heap.stats().committed);
        assert!(objects > 32 << 20, "the second part of the bitmaps is in use");
        assert!(grown < objects + objects / 4, "{grown} bytes became writable for {objects} of objects");
        assert!(vectors.iter().enumerate().all(|(n, vector)| vector[0] == n));
    });
}
