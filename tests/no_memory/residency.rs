//! `Residency` when the program's allocator has no memory left: a refusal, by every call, and no more than that.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

use permacode::CodeArena;
use permacode::code::Protection;
use permacode::residency::{Mapping, Residency, ResidencyError};
use permacode_witness::after;

/// Asks with memory for no request, for one, and so on, until there is enough; says how often that was refused.
fn refused_until<R>(ask: impl Fn() -> Result<R, ResidencyError>) -> usize {
    let refused = |&requests: &usize| match after(requests, &ask) {
        Ok(_) => false,
        Err(ResidencyError::Memory { bytes }) => bytes > 0,
        Err(other) => panic!("{other}"),
    };
    (0..1000).take_while(refused).count()
}

// soundness S16
#[test]
fn every_request_for_memory_can_be_refused_and_is_a_value() {
    let arena = CodeArena::new().unwrap();
    // Sealed and not, in turn: some mappings, some stretches.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let loader = arena.load(name).unwrap();
        loader.alloc_slice_copy(&[1u8; 100_000]).unwrap();
        if name < "d" {
            loader.seal().unwrap();
        } else {
            loader.finish();
        }
    }
    // The sealed ranges, the mappings, the stretches.
    let all = refused_until(|| arena.residency());
    assert!((3..20).contains(&all), "refused {all} times");
    assert_eq!(refused_until(|| Mapping::all(std::process::id(), arena.address_range())), all - 2);
    // A process has many mappings: their list grows.
    assert!(refused_until(|| Residency::of(0..usize::MAX)) > all);
    assert_eq!(refused_until(|| Residency::of(0..0)), 0, "nothing to say takes no memory");
    assert_eq!(after(0, || Residency::of_process(u32::MAX, 0..1)).unwrap_err(), ResidencyError::Gone { pid: u32::MAX });
}

#[test]
fn memory_files_take_none_of_the_programs() {
    let arena = CodeArena::builder().protection(Protection::SealedFile).build().unwrap();
    let loader = arena.load("m").unwrap();
    let block = loader.alloc_slice_copy(&[7u8; 10_000]).unwrap();
    let module = after(0, || loader.seal()).unwrap();
    assert!(module.protection() == Protection::SealedFile || arena.refused().is_some());
    assert_eq!(block, [7; 10_000]);
}
