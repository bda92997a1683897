//! The functions for C are no symbols under their own names without feature `c-symbols`, so that two versions of the crate link into one
//! program. With it C code finds them: `c/tests/run` shows that.
#![cfg(all(target_os = "linux", not(miri), not(feature = "c-symbols")))]

use object::{Object, ObjectSymbol};
use permacode::{CodeArena, HeapArena};

const NAMES: [&str; 8] = [
    "permacode_code_contains",
    "permacode_heap_calloc",
    "permacode_heap_free",
    "permacode_heap_lua_alloc",
    "permacode_heap_malloc",
    "permacode_heap_realloc",
    "permacode_heap_resize",
    "permacode_heap_usable_size",
];

/// Those of the names that this program exports or holds as symbols, unmangled.
fn found() -> Vec<String> {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = object::File::parse(&*program).unwrap();
    let names =
        program.symbols().filter(|symbol| symbol.is_definition()).map(|symbol| symbol.name().unwrap().to_owned());
    let mut found: Vec<String> = names.filter(|name| NAMES.contains(&name.as_str())).collect();
    found.sort_unstable();
    found
}

#[test]
fn without_the_feature_no_name_is_taken() {
    // They are there all the same, and not thrown away by the linker.
    let heap = HeapArena::builder().reservation(1 << 20).build().unwrap();
    // SAFETY: the heap is this thread's, and what it gave is freed once.
    unsafe {
        let object = permacode::ffi::permacode_heap_malloc(&heap, 100);
        permacode::ffi::permacode_heap_free(&heap, object);
    }
    // SAFETY: null is allowed.
    assert!(!unsafe { permacode::ffi::permacode_code_contains(std::ptr::null::<CodeArena>(), std::ptr::null()) });
    assert_eq!(found(), [""; 0]);
}
