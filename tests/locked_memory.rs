//! Where the kernel's advice to drop pages is refused, because memory is locked, or is taken for a hint, as emulators did: what is given back
//! reads as zeros all the same, and goes back where that can be.
//!
//! A process asks its kernel once whether advice drops pages, and remembers the answer. A child inherits it. So these tests are a program of their
//! own, in which nothing but a child gives pages back: each child asks the kernel that it finds.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::heap::GlobalHeap;
use permacode::{CodeArena, HeapArena, SideTable};
use permacode_witness::heap::{Objects, layout, resident};
use permacode_witness::{advice_does_nothing, in_child, lock_all_memory, skipped, status};
use std::cell::Cell;

const MADV_DONTNEED_LOCKED: i32 = 24;

/// Makes the kernel of this process another one.
type Become = fn() -> std::io::Result<()>;

/// Kernels and processes that a heap may find itself in.
const KERNELS: [(&str, Become); 4] = [
    ("this one", || Ok(())),
    ("an emulator that does nothing and says it has", || {
        advice_does_nothing(libc::MADV_DONTNEED, 0)?;
        advice_does_nothing(MADV_DONTNEED_LOCKED, 0)
    }),
    ("one with all memory locked", lock_all_memory),
    ("one of before Linux 5.18 with all memory locked", || {
        advice_does_nothing(MADV_DONTNEED_LOCKED, libc::EINVAL)?;
        lock_all_memory()
    }),
];

/// Runs `body` in a child on each kernel, or says that it cannot.
#[track_caller]
fn on_each(body: impl Fn(&str)) {
    for (name, enter) in KERNELS {
        in_child(|| match enter() {
            Ok(()) => body(name),
            Err(error) => skipped(name, error),
        });
    }
}

// soundness S2, S15
#[test]
fn zeroed_objects_are_zero_after_a_trim_and_after_a_reset() {
    on_each(|kernel| {
        let mut heap = HeapArena::builder().reservation(64 << 20).build().unwrap();
        for size in [64, 3000, 100_000, 3 << 20] {
            for reset in [false, true] {
                let mut objects = Objects::of(&heap, (8 << 20) / size, size);
                objects.free_if(|index| index % 7 != 0);
                objects.free_all();
                if reset {
                    drop(objects);
                    heap.reset().unwrap();
                } else {
                    heap.trim().unwrap();
                }
                for _ in 0..(8 << 20) / size {
                    let object = heap.alloc_zeroed(layout(size, 8)).unwrap();
                    // SAFETY: a new object of this size, all of it written.
                    let bytes = unsafe { core::slice::from_raw_parts(object.as_ptr(), size) };
                    assert!(permacode_witness::all(bytes, 0), "{size} bytes on {kernel}");
                }
                heap.reset().unwrap();
            }
        }
    });
}

#[test]
fn a_trim_gives_memory_back() {
    on_each(|kernel| {
        let heap = HeapArena::builder().reservation(64 << 20).build().unwrap();
        let mut objects = Objects::of(&heap, (16 << 20) / 64, 64);
        let full = resident(&heap);
        assert!(full >= 16 << 20);
        // Objects at the beginning and the end stay, and so do the pages they lie on.
        let last = objects.all.len() - 1;
        objects.free_if(|index| index != 0 && index != last);
        heap.trim().unwrap();
        objects.check();
        // What is writable ahead is resident where memory is locked. Before Linux 5.18, so is what takes the place of locked pages.
        if !kernel.contains("before") {
            assert!(resident(&heap) < 5 << 20, "{} of {full} bytes stay on {kernel}", resident(&heap));
        }
    });
}

// soundness S15, S16
#[test]
fn a_side_table_is_zero_after_a_reset() {
    on_each(|kernel| {
        let arena = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let mut table: SideTable<'_, Cell<u64>> = SideTable::new(&arena).unwrap();
        let sites = arena.load("m").unwrap().sites(60_000).unwrap();
        for round in 1..4 {
            let entries = table.of(sites).unwrap();
            assert!(entries.iter().all(|entry| entry.get() == 0), "round {round} on {kernel}");
            entries.iter().for_each(|entry| entry.set(round));
            assert_eq!(table.reset(), Ok(()), "{kernel}");
        }
    });
}

// soundness S15
#[test]
fn pages_that_were_decommitted_are_zero_when_they_are_committed_again() {
    use permacode::pages::{PageSource, Step, SystemPages};
    on_each(|kernel| {
        let bytes = 64 * SystemPages.page_size();
        let base = SystemPages.reserve(bytes).unwrap();
        // SAFETY: whole pages of a reservation of this source, used only while they are committed.
        unsafe {
            for _ in 0..2 {
                SystemPages.apply(Step::Commit, base, bytes).unwrap();
                assert!((0..bytes).all(|at| base.add(at).read() == 0), "{kernel}");
                base.write_bytes(7, bytes);
                SystemPages.apply(Step::Decommit, base, bytes).unwrap();
            }
            SystemPages.release(base, bytes).unwrap();
        }
    });
}

// numbers N16: what other threads could free takes a bit for each 8 bytes, 256 MiB for all that a heap could ever be.
#[test]
fn claiming_a_global_heap_locks_no_memory_for_what_it_may_become() {
    static HEAP: GlobalHeap = GlobalHeap::new();
    in_child(|| {
        if let Err(error) = lock_all_memory() {
            return skipped("a global heap in locked memory", error);
        }
        let before = status("VmRSS");
        assert_eq!(HEAP.claim(), Ok(true));
        let heap = HEAP.heap().unwrap();
        let made = HeapArena::builder().reservation(heap.stats().reserved);
        let (claimed, before_other) = (status("VmRSS") - before, status("VmRSS"));
        let other = made.build().unwrap();
        let alone = status("VmRSS") - before_other;
        assert!(claimed < alone + (1 << 20), "{claimed} bytes, {alone} for a heap alone");
        drop(other);
        // They grow with the heap.
        let object = heap.alloc(layout(64 << 20, 8)).unwrap();
        assert!(status("VmRSS") - before < claimed + (100 << 20), "{} bytes", status("VmRSS") - before);
        // SAFETY: live, of this layout.
        unsafe { heap.free(object, layout(64 << 20, 8)) };
    });
}

#[test]
fn what_other_threads_could_free_stays_out_of_core_dumps() {
    static HEAP: GlobalHeap = GlobalHeap::new();
    in_child(|| {
        let kept_out = || {
            let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let (mut size, mut sum) = (0, 0);
            for line in text.lines() {
                let mut words = line.split_whitespace();
                match words.next() {
                    Some("Size:") => size = words.next().unwrap().parse::<usize>().unwrap() << 10,
                    Some("VmFlags:") if words.any(|flag| flag == "dd") => sum += size,
                    _ => {}
                }
            }
            sum
        };
        let before = kept_out();
        assert_eq!(HEAP.claim(), Ok(true));
        let heap = HEAP.heap().unwrap();
        let bits = || kept_out() - before;
        assert!((heap.stats().reserved / 64..heap.stats().reserved / 60).contains(&bits()), "{} bytes", bits());
        heap.alloc(layout(200 << 20, 8)).unwrap();
        assert!(bits() >= heap.stats().reserved / 64, "also when they are used");
    });
}
