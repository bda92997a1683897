//! A gibibyte goes back by itself, and the kernel's own collapsing into huge pages does not undo that. Numbers N21. All of it takes minutes:
//! `cargo test --release --test heap khugepaged -- --ignored --nocapture --test-threads 1`.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::ptr::NonNull;
use core::time::Duration;
use permacode::HeapArena;
use permacode_witness::heap::layout;
use permacode_witness::skipped;
use std::time::Instant;

const MEGABYTE: usize = 1 << 20;
const CHUNK: usize = 2 * MEGABYTE;

/// MiB of a heap that are resident, those of its bookkeeping included.
fn resident(heap: &HeapArena) -> usize {
    let of = |range| permacode_witness::resident(0, range).unwrap();
    (of(heap.address_range()) + heap.bookkeeping_ranges().into_iter().map(of).sum::<usize>()) / MEGABYTE
}

/// Fills a heap with objects of 64 bytes, and frees all but the first that lies in each 2 MiB. Returns what was resident before, and those.
fn fill_and_free(heap: &HeapArena, bytes: usize) -> (usize, Vec<NonNull<u8>>) {
    let object = |_| {
        let object = heap.alloc(layout(64, 8)).unwrap();
        // SAFETY: a new object of 64 bytes.
        unsafe { object.write_bytes(7, 64) };
        object
    };
    let mut all: Vec<_> = (0..bytes / 64).map(object).collect();
    let (full, mut chunks) = (resident(heap), std::collections::HashSet::new());
    all.retain(|object| {
        let stays = chunks.insert(object.addr().get() / CHUNK);
        if !stays {
            // SAFETY: live, of this layout, and forgotten.
            unsafe { heap.free(*object, layout(64, 8)) };
        }
        stays
    });
    (full, all)
}

/// Takes and frees objects of 48 bytes, 4,000 at a time.
fn go_on(heap: &HeapArena, pairs: usize) {
    for _ in 0..pairs / 4000 {
        let some: Vec<_> = (0..4000).map(|_| heap.alloc(layout(48, 8)).unwrap()).collect();
        // SAFETY: each is live, of this layout, and forgotten.
        some.into_iter().for_each(|object| unsafe { heap.free(object, layout(48, 8)) });
    }
}

#[test]
#[ignore = "a gibibyte of small objects takes a minute in a debug build"]
fn a_gibibyte_of_small_objects_goes_back_within_ten_million_calls_and_within_ten_seconds() {
    // As fast as can be, and then as a program that is nearly idle.
    for (calls, pause) in [(500_000, Duration::ZERO), (20_000, Duration::from_millis(250))] {
        let heap = HeapArena::new().unwrap();
        let (full, kept) = fill_and_free(&heap, 1 << 30);
        let (begun, freed, mut done) = (Instant::now(), resident(&heap), 0);
        println!("{full} MiB resident; {freed} when all but {} objects are freed; {pause:?} between calls", kept.len());
        while done < 10_000_000 && begun.elapsed() < Duration::from_secs(10) {
            go_on(&heap, calls / 2);
            std::thread::sleep(pause);
            done += calls;
            if done % (calls * 4) == 0 {
                println!("{done:>9} calls, {:>4.1} s: {:>4} MiB", begun.elapsed().as_secs_f32(), resident(&heap));
            }
        }
        println!("{done:>9} calls, {:>4.1} s: {:>4} MiB", begun.elapsed().as_secs_f32(), resident(&heap));
        assert!(full >= 1000 && resident(&heap) < 64, "{full} MiB, then {}", resident(&heap));
    }
}

/// Memory on which advice stands, of which a byte in each 2 MiB is written: what the kernel would collapse.
fn bait(bytes: usize) -> Option<core::ops::Range<usize>> {
    // SAFETY: new memory that nobody else has, which stays until the process ends; the bytes lie within it.
    unsafe {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let memory = libc::mmap(core::ptr::null_mut(), bytes, access, kind, -1, 0);
        assert_ne!(memory, libc::MAP_FAILED);
        // Written before the advice, or the kernel would give a huge page at once.
        if libc::madvise(memory, bytes, libc::MADV_NOHUGEPAGE) != 0 {
            return None;
        }
        (0..bytes).step_by(CHUNK).for_each(|at| memory.cast::<u8>().add(at).write(1));
        (libc::madvise(memory, bytes, libc::MADV_HUGEPAGE) == 0).then(|| memory.addr()..memory.addr() + bytes)
    }
}

#[test]
#[ignore = "waits for three minutes"]
fn what_went_back_is_still_gone_three_minutes_later() {
    // The kernel looks at eight huge pages each ten seconds, unless it is told otherwise: these must come within the time.
    let Some(bait) = bait(16 * MEGABYTE) else { return skipped("the kernel's collapsing", "it has no huge pages") };
    let [by_itself, trimmed] = [0; 2].map(|_| HeapArena::builder().huge_pages_from(0).build().unwrap());
    let [(full, kept), (_, others)] = [&by_itself, &trimmed].map(|heap| fill_and_free(heap, 256 * MEGABYTE));
    trimmed.trim().unwrap();
    go_on(&by_itself, 12_000_000);
    let before = [&by_itself, &trimmed].map(resident);
    let caught = || permacode_witness::resident(0, bait.clone()).unwrap() / MEGABYTE;
    println!(
        "MiB resident: {full} in each heap; then all but {} objects are freed, and one heap is trimmed",
        kept.len()
    );
    println!("    s   by itself   trimmed   a mapping that the kernel may collapse");
    let begun = Instant::now();
    // Three minutes, or as long as a busy kernel needs to come by.
    for seconds in (0..=900).step_by(15).take_while(|&seconds| seconds <= 180 || caught() < 4) {
        std::thread::sleep(Duration::from_secs(seconds).saturating_sub(begun.elapsed()));
        // It goes on, next to nothing at a time.
        go_on(&by_itself, 4000);
        let now = [&by_itself, &trimmed].map(resident);
        println!("{seconds:>5}   {:>9}   {:>7}   {:>4}", now[0], now[1], caught());
        assert!(
            (0..2).all(|heap| now[heap] <= before[heap].max(16)),
            "{before:?} MiB before, {now:?} after {seconds} s"
        );
    }
    assert!(caught() >= 4, "the kernel collapsed nothing in this time, so nothing is shown");
    assert!(full >= 250 && before.iter().all(|&megabytes| megabytes < 32), "{full}, then {before:?}");
    // SAFETY: live, and written to before.
    assert!(kept.iter().chain(&others).all(|object| unsafe { object.read() } == 7));
}
