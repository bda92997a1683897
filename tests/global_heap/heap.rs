//! A heap that one thread claims: where each thread allocates then, and where what it made is freed.

use crate::HEAP;
use core::alloc::{GlobalAlloc, Layout};
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::*};
use permacode::HeapArena;
use permacode::heap::GlobalHeap;
use permacode_witness::{Child, End, Random, in_child, limit, status};
use std::cell::RefCell;
use std::sync::mpsc::{self, sync_channel};
use std::sync::{Arc, Barrier};
use std::thread;

/// The heap of this thread, which owns it from now on.
pub(crate) fn claimed() -> &'static HeapArena {
    assert_eq!(HEAP.claim(), Ok(true));
    HEAP.heap().unwrap()
}

/// A vector that knows what it holds.
pub(crate) fn numbers(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

pub(crate) fn are_numbers(vector: &[u32]) -> bool {
    vector.iter().copied().eq(0..vector.len() as u32)
}

pub(crate) fn lies_in(range: &Range<usize>, vector: &[u32]) -> bool {
    range.contains(&vector.as_ptr().addr())
}

/// Bytes that are live once the owner has collected what others freed.
pub(crate) fn live(heap: &HeapArena) -> usize {
    drop(std::hint::black_box(Box::new(1)));
    heap.stats().live
}

#[test]
fn unclaimed_it_is_the_systems_allocator() {
    in_child(|| {
        let early = numbers(1000);
        assert!(HEAP.heap().is_none());
        let heap = claimed();
        assert!(!heap.contains(early.as_ptr()) && are_numbers(&early));
        drop(early); // goes back to the system
        assert!(heap.contains(numbers(1000).as_ptr()));
    });
}

#[test]
fn the_owners_objects_lie_in_the_heap_and_go_back_to_it() {
    in_child(|| {
        let heap = claimed();
        let before = heap.stats();
        let vectors: Vec<_> = (0..2000).map(|n| numbers(n % 300 + 1)).collect();
        let strings: Vec<_> = (0..2000).map(|n| format!("number {n}")).collect();
        let large = vec![7u8; 5 << 20];
        assert!(vectors.iter().all(|vector| are_numbers(vector) && heap.contains(vector.as_ptr())));
        assert!(strings.iter().all(|string| heap.contains(string.as_ptr())) && heap.contains(large.as_ptr()));
        assert!(heap.stats().objects > before.objects + 4000 && heap.stats().live > before.live + (5 << 20));
        drop((vectors, strings, large));
        assert_eq!((heap.stats().live, heap.stats().objects), (before.live, before.objects));
    });
}

#[test]
fn one_thread_owns_one_allocator() {
    static OTHER: GlobalHeap = GlobalHeap::new();
    in_child(|| {
        let heap = claimed();
        assert_eq!(HEAP.claim(), Ok(true), "it is this thread's already");
        assert_eq!(OTHER.claim(), Ok(false), "this thread owns another one");
        let elsewhere = thread::spawn(|| (HEAP.claim(), HEAP.heap().is_some(), OTHER.claim(), OTHER.heap().is_some()));
        assert_eq!(elsewhere.join().unwrap(), (Ok(false), false, Ok(true), true));
        assert_eq!(OTHER.claim(), Ok(false), "its owner is gone, and stays the owner");
        assert!(ptr::eq(HEAP.heap().unwrap(), heap));
    });
}

#[test]
fn of_many_threads_that_claim_at_once_one_succeeds() {
    in_child(|| {
        let start = Arc::new(Barrier::new(8));
        let claims: Vec<_> = (0..8)
            .map(|_| {
                let start = start.clone();
                thread::spawn(move || {
                    start.wait();
                    HEAP.claim().unwrap()
                })
            })
            .collect();
        assert_eq!(claims.into_iter().filter_map(|claim| claim.join().unwrap().then_some(())).count(), 1);
    });
}

// soundness S23
#[test]
fn what_other_threads_free_is_collected() {
    in_child(|| {
        let heap = claimed();
        let before = live(heap);
        for round in 0..20 {
            let vectors: Vec<_> = (0..3000).map(|n| numbers((n * 7 + round) % 200 + 1)).collect();
            let large = numbers(100_000);
            let halves: [Vec<_>; 2] = {
                let (even, odd) = vectors.into_iter().enumerate().partition::<Vec<_>, _>(|(n, _)| n % 2 == 0);
                [even, odd]
            };
            let threads =
                halves.map(|half| thread::spawn(move || assert!(half.iter().all(|(_, vector)| are_numbers(vector)))));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            thread::spawn(move || drop(large)).join().unwrap();
            assert!(live(heap) < before + 4096, "round {round}: {} of {before}", live(heap));
        }
    });
}

// An owner that waits for others allocates nothing, and is told what there is all the same.
#[test]
fn what_other_threads_freed_is_free_to_whoever_looks_at_the_heap() {
    in_child(|| {
        let (before, layout) = (live(claimed()), Layout::new::<[u8; 1 << 20]>());
        // SAFETY: the layout has a size.
        let object = unsafe { HEAP.alloc(layout) };
        let (address, freed) = (object.expose_provenance(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                // SAFETY: a live object of this layout, which nobody uses any more.
                unsafe { HEAP.dealloc(ptr::with_exposed_provenance_mut(address), layout) };
                freed.store(true, Release);
            });
            while !freed.load(Acquire) {
                thread::yield_now();
            }
            let heap = HEAP.heap().unwrap();
            assert!(heap.stats().live < before + (1 << 20), "the owner allocated nothing since");
            assert!(heap.trim().unwrap() >= 1 << 20);
        });
    });
}

// A program that only asks for zeroed memory, or only lets vectors grow, collects as well.
#[test]
fn what_other_threads_free_is_collected_wherever_in_its_slab_it_lies() {
    in_child(|| {
        let heap = claimed();
        let before = heap.stats().objects;
        // The slabs of these are full to their ends, so every word of the bits that the other thread sets is used.
        for size in [8, 72] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            // SAFETY: the layout has a size.
            let addresses: Vec<usize> =
                (0..3 * 8192).map(|_| unsafe { HEAP.alloc(layout) }.expose_provenance()).collect();
            let free = move || {
                for &address in &addresses {
                    // SAFETY: the owner gave these objects away, with this layout.
                    unsafe { HEAP.dealloc(ptr::with_exposed_provenance_mut(address), layout) };
                }
                addresses
            };
            drop(thread::spawn(free).join().unwrap());
        }
        // SAFETY: any call of the owner's that asks for memory collects; the object is freed once.
        unsafe {
            let layout = Layout::new::<u64>();
            HEAP.dealloc(HEAP.alloc(layout), layout);
        }
        let after = heap.stats().objects;
        assert!(after < before + 100, "{} objects are lost", after - before);
    });
}

#[test]
fn memory_that_others_free_is_used_again_whichever_way_the_owner_asks_for_more() {
    let layout = Layout::from_size_align(100_000, 8).unwrap();
    type Ask = unsafe fn(Layout) -> *mut u8;
    let asks: [Ask; 3] = [
        // SAFETY: passes on the caller's promise: the layout has a size.
        |layout| unsafe { HEAP.alloc(layout) },
        // SAFETY: as above.
        |layout| unsafe { HEAP.alloc_zeroed(layout) },
        // SAFETY: as above; a new object of 1,000 bytes becomes one of this layout.
        |layout| unsafe {
            let small = Layout::from_size_align(1000, layout.align()).unwrap();
            HEAP.realloc(KEPT.get().pop().unwrap_or_else(|| HEAP.alloc(small)), small, layout.size())
        },
    ];
    for (index, ask) in asks.into_iter().enumerate() {
        in_child(|| {
            let heap = claimed();
            // Small objects made ahead, so that the loop below asks in one way only.
            let small = Layout::from_size_align(1000, 8).unwrap();
            // SAFETY: the layout has a size.
            KEPT.get().extend((0..2000).map(|_| unsafe { HEAP.alloc(small) }));
            let (to, from) = sync_channel::<usize>(1);
            let (done, freed) = sync_channel::<()>(1);
            let thread = thread::spawn(move || {
                for address in from {
                    // SAFETY: the owner gave this object away, with this layout.
                    unsafe { HEAP.dealloc(ptr::with_exposed_provenance_mut(address), layout) };
                    done.send(()).unwrap();
                }
            });
            for _ in 0..2000 {
                // SAFETY: the layout has a size.
                let object = unsafe { ask(layout) };
                assert!(heap.contains(object));
                to.send(object.expose_provenance()).unwrap();
                freed.recv().unwrap();
            }
            assert!(heap.stats().live < 10 << 20, "call {index}: {} bytes are live", heap.stats().live);
            drop(to);
            thread.join().unwrap();
        });
    }
}

/// Objects of one thread.
struct Kept;

thread_local!(static OBJECTS: RefCell<Vec<*mut u8>> = const { RefCell::new(Vec::new()) });

static KEPT: Kept = Kept;

impl Kept {
    fn get(&self) -> KeptGuard {
        KeptGuard
    }
}

struct KeptGuard;

impl KeptGuard {
    fn pop(&self) -> Option<*mut u8> {
        OBJECTS.with_borrow_mut(Vec::pop)
    }

    fn extend(&self, objects: impl Iterator<Item = *mut u8>) {
        OBJECTS.with_borrow_mut(|all| all.extend(objects));
    }
}

#[test]
fn an_object_may_be_resized_by_any_thread() {
    in_child(|| {
        let theirs = thread::spawn(|| numbers(1000)).join().unwrap();
        let heap = claimed();
        let (range, before) = (heap.address_range(), live(heap));
        // The system's stays the system's.
        let mut late = numbers(10);
        let mut theirs_grown = theirs;
        theirs_grown.extend(1000..50_000);
        assert!(are_numbers(&theirs_grown) && !lies_in(&range, &theirs_grown));
        drop(theirs_grown);
        // The owner's becomes the system's when another thread resizes it, larger or smaller.
        for count in [10, 1000, 100_000] {
            for shrink in [false, true] {
                let (range, mut mine) = (range.clone(), numbers(count));
                assert!(lies_in(&range, &mine));
                let resize = move || {
                    match shrink {
                        true => mine.truncate(count / 2),
                        false => mine.extend(count as u32..count as u32 * 3),
                    }
                    mine.shrink_to_fit();
                    assert!(are_numbers(&mine) && !lies_in(&range, &mine));
                    mine
                };
                let back = thread::spawn(resize).join().unwrap();
                assert!(are_numbers(&back));
            }
        }
        late.extend(10..20_000);
        assert!(are_numbers(&late) && lies_in(&range, &late));
        drop(late);
        assert!(live(heap) < before + 4096);
    });
}

/// What every child of a fork must be able to do.
fn works(vectors: &mut Vec<Vec<u32>>) {
    vectors.truncate(vectors.len() / 2);
    vectors.extend((0..1000).map(|n| numbers(n % 500)));
    assert!(vectors.iter().all(|vector| are_numbers(vector)));
    vectors.iter_mut().for_each(|vector| vector.extend(vector.len() as u32..vector.len() as u32 + 50));
    assert!(vectors.iter().all(|vector| are_numbers(vector)));
    let text: String = vectors.iter().map(|vector| vector.len().to_string()).collect();
    assert!(text.len() > 1000);
    vectors.clear();
}

// invariant 5
#[test]
fn a_child_of_the_owner_is_the_owner_of_its_copy() {
    in_child(|| {
        let heap = claimed();
        let mut vectors: Vec<_> = (0..2000).map(|n| numbers(n % 400)).collect();
        for _ in 0..5 {
            let end = Child::run(|| {
                assert!(HEAP.heap().is_some_and(|same| ptr::eq(same, heap)) && HEAP.claim() == Ok(true));
                works(&mut vectors);
                assert!(heap.contains(numbers(10).as_ptr()));
                thread::spawn(|| assert!(HEAP.heap().is_none() && are_numbers(&numbers(100)))).join().unwrap();
                0
            });
            assert_eq!(end.unwrap(), End::Code(0));
            assert!(vectors.iter().all(|vector| are_numbers(vector)), "a child changes nothing of its parent's");
        }
        works(&mut vectors);
    });
}

// invariant 5: whatever the owner, which the child lacks, was doing.
#[test]
fn a_child_of_another_thread_works_without_an_owner() {
    in_child(|| {
        let heap = claimed();
        let (range, stop) = (heap.address_range(), AtomicBool::new(false));
        let lists: Vec<Vec<Vec<u32>>> = (0..30).map(|_| (0..300).map(|n| numbers(n % 400)).collect()).collect();
        thread::scope(|scope| {
            let forks = scope.spawn(|| {
                for mut vectors in lists {
                    let end = Child::run(|| {
                        assert!(HEAP.heap().is_none() && HEAP.claim() == Ok(false));
                        assert!(vectors.iter().skip(1).all(|vector| lies_in(&range, vector) && are_numbers(vector)));
                        works(&mut vectors);
                        assert!(!lies_in(&range, &numbers(10)));
                        0
                    });
                    assert_eq!(end.unwrap(), End::Code(0));
                }
                stop.store(true, Relaxed);
            });
            let mut random = Random::new(1);
            let mut mine = Vec::new();
            while !stop.load(Relaxed) {
                mine.push(numbers(random.below(3000)));
                if mine.len() > 500 {
                    mine.truncate(random.below(500));
                }
            }
            forks.join().unwrap();
        });
    });
}

#[test]
fn objects_outlive_the_thread_that_owned_the_heap() {
    struct Late(#[allow(dead_code)] Vec<u32>);
    impl Drop for Late {
        fn drop(&mut self) {
            assert!(are_numbers(&numbers(500)));
        }
    }
    thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });
    in_child(|| {
        let owner = thread::spawn(|| {
            let range = claimed().address_range();
            LATE.set(Some(Late(numbers(100)))); // its destructor still uses the heap
            (range, (0..1000).map(|n| numbers(n % 400 + 1)).collect::<Vec<_>>())
        });
        let (range, mut vectors) = owner.join().unwrap();
        assert!(vectors.iter().all(|vector| are_numbers(vector) && lies_in(&range, vector)));
        assert_eq!(HEAP.claim(), Ok(false));
        works(&mut vectors);
        thread::spawn(|| assert!(HEAP.heap().is_none() && are_numbers(&numbers(100)))).join().unwrap();
    });
}

#[test]
fn what_the_heap_has_no_room_for_is_the_systems() {
    in_child(|| {
        limit(libc::RLIMIT_AS, status("VmSize") + (300 << 20));
        let heap = claimed();
        let reserved = heap.stats().reserved;
        assert!(reserved < 300 << 20);
        let mut vectors = Vec::new();
        let mut bytes = 0;
        limit(libc::RLIMIT_AS, status("VmSize") + (400 << 20));
        while bytes < reserved + (100 << 20) {
            let mut vector = numbers(1000);
            vector.resize(200_000, 0);
            vectors.push(vector);
            bytes += 800_000;
        }
        assert!(vectors.iter().any(|vector| !heap.contains(vector.as_ptr())));
        vectors[0].resize(2_000_000, 0); // neither is there room to grow
        assert!(vectors.iter().all(|vector| are_numbers(&vector[..1000])));
    });
}

#[test]
fn threads_that_pass_objects_around_never_see_them_change() {
    in_child(|| {
        let heap = claimed();
        let before = live(heap);
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel::<Vec<u32>>()).unzip();
        let run = |seed: u64, senders: Vec<mpsc::Sender<Vec<u32>>>, receiver: mpsc::Receiver<Vec<u32>>| {
            let mut random = Random::new(seed);
            for _ in 0..1500 {
                let mut vector = receiver.try_recv().unwrap_or_else(|_| numbers(random.below(600)));
                assert!(are_numbers(&vector));
                match random.below(4) {
                    0 => vector.extend(vector.len() as u32..vector.len() as u32 + 40),
                    1 => vector.shrink_to_fit(),
                    2 => vector = numbers(random.below(20_000)),
                    _ => {}
                }
                let _ = senders[random.below(4)].send(vector);
            }
        };
        let mut receivers = receivers.into_iter().enumerate();
        let (_, own) = receivers.next().unwrap();
        let threads: Vec<_> = receivers
            .map(|(seed, receiver)| {
                let senders = senders.clone();
                thread::spawn(move || run(seed as u64 + 2, senders, receiver))
            })
            .collect();
        run(1, senders, own);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(live(heap) < before + (64 << 10), "{} of {before}", live(heap));
    });
}

// soundness S16: RLIMIT_DATA counts what is writable and private.
#[test]
fn what_other_threads_free_comes_back_where_no_memory_is_granted_for_saying_so() {
    in_child(|| {
        let before = status("VmData");
        let heap = claimed();
        assert!(status("VmData") - before < 16 << 20, "the bits are made writable as they are used");
        let live_before = live(heap);
        // Of every size, so that every class has some far from the first slab.
        let vectors: Vec<_> = (0..40_000).map(|n| numbers(n % 700 + 1)).collect();
        let start = Arc::new(Barrier::new(5));
        let mut shares: Vec<Vec<Vec<u32>>> = (0..4).map(|_| Vec::new()).collect();
        vectors.into_iter().enumerate().for_each(|(n, vector)| shares[n % 4].push(vector));
        let free = |share: Vec<Vec<u32>>| {
            let start = start.clone();
            thread::spawn(move || {
                start.wait(); // what a thread needs memory for is done
                start.wait();
                drop(share);
            })
        };
        let others: Vec<_> = shares.into_iter().map(free).collect();
        start.wait();
        limit(libc::RLIMIT_DATA, status("VmData"));
        start.wait();
        others.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(live(heap) < live_before + (64 << 10), "{} of {live_before}", live(heap));
        limit(libc::RLIMIT_DATA, usize::MAX);
        let object = thread::spawn(|| numbers(100_000)).join().unwrap();
        let mine = numbers(100_000);
        thread::spawn(move || drop((object, mine))).join().unwrap();
        assert!(live(heap) < live_before + (64 << 10), "{} of {live_before}", live(heap));
    });
}
