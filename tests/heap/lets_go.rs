//! A program that took and gave the same memory for a while, and then is done with it.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use core::cell::Cell;
use core::time::Duration;
use permacode::HeapArena;
use permacode::heap::Decay;
use permacode_witness::heap::{Objects, resident};

const MEGABYTE: usize = 1 << 20;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

// numbers N20: large objects, and records that drift up, left all that they had for ten million calls.
#[test]
fn what_it_learned_while_it_needed_the_memory_holds_nothing_back_once_it_let_go() {
    let clock = || NOW.get();
    // A window ends after 150,000 objects, or when a test lets the time pass.
    let builder = HeapArena::builder().reservation(1 << 30).clock(clock);
    let heap = builder.decay(Decay::After(Duration::from_millis(400))).build().unwrap();
    let go_on = |objects: usize| (0..objects / 8000).for_each(|_| Objects::of(&heap, 4000, 48).free_all());
    let end_window = || {
        NOW.set(NOW.get() + Duration::from_secs(60));
        go_on(16_000);
    };
    let take_and_give = || Objects::of(&heap, 40, MEGABYTE).free_all();
    take_and_give();
    end_window();
    // What this one returns is regretted, so the next windows are longer.
    end_window();
    take_and_give();
    end_window();
    Objects::of(&heap, 30 * MEGABYTE / 8000, 8000).free_all();
    assert!(resident(&heap) >= 30 * MEGABYTE);
    // Two windows, as some calls do not leave their fast path; one that is longer would not be over yet.
    go_on(750_000);
    assert!(resident(&heap) <= 4 * MEGABYTE, "{}", resident(&heap));
}
