//! An arena per test case, as property tests and fuzzers make them, leaves nothing behind (soundness S13).
//!
//! One test in a file of its own: it measures its process, in which nobody else may do anything.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::CodeArena;
use permacode::code::Protection;

/// A whole life of an arena.
fn once() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 100]).unwrap();
    assert_eq!(loader.seal().unwrap().protection(), Protection::ReadOnly);
    assert_eq!(block, [7; 100]);
}

/// Resident bytes and mappings of this process.
fn held() -> (usize, usize) {
    (permacode_witness::status("VmRSS"), std::fs::read_to_string("/proc/self/maps").unwrap().lines().count())
}

#[test]
fn twenty_thousand_arenas_leave_the_process_as_large_as_it_was() {
    (0..100).for_each(|_| once());
    held();
    let before = held();
    (0..20_000).for_each(|_| once());
    let after = held();
    assert!(after.0 <= before.0 + (256 << 10), "resident size grew from {} to {}", before.0, after.0);
    assert!(after.1 <= before.1 + 1, "mappings grew from {} to {}", before.1, after.1);
}
