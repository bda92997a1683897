//! Where LeakSanitizer is linked, it looks for pointers in what arenas have reserved, as long as they have it. Its two functions are this
//! test's own.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
#![allow(clippy::disallowed_types)] // no arena waits for this lock

use permacode::pages::PooledPages;
use permacode::{CodeArena, HeapArena, SideTable};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::{Arc, Mutex};

static REGIONS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

#[unsafe(no_mangle)]
extern "C" fn __lsan_register_root_region(base: *const c_void, bytes: usize) {
    REGIONS.lock().unwrap().push((base.addr(), bytes));
}

#[unsafe(no_mangle)]
extern "C" fn __lsan_unregister_root_region(base: *const c_void, bytes: usize) {
    let mut regions = REGIONS.lock().unwrap();
    // LeakSanitizer ends the process where there is no such region.
    let index = regions.iter().position(|&region| region == (base.addr(), bytes)).expect("no such root region");
    regions.swap_remove(index);
}

fn is_scanned(address: usize) -> bool {
    REGIONS.lock().unwrap().iter().any(|&(base, bytes)| (base..base + bytes).contains(&address))
}

// One test, because the regions are the process's.
#[test]
fn what_is_reserved_is_a_root_region_until_it_is_released() {
    let heap = HeapArena::new().unwrap();
    let object = heap.alloc(std::alloc::Layout::new::<[usize; 4]>()).unwrap().addr().get();
    let large = heap.alloc(std::alloc::Layout::new::<[u8; 1 << 20]>()).unwrap().addr().get();
    assert!(is_scanned(object) && is_scanned(large));
    let code = CodeArena::new().unwrap();
    let table: SideTable<'_, Cell<usize>> = SideTable::new(&code).unwrap();
    let sites = code.load("m").unwrap().sites(1).unwrap();
    assert!(is_scanned(table.of(sites).unwrap().as_ptr().addr()));
    drop(heap);
    assert!(!is_scanned(object) && !is_scanned(large));
    drop(table);
    drop(code);
    assert_eq!(*REGIONS.lock().unwrap(), []);

    // A pool has its reservations until it is dropped; what it does not keep goes at once.
    let pages = Arc::new(PooledPages::new(1).unwrap());
    let make = || HeapArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
    let (kept, not_kept) = (make(), make());
    kept.alloc(std::alloc::Layout::new::<u64>()).unwrap();
    assert_eq!(REGIONS.lock().unwrap().len(), 2);
    drop((kept, not_kept));
    assert_eq!(REGIONS.lock().unwrap().len(), 1);
    drop(make());
    drop(pages);
    assert_eq!(*REGIONS.lock().unwrap(), []);
}
