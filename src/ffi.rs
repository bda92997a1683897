//! The functions for C: the allocation functions that virtual machines ask for, and one that tells code from the rest.
//!
//! They are Rust items to be passed as function pointers, by programs in Rust that have a machine in C. Programs in C have a library of their
//! own, `permacode-c`. Its header declares these functions and some more, and the chapter [`c`](crate::guide::c) of the guide is about it. It turns the
//! feature `c-symbols` on, which gives them their names as symbols. Unit tests of this crate go without: a test program holds the crate twice.
//!
//! Objects are aligned to 16 bytes. Machines differ in three things: some tell the old size, some pass the heap, and a
//! reallocation to size 0 means different things.
//!
//! | machine | where it takes them | functions of this page | in between |
//! | --- | --- | --- | --- |
//! | Lua 5.1 to 5.5, LuaJIT (`LUAJIT_USE_SYSMALLOC` or GC64) | `lua_newstate` | [`permacode_heap_lua_alloc`] | nothing |
//! | CPython 3 | `PyMem_SetAllocator`, domains `MEM` and `OBJ` | [`…_malloc`](permacode_heap_malloc), [`…_calloc`](permacode_heap_calloc), [`…_resize`](permacode_heap_resize), [`…_free`](permacode_heap_free) | nothing; the raw domain is called without the interpreter's lock and stays the system's |
//! | QuickJS-ng | `JS_NewRuntime2` | [`…_malloc`](permacode_heap_malloc), [`…_calloc`](permacode_heap_calloc), [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free), [`…_usable_size`](permacode_heap_usable_size) | nothing |
//! | QuickJS (Bellard) | `JS_NewRuntime2` | [`…_malloc`](permacode_heap_malloc), [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free), [`…_usable_size`](permacode_heap_usable_size) | a line each: the heap is the `opaque` of a `JSMallocState *` |
//! | Duktape | `duk_create_heap` | [`…_malloc`](permacode_heap_malloc), [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free) | nothing |
//! | mruby | `mrb_open_allocf` | [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free) | a line: `size ? realloc : free`, because it frees null by size 0; the heap is the last parameter |
//! | Wren | `WrenConfiguration::reallocateFn` | [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free) | a line, as for mruby |
//! | SQLite | `SQLITE_CONFIG_MALLOC` | [`…_malloc`](permacode_heap_malloc), [`…_resize`](permacode_heap_resize), [`…_free`](permacode_heap_free), [`…_usable_size`](permacode_heap_usable_size) | a line each: the heap is a variable of the program's |
//!
//! [`permacode_heap_lua_alloc`] is told the old size, which must be exact. All others find it. [`permacode_heap_usable_size`] is told nothing
//! but the address, and finds the heap among the [registered](HeapArena::register).
//!
//! Results of odd arguments, in debug and in release alike unless it says otherwise. [`permacode_heap_lua_alloc`] looks
//! nothing up and believes the old size, so for it the last two lines are undefined in release:
//!
//! | | |
//! | --- | --- |
//! | size 0 to allocate | an object of 16 bytes that is freed like any other, as from `malloc` |
//! | size 0 to reallocate | frees, returns null. [`permacode_heap_resize`] keeps an object of 16 bytes and never returns null for it |
//! | null to free | nothing |
//! | null to reallocate | allocates, size 0 too; [`permacode_heap_lua_alloc`] returns null for that |
//! | a size that overflows, or no memory | null; what was there stays |
//! | a smaller size, and no memory | the object stays where it is. [`permacode_heap_lua_alloc`] returns null |
//! | a pointer that is no object of the heap | never dereferenced. Free does nothing, reallocate returns null, its usable size is 0. In debug builds free and reallocate panic, which ends the process at a C frame |
//! | a pointer that was freed | debug builds panic; in release as for `free`, undefined |

use crate::code::CodeArena;
use crate::heap::{HeapArena, c_layout, find, or_null};
use core::ffi::c_void;
use core::ptr::{self, NonNull};

/// `lua_Alloc`: allocates, reallocates or frees, with the exact old size. `heap` is a [`HeapArena`].
///
/// ```c
/// void *permacode_heap_lua_alloc(void *heap, void *object, size_t old_size, size_t new_size);
/// ```
///
/// Costs what [`HeapArena::alloc`], [`realloc`](HeapArena::realloc) or [`free`](HeapArena::free) costs. Sizes are in bytes. Null says that
/// there is no memory, never when an object should shrink: the manuals of Lua 5.1 to 5.4 rule that out (`lua_Alloc`).
/// C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::permacode_heap_lua_alloc;
/// use std::ptr;
///
/// let heap = HeapArena::new()?;
/// let ud = (&raw const heap).cast_mut().cast();
/// // SAFETY: the heap is this thread's; each object is given with its size and not used any more.
/// unsafe {
///     let table = permacode_heap_lua_alloc(ud, ptr::null_mut(), 5, 40); // 5: what it is for, no size
///     let larger = permacode_heap_lua_alloc(ud, table, 40, 4000);
///     assert_eq!((heap.stats().objects, heap.stats().live), (1, 4096));
///     assert!(permacode_heap_lua_alloc(ud, larger, 4000, 0).is_null());
/// }
/// assert_eq!(heap.stats().live, 0);
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Panics
///
/// In debug builds, where [`HeapArena::free`] does; the panic ends the process.
///
/// # Safety
///
/// `heap` points to a [`HeapArena`] that this thread may use. `object` is null, and then `old` means nothing, or came from this function
/// with size `old` and is given up if this succeeds.
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_lua_alloc(
    heap: *mut c_void,
    object: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap.cast::<HeapArena>() };
    let Some(object) = NonNull::new(object.cast::<u8>()) else {
        return if new == 0 { ptr::null_mut() } else { or_null(c_layout(new).and_then(|new| heap.alloc(new).ok())) };
    };
    let (Some(new_layout), Some(old_layout)) = (c_layout(new), c_layout(old)) else { return ptr::null_mut() };
    // SAFETY: the caller's promise.
    unsafe {
        if new == 0 {
            heap.free(object, old_layout);
            return ptr::null_mut();
        }
        or_null(heap.realloc(object, old_layout, new_layout).ok())
    }
}

/// `malloc`: an object of at least `size` bytes, aligned to 16. `heap` is a [`HeapArena`].
///
/// ```c
/// void *permacode_heap_malloc(permacode_heap *heap, size_t size);
/// ```
///
/// Costs what [`HeapArena::alloc`] costs, of the size rounded up to 16 bytes. Null says that there is no memory. C finds it by its name
/// with feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::permacode_heap_malloc;
///
/// let heap = HeapArena::new()?;
/// // SAFETY: the heap is this thread's.
/// let (object, refused) = unsafe { (permacode_heap_malloc(&heap, 100), permacode_heap_malloc(&heap, usize::MAX)) };
/// assert_eq!((object.addr() % 16, heap.stats().live), (0, 112));
/// assert!(refused.is_null());
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Panics
///
/// In debug builds, where [`HeapArena::alloc`] does; the panic ends the process.
///
/// # Safety
///
/// `heap` points to a [`HeapArena`] that this thread may use.
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_malloc(heap: *const HeapArena, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    or_null(c_layout(size).and_then(|layout| heap.alloc(layout).ok()))
}

/// `calloc`: `count` elements of `size` bytes, all zero. `heap` is a [`HeapArena`].
///
/// ```c
/// void *permacode_heap_calloc(permacode_heap *heap, size_t count, size_t size);
/// ```
///
/// Costs what [`HeapArena::alloc_zeroed`] costs. Null says that there is no memory, or that the product is more than any object can have.
/// C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::permacode_heap_calloc;
///
/// let heap = HeapArena::new()?;
/// // SAFETY: the heap is this thread's, and the object has eight words.
/// let words = unsafe { permacode_heap_calloc(&heap, 8, 8).cast::<[u64; 8]>().read() };
/// assert_eq!(words, [0; 8]);
/// // SAFETY: the heap is this thread's.
/// assert!(unsafe { permacode_heap_calloc(&heap, usize::MAX, 2) }.is_null()); // no size is so large
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Panics
///
/// As [`permacode_heap_malloc`].
///
/// # Safety
///
/// As for [`permacode_heap_malloc`].
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_calloc(heap: *const HeapArena, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    let layout = count.checked_mul(size).and_then(c_layout);
    or_null(layout.and_then(|layout| heap.alloc_zeroed(layout).ok()))
}

/// `realloc`, of an object of this heap whose size nobody remembers.
///
/// ```c
/// void *permacode_heap_realloc(permacode_heap *heap, void *object, size_t size);
/// ```
///
/// Costs what [`HeapArena::usable_size`] and [`HeapArena::realloc`] cost. Size 0 frees and returns null; a null object is allocated, of
/// size 0 too. Any other null says that there is no memory, and the object is as it was. C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::{permacode_heap_malloc, permacode_heap_realloc};
///
/// let heap = HeapArena::new()?;
/// // SAFETY: the heap is this thread's; only the newest address is used, within its size.
/// unsafe {
///     let object = permacode_heap_malloc(&heap, 10);
///     object.cast::<u64>().write(42);
///     let moved = permacode_heap_realloc(&heap, object, 1_000_000);
///     assert_eq!(moved.cast::<u64>().read(), 42);
///     assert!(permacode_heap_realloc(&heap, moved, 0).is_null());
/// }
/// assert_eq!(heap.stats().objects, 0);
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Panics
///
/// In debug builds, if `object` is no object of this heap or was freed before; the panic ends the process.
///
/// # Safety
///
/// 1. `heap` points to a [`HeapArena`] that this thread may use.
/// 2. `object` is null, or was never an object of this heap, or is one that was not freed since. A pointer that was freed is none of these.
/// 3. If this succeeds, or `size` is 0, only the pointer that it returns is used from then on.
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_realloc(
    heap: *const HeapArena,
    object: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe {
        if size == 0 && !object.is_null() {
            (*heap).c_free(object.cast());
            return ptr::null_mut();
        }
        (*heap).c_realloc(object.cast(), size)
    }
}

/// Resizes an object as [`permacode_heap_realloc`] does, but never frees it: size 0 keeps an object of 16 bytes. `heap` is a [`HeapArena`].
///
/// ```c
/// void *permacode_heap_resize(permacode_heap *heap, void *object, size_t size);
/// ```
///
/// For machines that take null for a lack of memory, even for size 0: CPython, SQLite. Null says that there is no
/// memory, and the object is as it was. An object that gets no larger is never refused. C finds it by its name with
/// feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::{permacode_heap_free, permacode_heap_malloc, permacode_heap_resize};
///
/// let heap = HeapArena::new()?;
/// // SAFETY: the heap is this thread's; only the newest address is used.
/// unsafe {
///     let object = permacode_heap_malloc(&heap, 1000);
///     let nothing = permacode_heap_resize(&heap, object, 0);
///     assert!(!nothing.is_null());
///     assert_eq!(heap.usable_size(nothing.cast()), Some(16));
///     permacode_heap_free(&heap, nothing);
/// }
/// assert_eq!(heap.stats().objects, 0);
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Panics
///
/// As [`permacode_heap_realloc`].
///
/// # Safety
///
/// 1. `heap` points to a [`HeapArena`] that this thread may use.
/// 2. `object` is null, or was never an object of this heap, or is one that was not freed since. A pointer that was freed is none of these.
/// 3. If this succeeds, only the pointer that it returns is used from then on.
///
/// # Cost
///
/// That of [`HeapArena::usable_size`] and [`HeapArena::realloc`].
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_resize(
    heap: *const HeapArena,
    object: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { (*heap).c_realloc(object.cast(), size) }
}

/// `free`, of an object of this heap.
///
/// ```c
/// void permacode_heap_free(permacode_heap *heap, void *object);
/// ```
///
/// Costs what [`HeapArena::usable_size`] and [`HeapArena::free`] cost. Null is ignored. C finds it by its name with
/// feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::{permacode_heap_free, permacode_heap_malloc};
///
/// let heap = HeapArena::new()?;
/// // SAFETY: the heap is this thread's; the object is freed once.
/// unsafe {
///     let object = permacode_heap_malloc(&heap, 100);
///     permacode_heap_free(&heap, object);
///     permacode_heap_free(&heap, std::ptr::null_mut());
///     assert_eq!(permacode_heap_malloc(&heap, 112), object); // the same class, so the same place
/// }
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Panics
///
/// As [`permacode_heap_realloc`].
///
/// # Safety
///
/// 1. `heap` points to a [`HeapArena`] that this thread may use.
/// 2. `object` is null, or was never an object of this heap, or is one that was not freed since. A pointer that was freed is none of these.
/// 3. Nobody uses it any more.
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_free(heap: *const HeapArena, object: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { (*heap).c_free(object.cast()) }
}

/// Returns the bytes that an object has, in any [registered](HeapArena::register) heap; 0 for null and for a pointer to
/// no object.
///
/// ```c
/// size_t permacode_heap_usable_size(const void *object);
/// ```
///
/// Costs five loads for each of up to 256 heaps that could be registered, and then [`HeapArena::usable_size`]: no lock, no write, no system
/// call. It cannot fail. C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::HeapArena;
/// use permacode::ffi::{permacode_heap_malloc, permacode_heap_usable_size};
///
/// let heap = HeapArena::new()?;
/// // SAFETY: the heap is this thread's.
/// let object = unsafe { permacode_heap_malloc(&heap, 100) };
/// let registered = heap.register()?;
/// // SAFETY: as above.
/// assert_eq!(unsafe { permacode_heap_usable_size(object) }, 112);
/// drop(registered);
/// // SAFETY: as above.
/// assert_eq!(unsafe { permacode_heap_usable_size(object) }, 0);
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Safety
///
/// This thread may use the heap that the object lies in. No [`Registration`](crate::heap::Registration) was leaked (`mem::forget`) whose heap has
/// been moved or dropped since.
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_usable_size(object: *const c_void) -> usize {
    // SAFETY: the caller may use the heap that is found, if one is.
    let heap = unsafe { find(object.addr()) };
    heap.and_then(|heap| heap.usable_size(object.cast())).unwrap_or(0)
}

/// Returns `true` if `ptr` lies in the code pages of `arena`: [`CodeArena::contains`] for C. It is `false` for a null
/// arena. `ptr` is not dereferenced.
///
/// ```c
/// bool permacode_code_contains(const permacode_code *code, const void *address);
/// ```
///
/// Costs a subtraction and two comparisons: no system call, no write. It cannot fail. C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::CodeArena;
/// use permacode::ffi::permacode_code_contains;
///
/// let arena = CodeArena::new()?;
/// let text = arena.load("m")?.alloc_str("inside")?;
/// // SAFETY: the arena outlives the call.
/// assert!(unsafe { permacode_code_contains(&arena, text.as_ptr().cast()) });
/// // SAFETY: null is allowed.
/// assert!(!unsafe { permacode_code_contains(std::ptr::null(), text.as_ptr().cast()) });
/// # Ok::<(), permacode::Error>(())
/// ```
///
/// # Safety
///
/// `arena` is null or points to a [`CodeArena`] that is not dropped during the call.
#[cfg_attr(all(feature = "c-symbols", not(test)), unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_code_contains(arena: *const CodeArena, ptr: *const c_void) -> bool {
    // SAFETY: the caller's promise.
    unsafe { arena.as_ref() }.is_some_and(|arena| arena.contains(ptr))
}
