//! The functions for C are symbols under their own names exactly with feature `c-symbols`: C code finds them, and without it two versions
//! of the crate link into one program.
#![cfg(all(target_os = "linux", not(miri)))]

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

/// Which of the names this program exports or holds as symbols, unmangled.
fn found() -> Vec<String> {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = object::File::parse(&*program).unwrap();
    let names =
        program.symbols().filter(|symbol| symbol.is_definition()).map(|symbol| symbol.name().unwrap().to_owned());
    let mut found: Vec<String> = names.filter(|name| NAMES.contains(&name.as_str())).collect();
    found.sort_unstable();
    found
}

#[cfg(not(feature = "c-symbols"))]
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

#[cfg(feature = "c-symbols")]
mod c {
    use super::*;
    use core::ffi::c_void;

    // What a C program declares; the arenas are opaque there.
    unsafe extern "C" {
        safe fn permacode_code_contains(arena: *const c_void, at: *const c_void) -> bool;
        fn permacode_heap_calloc(heap: *const c_void, count: usize, size: usize) -> *mut c_void;
        fn permacode_heap_free(heap: *const c_void, object: *mut c_void);
        fn permacode_heap_lua_alloc(heap: *mut c_void, object: *mut c_void, old: usize, new: usize) -> *mut c_void;
        fn permacode_heap_malloc(heap: *const c_void, size: usize) -> *mut c_void;
        fn permacode_heap_realloc(heap: *const c_void, object: *mut c_void, size: usize) -> *mut c_void;
        fn permacode_heap_resize(heap: *const c_void, object: *mut c_void, size: usize) -> *mut c_void;
        fn permacode_heap_usable_size(object: *const c_void) -> usize;
    }

    #[test]
    fn with_the_feature_c_finds_every_function_by_its_name() {
        let arena = HeapArena::builder().reservation(1 << 20).build().unwrap();
        let _registered = arena.register().unwrap();
        let heap = (&raw const arena).cast_mut().cast::<c_void>();
        // SAFETY: the heap is this thread's; each object is resized and freed as it was allocated, once.
        unsafe {
            let object = permacode_heap_malloc(heap, 100);
            assert!(arena.contains(object) && permacode_heap_usable_size(object) >= 100);
            let object = permacode_heap_realloc(heap, object, 5000);
            assert!(permacode_heap_usable_size(object) >= 5000);
            permacode_heap_free(heap, object);
            permacode_heap_free(heap, permacode_heap_resize(heap, permacode_heap_calloc(heap, 3, 100), 0));
            let object = permacode_heap_lua_alloc(heap, core::ptr::null_mut(), 0, 40);
            assert!(permacode_heap_lua_alloc(heap, object, 40, 0).is_null());
        }
        assert_eq!(arena.stats().live, 0);
        let code = CodeArena::builder().reservation(1 << 20).build().unwrap();
        let block = code.load("m").unwrap().alloc_str("code").unwrap();
        assert!(permacode_code_contains((&raw const code).cast(), block.as_ptr().cast()));
        assert_eq!(found(), NAMES);
    }
}
