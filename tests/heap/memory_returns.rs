//! Memory that a program no longer uses serves other sizes, and goes back to the system by itself: at a bounded pace, and not in vain.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::cell::Cell;
use core::time::Duration;
use permacode::HeapArena;
use permacode::heap::{Decay, HeapArenaBuilder};
use permacode::testing::Pages;
use permacode_witness::heap::{Object, Objects, layout, resident};
use permacode_witness::{Random, in_child, memory, status};
use std::ptr::NonNull;

const MEGABYTE: usize = 1 << 20;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A heap whose time passes when a test says so.
fn timed() -> HeapArenaBuilder {
    NOW.set(Duration::ZERO);
    HeapArena::builder().reservation(1 << 30).clock(|| NOW.get())
}

fn pass(seconds: u64) {
    NOW.set(NOW.get() + Duration::from_secs(seconds));
}

/// What a program does that goes on with objects of a size, few at a time: so many of them through slow paths.
fn go_on(heap: &HeapArena, size: usize, objects: usize) {
    for _ in 0..objects / 4000 {
        Objects::of(heap, 4000, size).free_all();
    }
}

/// So many bytes of objects, written to.
fn fill(heap: &HeapArena, bytes: usize, size: usize) -> Vec<NonNull<u8>> {
    let object = |_| {
        let object = heap.alloc(layout(size, 8)).unwrap();
        // SAFETY: a new object.
        unsafe { object.write_bytes(7, size) };
        object
    };
    (0..bytes / size).map(object).collect()
}

fn free(heap: &HeapArena, objects: impl IntoIterator<Item = NonNull<u8>>, size: usize) {
    // SAFETY: each is live, has this layout, and is forgotten.
    objects.into_iter().for_each(|object| unsafe { heap.free(object, layout(size, 8)) });
}

/// The sizes of all classes.
fn sizes() -> impl Iterator<Item = usize> {
    let large = (0..6).flat_map(|doubling| (5..9).map(move |quarter| (512 << doubling) / 4 * quarter));
    (1..=64).map(|step| step * 8).chain(large)
}

// ── serves other sizes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

// soundness S29, numbers N20: it was 88 times as much.
#[test]
fn one_size_after_the_other_takes_no_more_memory_than_the_largest_of_them() {
    in_child(|| {
        let heap = HeapArena::new().unwrap();
        for size in sizes().chain([33_000, 40_000, 100_000, 1 << 20]) {
            let objects = fill(&heap, 3 * MEGABYTE, size);
            assert!(resident(&heap) <= 20 * MEGABYTE, "{} at {size}", resident(&heap));
            free(&heap, objects, size);
        }
    });
}

// soundness S29
#[test]
fn sizes_that_drift_leave_little_behind_in_either_direction() {
    for grows in [true, false] {
        let heap = HeapArena::new().unwrap();
        let mut kept = Vec::new();
        for step in 0..30 {
            let size = if grows { 16 + step * 8 } else { 256 - step * 8 };
            let objects = fill(&heap, 3 * MEGABYTE, size);
            let (stay, die): (Vec<_>, Vec<_>) =
                objects.into_iter().enumerate().partition(|(index, _)| index % 4096 == 0);
            free(&heap, die.into_iter().map(|(_, object)| object), size);
            kept.push((stay, size));
        }
        assert!(resident(&heap) <= 40 * MEGABYTE, "{} live, {} resident", heap.stats().live, resident(&heap));
        heap.trim().unwrap();
        // A page or two for each that is left.
        let left: usize = kept.iter().map(|(stay, _)| stay.len()).sum();
        assert!(resident(&heap) <= left * 2 * 4096, "{} for {left}", resident(&heap));
    }
}

#[test]
fn a_slab_is_everybodys_as_soon_as_nothing_is_in_it() {
    let heap = HeapArena::builder().reservation(MEGABYTE).build().unwrap();
    for size in sizes().chain([50_000, 64 << 10]) {
        let count = MEGABYTE / (64 << 10) * ((64 << 10) / size);
        let mut objects = Objects::of(&heap, count, size);
        assert!(objects.alloc(layout(size, 8)).is_err(), "{size}");
        objects.free_all();
    }
}

// ── goes back ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

// numbers N21
#[test]
fn a_large_buffer_that_is_freed_goes_back_at_once() {
    for size in [64 * MEGABYTE, 200 * MEGABYTE] {
        let heap = HeapArena::new().unwrap();
        let buffer = fill(&heap, size, size);
        assert!(resident(&heap) >= size);
        free(&heap, buffer, size);
        assert!(resident(&heap) <= 8 * MEGABYTE, "{}", resident(&heap));
    }
}

// numbers N21
#[test]
fn small_objects_that_are_freed_go_back_within_ten_seconds_of_further_work() {
    let heap = timed().build().unwrap();
    let objects = fill(&heap, 96 * MEGABYTE, 64);
    free(&heap, objects, 64);
    assert!(resident(&heap) >= 90 * MEGABYTE, "not before they were vacant for a while");
    for second in 0..10 {
        pass(1);
        go_on(&heap, 48, 12_000);
        assert!(second < 9 || resident(&heap) <= 8 * MEGABYTE, "{} after {second} s", resident(&heap));
    }
}

// numbers N21
#[test]
fn small_objects_that_are_freed_go_back_by_work_alone_where_no_time_passes() {
    if cfg!(debug_assertions) {
        return; // ten million checked operations
    }
    let heap = timed().build().unwrap();
    let objects = fill(&heap, 96 * MEGABYTE, 64);
    free(&heap, objects, 64);
    go_on(&heap, 48, 10_000_000);
    assert!(resident(&heap) <= 8 * MEGABYTE, "{}", resident(&heap));
}

#[test]
fn pages_between_survivors_go_back() {
    let heap = timed().build().unwrap();
    let mut objects = fill(&heap, 64 * MEGABYTE, 64);
    // One in each 64 KiB stays.
    let stays = objects.iter().copied().step_by(1024).collect::<Vec<_>>();
    let mut index = 0;
    objects.retain(|_| {
        index += 1;
        index % 1024 != 1
    });
    free(&heap, objects, 64);
    for _ in 0..4 {
        pass(5);
        go_on(&heap, 48, 12_000);
    }
    assert!(resident(&heap) <= 12 * MEGABYTE, "{}", resident(&heap));
    // SAFETY: live, and written to before.
    assert!(stays.iter().all(|object| unsafe { object.read() } == 7));
}

#[test]
fn memory_goes_back_when_it_was_chosen_to() {
    let resident_after = |decay: Decay| {
        let heap = timed().decay(decay).build().unwrap();
        let objects = fill(&heap, 32 * MEGABYTE, 64);
        let large = fill(&heap, 32 * MEGABYTE, MEGABYTE);
        free(&heap, objects, 64);
        free(&heap, large, MEGABYTE);
        let at_once = resident(&heap);
        for _ in 0..8 {
            pass(1);
            go_on(&heap, 48, 12_000);
        }
        let later = resident(&heap);
        for _ in 0..4 {
            pass(60);
            go_on(&heap, 48, 12_000);
        }
        [at_once, later, resident(&heap)].map(|bytes| bytes / MEGABYTE)
    };
    let now = resident_after(Decay::Now);
    assert!(now.iter().all(|&megabytes| megabytes <= 4), "{now:?}");
    assert_eq!(resident_after(Decay::After(Duration::ZERO)), now);
    let soon = resident_after(Decay::After(Duration::from_secs(2)));
    assert!(soon[0] >= 20 && soon[1] <= 4, "{soon:?}");
    let late = resident_after(Decay::After(Duration::from_secs(100)));
    assert!(late[1] >= 20 && late[2] <= 4, "{late:?}");
    let never = resident_after(Decay::Never);
    assert!(never[2] >= 60, "{never:?}");
}

#[test]
fn a_program_that_rests_gives_back_by_one_call_and_the_next_costs_nothing() {
    for size in [64, 3000, 100_000] {
        let heap = timed().build().unwrap();
        let objects = fill(&heap, 32 * MEGABYTE, size);
        free(&heap, objects, size);
        // The first call empties magazines that were in use; it may take the second to see them idle.
        let stays = (0..3).map(|_| heap.idle()).last().unwrap();
        assert!(stays <= 2 * MEGABYTE && resident(&heap) <= 3 * MEGABYTE, "{size}: {stays}");
        let calls = heap.stats().system_calls;
        (0..100).for_each(|_| _ = heap.idle());
        assert_eq!(heap.stats().system_calls, calls);
    }
    let heap = timed().decay(Decay::Never).build().unwrap();
    let objects = fill(&heap, 32 * MEGABYTE, 64);
    free(&heap, objects, 64);
    assert_eq!(heap.idle(), 0);
    assert!(resident(&heap) >= 30 * MEGABYTE);
}

// ── and not in vain ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_loop_that_takes_and_frees_the_same_memory_stops_paying() {
    for megabytes in [1, 4, 8, 16, 64, 128] {
        let heap = HeapArena::new().unwrap();
        let mut calls = 0;
        for round in 0..60 {
            let buffer = heap.alloc(layout(megabytes * MEGABYTE, 8)).unwrap();
            free(&heap, [buffer], megabytes * MEGABYTE);
            if round == 29 {
                calls = heap.stats().system_calls;
            }
        }
        assert_eq!(heap.stats().system_calls, calls, "{megabytes} MiB");
        assert!(calls <= 30, "{calls} for {megabytes} MiB");
    }
}

#[test]
fn a_program_that_rests_between_equal_bursts_stops_paying() {
    let heap = timed().build().unwrap();
    let mut calls = 0;
    for round in 0..60 {
        let objects = fill(&heap, 6 * MEGABYTE, 8000);
        free(&heap, objects, 8000);
        heap.idle();
        if round == 39 {
            calls = heap.stats().system_calls;
        }
    }
    assert_eq!(heap.stats().system_calls, calls);
    // And what it learned is forgotten when it rests for long.
    for _ in 0..20 {
        pass(5);
        heap.idle();
    }
    assert!(resident(&heap) <= 3 * MEGABYTE, "{}", resident(&heap));
}

#[test]
fn a_step_makes_a_bounded_number_of_calls() {
    let heap = timed().build().unwrap();
    let mut random = Random::new(3);
    // What is free lies in single slabs and single pages.
    let mut objects = Objects::of(&heap, 8000, 2000);
    let mut large = Objects::of(&heap, 1000, 60_000);
    let mut most = 0;
    let mut free_some = |objects: &mut Objects<'_>, heap: &HeapArena| {
        while objects.all.len() > 20 {
            let before = heap.stats().system_calls;
            objects.free(random.below(objects.all.len()));
            most = most.max(heap.stats().system_calls - before);
            if objects.all.len() % 1000 == 0 {
                pass(1);
            }
        }
    };
    free_some(&mut large, &heap);
    free_some(&mut objects, &heap);
    assert!((2..=300).contains(&most), "{most} calls in one free");
    objects.check();
    large.check();
}

#[test]
fn a_trim_makes_no_call_for_what_it_gave_back_before() {
    for from in [0, usize::MAX] {
        let heap = HeapArena::builder().reservation(256 * MEGABYTE).huge_pages_from(from).build().unwrap();
        let mut objects = Objects::new(&heap);
        let mut random = Random::new(1);
        for _ in 0..4000 {
            objects.alloc(layout([40, 900, 9000, 70_000][random.below(50) / 13], 8)).unwrap();
        }
        objects.free_if(|index| index % 7 != 0);
        assert!(heap.trim().unwrap() > 0);
        let calls = heap.stats().system_calls;
        assert_eq!((heap.trim(), heap.stats().system_calls), (Ok(0), calls));
        objects.check();
        objects.free_all();
        assert!(heap.trim().unwrap() > 0);
        assert_eq!(resident(&heap), 0);
    }
}

#[test]
fn what_is_known_of_many_objects_goes_back_with_them() {
    let heap = HeapArena::builder().reservation(1 << 30).build().unwrap();
    let bookkeeping =
        || heap.bookkeeping_ranges().map(|range| memory(0, range).unwrap().resident() as usize).iter().sum::<usize>();
    let few = fill(&heap, 100 * 8, 8);
    let objects = fill(&heap, 12 * MEGABYTE, 8);
    let most = bookkeeping();
    free(&heap, objects, 8);
    heap.trim().unwrap();
    assert!(bookkeeping() < most / 4 && bookkeeping() < MEGABYTE / 2, "{most} before, {} now", bookkeeping());
    let again = fill(&heap, 4 * MEGABYTE, 8);
    free(&heap, again, 8);
    free(&heap, few, 8);
}

// ── huge pages ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Stretches of a heap on which advice for huge pages stands, as the kernel says.
fn advised(heap: &HeapArena) -> Vec<core::ops::Range<usize>> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut range, mut found) = (0..0, Vec::new());
    for line in smaps.lines() {
        if let Some((start, rest)) = line.split_once('-') {
            let end = rest.split(' ').next().unwrap();
            if let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)) {
                range = start..end;
            }
        }
        let all = heap.address_range();
        if line.starts_with("VmFlags:") && line.contains(" hg") && range.start >= all.start && range.end <= all.end {
            found.push(range.clone());
        }
    }
    found
}

// Of an advised 2 MiB of which a part went back, the system would make a huge page again.
#[test]
fn advice_stands_on_nothing_of_which_a_part_went_back() {
    let heap = HeapArena::builder().reservation(256 * MEGABYTE).huge_pages_from(0).build().unwrap();
    let mut objects = Objects::of(&heap, 20 * MEGABYTE / 1000, 1000);
    if advised(&heap).is_empty() {
        return; // a system without huge pages
    }
    // One is left in each 2 MiB.
    let mut chunks = std::collections::HashSet::new();
    let kept: Vec<bool> = objects.all.iter().map(|object| chunks.insert(object.range().start >> 21)).collect();
    objects.free_if(|index| !kept[index]);
    heap.trim().unwrap();
    let stands = |object: &Object| advised(&heap).iter().any(|range| range.contains(&object.range().start));
    assert!(!objects.all.iter().any(stands));
    assert!(resident(&heap) <= objects.all.len() * 4096 * 2);
    objects.check();
    // What went back as a whole keeps it.
    let mut objects = Objects::of(&heap, 40 * MEGABYTE / 1000, 1000);
    objects.free_all();
    heap.trim().unwrap();
    let stands: usize = advised(&heap).iter().map(|range| range.len()).sum();
    assert!(stands >= 16 * MEGABYTE, "{stands}");
}

#[test]
fn a_large_table_takes_the_memory_that_is_written_to_and_no_more() {
    for before in [0, 30 * MEGABYTE] {
        let heap = HeapArena::new().unwrap();
        // What was there before, of either kind, is no reason.
        let small = fill(&heap, before, 500);
        free(&heap, small, 500);
        let large = fill(&heap, before, before.max(1));
        free(&heap, large, before.max(1));
        let table = heap.alloc_zeroed(layout(512 * MEGABYTE, 8)).unwrap();
        for at in (0..512 * MEGABYTE).step_by(2 * MEGABYTE) {
            // SAFETY: within the object.
            unsafe {
                assert_eq!(table.add(at).read(), 0);
                table.add(at).write(1);
            }
        }
        assert!(resident(&heap) <= 16 * MEGABYTE + before * 2, "{} after {before}", resident(&heap));
    }
}

#[test]
fn advice_for_large_objects_is_a_choice() {
    let heap = |huge| {
        let heap = HeapArena::builder().huge_pages_from(0).huge_spans(huge).reservation(64 * MEGABYTE).build().unwrap();
        heap.alloc(layout(7 * MEGABYTE, 8)).unwrap();
        heap
    };
    assert_eq!(advised(&heap(false)), []);
    let all = heap(true);
    assert!(advised(&all).iter().all(|range| range.start % (2 * MEGABYTE) == 0 && range.len() == 6 * MEGABYTE));
}

// ── the system refuses ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_system_that_takes_no_memory_back_is_not_asked_all_the_time() {
    let pages = Pages::system();
    let heap = timed().pages(pages.clone()).build().unwrap();
    let (mut refused, mut large) = (0, Vec::new());
    for _ in 0..200 {
        large.push(heap.alloc(layout(20 * MEGABYTE, 8)).unwrap());
        pages.fail_call(permacode::error::PageCall::Discard, 0);
        let before = pages.failures();
        free(&heap, large.drain(..), 20 * MEGABYTE);
        refused += pages.failures() - before;
        pages.relent();
    }
    assert!(refused <= 20, "{refused}");
    assert_eq!(pages.violations(), 0);
    assert!(status("VmRSS") > 0);
}
