//! The heap as C sees it: every row of the table at the head of `src/ffi.rs`, through `extern "C"` function pointers.
#![cfg(all(target_os = "linux", not(miri)))]

use core::ffi::c_void;
use core::ptr;
use permacode::HeapArena;
use permacode::ffi::{
    permacode_heap_calloc, permacode_heap_free, permacode_heap_lua_alloc, permacode_heap_malloc,
    permacode_heap_realloc, permacode_heap_resize,
};
use permacode_witness::heap::layout;
use permacode_witness::{Child, End, VAST, all};

type Malloc = unsafe extern "C" fn(*const HeapArena, usize) -> *mut c_void;
type Calloc = unsafe extern "C" fn(*const HeapArena, usize, usize) -> *mut c_void;
type Realloc = unsafe extern "C" fn(*const HeapArena, *mut c_void, usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*const HeapArena, *mut c_void);
type LuaAlloc = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;

/// What a virtual machine is handed: a heap and the functions for it. Each is called as C would, with pointers of this heap or, where a
/// test says so, with others that the functions promise to refuse.
struct C {
    heap: HeapArena,
    malloc: Malloc,
    calloc: Calloc,
    realloc: Realloc,
    resize: Realloc,
    free: Free,
    lua: LuaAlloc,
}

impl C {
    fn new() -> Self {
        Self {
            heap: HeapArena::builder().reservation(64 << 20).build().unwrap(),
            malloc: permacode_heap_malloc,
            calloc: permacode_heap_calloc,
            realloc: permacode_heap_realloc,
            resize: permacode_heap_resize,
            free: permacode_heap_free,
            lua: permacode_heap_lua_alloc,
        }
    }

    fn malloc(&self, size: usize) -> *mut u8 {
        // SAFETY: a heap of this thread.
        unsafe { (self.malloc)(&self.heap, size).cast() }
    }

    fn calloc(&self, count: usize, size: usize) -> *mut u8 {
        // SAFETY: a heap of this thread.
        unsafe { (self.calloc)(&self.heap, count, size).cast() }
    }

    fn realloc(&self, object: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: a heap of this thread; tests give up what they pass, or pass what is refused.
        unsafe { (self.realloc)(&self.heap, object.cast(), size).cast() }
    }

    fn resize(&self, object: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: a heap of this thread; tests give up what they pass, or pass what is refused.
        unsafe { (self.resize)(&self.heap, object.cast(), size).cast() }
    }

    fn free(&self, object: *mut u8) {
        // SAFETY: a heap of this thread; tests give up what they pass, or pass what is refused.
        unsafe { (self.free)(&self.heap, object.cast()) }
    }

    fn lua(&self, object: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: a heap of this thread; tests give up what they pass, with its size.
        unsafe { (self.lua)((&raw const self.heap).cast_mut().cast(), object.cast(), old, new).cast() }
    }

    /// Fills an object.
    fn fill(&self, object: *mut u8, size: usize, byte: u8) {
        // SAFETY: a live object of at least this size.
        unsafe { object.write_bytes(byte, size) };
    }

    /// Whether an object is filled.
    fn holds(&self, object: *mut u8, size: usize, byte: u8) -> bool {
        // SAFETY: a live object of at least this size, filled.
        all(unsafe { core::slice::from_raw_parts(object, size) }, byte)
    }
}

const SIZES: [usize; 12] = [1, 7, 16, 17, 100, 512, 513, 4096, 32 << 10, (32 << 10) + 1, 64 << 10, 1_000_000];

#[test]
fn objects_are_aligned_to_16_bytes_and_as_large_as_asked() {
    let c = C::new();
    for size in SIZES {
        for object in [c.malloc(size), c.calloc(1, size), c.calloc(size, 1), c.realloc(ptr::null_mut(), size)] {
            assert!(!object.is_null() && object.addr() % 16 == 0);
            assert!(c.heap.usable_size(object).is_some_and(|usable| usable >= size));
            c.fill(object, size, 0xFF);
            c.free(object);
        }
    }
    assert_eq!(c.heap.stats().live, 0);
}

#[test]
fn no_bytes_are_an_object_of_the_smallest_class() {
    let c = C::new();
    for object in [c.malloc(0), c.calloc(0, 8), c.calloc(8, 0), c.realloc(ptr::null_mut(), 0)] {
        assert_eq!(c.heap.usable_size(object), Some(16));
        c.fill(object, 16, 1);
        c.free(object);
    }
    assert_eq!(c.heap.stats().live, 0);
}

// soundness S2
#[test]
fn calloc_is_zero_where_memory_was_used() {
    let c = C::new();
    for size in SIZES {
        let dirty: Vec<_> = (0..8).map(|_| c.malloc(size)).collect();
        dirty.iter().for_each(|&object| c.fill(object, size, 0xFF));
        dirty.iter().for_each(|&object| c.free(object));
        for _ in 0..10 {
            assert!(c.holds(c.calloc(1, size), size, 0));
        }
    }
}

// soundness S3
#[test]
fn a_size_that_overflows_is_null_and_what_was_there_stays() {
    let c = C::new();
    let object = c.malloc(100);
    c.fill(object, 100, 7);
    for (count, size) in
        [(usize::MAX, 2), (2, usize::MAX), (1 << (usize::BITS / 2), 1 << (usize::BITS / 2)), (usize::MAX, usize::MAX)]
    {
        assert!(c.calloc(count, size).is_null());
    }
    for size in [usize::MAX, usize::MAX - 15, isize::MAX as usize, isize::MAX as usize - 15, VAST] {
        assert!(c.malloc(size).is_null() && c.calloc(1, size).is_null());
        assert!(c.realloc(object, size).is_null() && c.lua(object, 100, size).is_null());
        assert!(c.realloc(ptr::null_mut(), size).is_null());
        assert!(c.lua(ptr::null_mut(), 0, size).is_null());
        assert!(c.holds(object, 100, 7));
    }
    c.free(object);
    assert_eq!(c.heap.stats().live, 0);
}

#[test]
fn realloc_keeps_the_bytes_that_both_sizes_have() {
    let c = C::new();
    for from in SIZES {
        for to in SIZES {
            let object = c.malloc(from);
            c.fill(object, from, 9);
            let moved = c.realloc(object, to);
            assert!(c.holds(moved, from.min(to), 9), "{from} to {to}");
            assert!(moved.addr() % 16 == 0 && c.heap.usable_size(moved).unwrap() >= to);
            c.fill(moved, to, 1);
            c.free(moved);
        }
    }
    assert_eq!(c.heap.stats().live, 0);
}

#[test]
fn realloc_to_nothing_frees_and_free_of_null_does_nothing() {
    let c = C::new();
    for size in SIZES {
        assert!(c.realloc(c.malloc(size), 0).is_null());
        assert_eq!(c.heap.stats().live, 0);
    }
    c.free(ptr::null_mut());
    assert_eq!(c.heap.stats().objects, 0);
}

#[test]
fn resizing_never_frees_and_is_otherwise_reallocation() {
    let c = C::new();
    for from in SIZES {
        for to in SIZES {
            let object = c.malloc(from);
            c.fill(object, from, 9);
            let moved = c.resize(object, to);
            assert!(c.holds(moved, from.min(to), 9) && moved.addr() % 16 == 0, "{from} to {to}");
            c.fill(moved, to, 3);
            let nothing = c.resize(moved, 0);
            assert_eq!(c.heap.usable_size(nothing), Some(16), "{to} to nothing");
            let one = c.resize(c.resize(nothing, 0), 1);
            c.fill(one, 1, 4);
            let again = c.resize(one, from);
            assert!(c.holds(again, 1, 4) && c.heap.usable_size(again).unwrap() >= from);
            c.free(again);
        }
        assert_eq!(c.heap.stats().live, 0);
    }
    let none = c.resize(ptr::null_mut(), 0);
    assert_eq!((c.heap.usable_size(none), c.heap.stats().objects), (Some(16), 1));
    assert!(c.resize(none, isize::MAX as usize).is_null() && c.resize(ptr::null_mut(), usize::MAX).is_null());
    c.free(none);
    assert_eq!(c.heap.stats().live, 0);
}

// soundness S31: a program in C that makes an object smaller does not expect to be told that there is no memory.
#[test]
fn an_object_whose_size_nobody_remembers_gets_smaller_at_the_limit_and_in_a_full_reservation() {
    let full = || HeapArena::builder().reservation(1 << 20).build().unwrap();
    let limited = || HeapArena::builder().reservation(64 << 20).limit(1 << 20).build().unwrap();
    for heap in [full(), limited()] {
        let c = C { heap, ..C::new() };
        let all: Vec<_> = SIZES
            .iter()
            .cycle()
            .map_while(|&size| Some((c.malloc(size), size)).filter(|(object, _)| !object.is_null()))
            .collect();
        // Whatever is left, in every class.
        while SIZES.iter().any(|&size| size <= 4096 && !c.malloc(size).is_null()) {}
        for &(object, size) in &all {
            c.fill(object, size, 6);
            let mut at = object;
            for to in [size, size / 2, size / 9, 1, 0] {
                at = c.resize(at, to);
                assert!(!at.is_null(), "{size} to {to}");
                assert!(c.holds(at, to, 6));
            }
            assert!(!c.realloc(at, 1).is_null());
        }
    }
}

// What C frees may have come through Rust, with whatever alignment.
#[test]
fn an_object_of_the_rust_face_can_be_freed_and_resized_by_c() {
    let c = C::new();
    for (size, align) in [(1, 1), (8, 8), (24, 8), (40, 8), (100, 64), (3000, 8), (70_000, 4096), (5, 1 << 17)] {
        let object = c.heap.alloc(layout(size, align)).unwrap().as_ptr();
        c.fill(object, size, 5);
        let moved = c.realloc(object, size + 1);
        assert!(c.holds(moved, size, 5) && moved.addr() % 16 == 0, "{size} at {align}");
        c.free(moved);
        c.free(c.heap.alloc(layout(size, align)).unwrap().as_ptr());
    }
    assert_eq!(c.heap.stats().live, 0);
}

#[test]
fn lua_resizes_with_its_old_sizes_and_frees_with_them() {
    let c = C::new();
    for from in SIZES {
        for to in SIZES {
            let object = c.lua(ptr::null_mut(), 0, from);
            c.fill(object, from, 3);
            let moved = c.lua(object, from, to);
            assert!(c.holds(moved, from.min(to), 3) && moved.addr() % 16 == 0);
            assert!(c.lua(moved, to, 0).is_null());
        }
    }
    assert_eq!(c.heap.stats().live, 0);
}

// For a new object Lua passes the type of what it is for, and other machines pass what they like.
#[test]
fn the_old_size_of_nothing_means_nothing() {
    let c = C::new();
    for old in (0..10).chain([1 << 20, usize::MAX, isize::MAX as usize]) {
        let object = c.lua(ptr::null_mut(), old, 40);
        assert!(!object.is_null(), "old size {old}");
        assert!(c.lua(ptr::null_mut(), old, 0).is_null());
        assert!(c.lua(object, 40, 0).is_null());
    }
    assert_eq!(c.heap.stats().objects, 0);
}

/// How a child ends in which C does something; what it says before it aborts is of no interest.
fn end(body: impl FnOnce(&C)) -> End {
    Child::run(|| {
        // SAFETY: closes this process's standard error, which no object owns.
        assert_eq!(unsafe { libc::close(2) }, 0);
        body(&C::new());
        0
    })
    .unwrap()
}

/// The end of a process that panics at a C frame.
const ABORTED: End = End::Signal { signal: libc::SIGABRT, address: 0 };

/// An address whose first touch would kill the process.
fn untouchable() -> *mut u8 {
    // SAFETY: a new mapping without access, at no particular address; it stays for the process's life.
    let page =
        unsafe { libc::mmap(ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    page.cast()
}

/// Pointers that are no objects of the heap.
fn foreign(c: &C) -> Vec<*mut u8> {
    let object = c.malloc(40);
    let large = c.malloc(200_000);
    let past = ptr::without_provenance_mut(c.heap.address_range().end);
    vec![
        untouchable(),
        ptr::dangling_mut(),
        ptr::without_provenance_mut(usize::MAX),
        past,
        // Within: between objects, in the middle of one, in a slab's unused end, in a slab that nobody used.
        object.wrapping_add(1),
        object.wrapping_add(47),
        large.wrapping_add(8),
        large.wrapping_add(64 << 10),
        ptr::without_provenance_mut(object.addr() / 65536 * 65536 + 65535),
        past.wrapping_sub(48),
    ]
}

// soundness S17
#[test]
fn a_foreign_pointer_is_no_object_and_is_not_dereferenced() {
    let c = C::new();
    for pointer in foreign(&c) {
        assert_eq!(c.heap.usable_size(pointer), None, "{pointer:p}");
    }
    assert_eq!(c.heap.usable_size(ptr::null()), None);
}

// soundness S17
#[test]
fn freeing_or_resizing_a_foreign_pointer_panics_in_debug_and_does_nothing_in_release() {
    let expected = if cfg!(debug_assertions) { ABORTED } else { End::Code(0) };
    for index in 0..foreign(&C::new()).len() {
        let freed = end(|c| {
            let pointer = foreign(c)[index];
            let before = c.heap.stats();
            c.free(pointer);
            assert_eq!(c.heap.stats(), before);
        });
        assert_eq!(freed, expected, "pointer {index}");
        let resized = end(|c| {
            let pointer = foreign(c)[index];
            assert!(c.realloc(pointer, 100).is_null() && c.realloc(pointer, 0).is_null());
            assert!(c.resize(pointer, 100).is_null() && c.resize(pointer, 0).is_null());
            assert_eq!(c.heap.stats().objects, 2);
        });
        assert_eq!(resized, expected, "pointer {index}");
    }
}

#[test]
#[cfg(debug_assertions)]
fn freeing_or_resizing_what_was_freed_panics_in_debug() {
    for size in [40, 3000, 200_000] {
        type Again = fn(&C, *mut u8, usize);
        let again: [Again; 6] = [
            |c, object, _| c.free(object),
            |c, object, _| _ = c.realloc(object, 0),
            |c, object, size| _ = c.realloc(object, size),
            |c, object, size| _ = c.realloc(object, size * 3),
            |c, object, size| _ = c.lua(object, size, size),
            |c, object, _| _ = c.resize(object, 0),
        ];
        for (index, again) in again.into_iter().enumerate() {
            let ended = end(|c| {
                let object = c.malloc(size);
                c.free(object);
                again(c, object, size);
            });
            assert_eq!(ended, ABORTED, "{size} bytes, call {index}");
        }
    }
}

// soundness S31
#[test]
fn shrinking_is_not_refused_where_there_is_no_room_beside() {
    let heap = HeapArena::builder().reservation(1 << 20).limit(64 << 11).build().unwrap();
    let c = C { heap, ..C::new() };
    let object = c.lua(ptr::null_mut(), 5, 100_000);
    c.fill(object, 100_000, 8);
    let shrunk = c.lua(object, 100_000, 40);
    assert!(!shrunk.is_null() && c.holds(shrunk, 40, 8));
    assert_eq!(c.heap.stats().live, 48);
    assert!(c.lua(shrunk, 40, 0).is_null());
    assert_eq!(c.heap.stats().live, 0);
}
