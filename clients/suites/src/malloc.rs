//! The C library's allocation functions under their own names, served by a [`GlobalHeap`]: to be preloaded into a program.
//!
//! ```text
//!   malloc ──▶ GlobalHeap ──▶ the main thread's heap
//!                        ╰──▶ System ──▶ malloc, this thread is inside ──▶ __libc_malloc
//! ```
//!
//! C frees without a size, and Rust's allocators must be told one. So 16 bytes before each object say where it begins and how large it is.
//! The first call makes the heap. It comes from the main thread, which is the owner from then on.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use permacode::GlobalHeap;

static HEAP: GlobalHeap = GlobalHeap::new();
static STARTED: AtomicBool = AtomicBool::new(false);
static SERVED: AtomicUsize = AtomicUsize::new(0);

std::thread_local! {
    /// Tells that this thread is in a call of the heap's. What it asks for now is the C library's.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(object: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(object: *mut c_void);
}

extern "C" fn report() {
    // A child that another thread forked has no heap, and reports nothing.
    if let Some(heap) = HEAP.heap() {
        crate::report::append("malloc", SERVED.load(Relaxed), heap);
    }
}

/// Calls the heap. What the heap asks of `malloc` meanwhile is the C library's.
fn inside<T>(call: impl FnOnce() -> T) -> T {
    INSIDE.set(true);
    if !STARTED.swap(true, Relaxed) {
        // Without a heap everything is the C library's, and the report lacks a line.
        let _ = HEAP.claim();
        // SAFETY: a function that lasts and takes nothing.
        unsafe { libc::atexit(report) };
    }
    let done = call();
    INSIDE.set(false);
    done
}

/// Stands before each object, so that `free` knows its layout.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Header {
    /// The beginning of the allocation, which may lie before the header: a header ends where its object begins.
    start: *mut u8,
    size: usize,
}

const HEADER: usize = size_of::<Header>();

/// Returns the layout of an object with its header, and how far behind the beginning the object lies.
fn with_header(size: usize, align: usize) -> Option<(Layout, usize)> {
    let offset = align.max(HEADER);
    Some((Layout::from_size_align(size.checked_add(offset)?, offset).ok()?, offset))
}

fn no_memory() -> *mut u8 {
    // SAFETY: this thread's variable.
    unsafe { *libc::__errno_location() = libc::ENOMEM };
    ptr::null_mut()
}

/// Writes the header of an allocation of `size` bytes, which begins at `start`; null stays null.
///
/// # Safety
///
/// The allocation is new and has `offset` bytes more, and `offset` is at least a header.
unsafe fn headed(start: *mut u8, offset: usize, size: usize) -> *mut u8 {
    if start.is_null() {
        return no_memory();
    }
    // SAFETY: the header lies in the allocation, before the object, aligned as both are.
    unsafe {
        let object = start.add(offset);
        object.cast::<Header>().sub(1).write(Header { start, size });
        object
    }
}

/// Reads the header of an object, and makes the layout that it was allocated with.
///
/// # Safety
///
/// A live object of [`headed`]'s.
unsafe fn header(object: *mut u8) -> (Header, Layout) {
    // SAFETY: its header lies before it; its offset and its size made a layout before.
    unsafe {
        let header = object.cast::<Header>().sub(1).read();
        let offset = object.offset_from_unsigned(header.start);
        (header, Layout::from_size_align_unchecked(header.size + offset, offset))
    }
}

fn allocate(size: usize, align: usize, zeroed: bool) -> *mut u8 {
    let Some((layout, offset)) = with_header(size, align) else { return no_memory() };
    if HEAP.heap().is_some() {
        SERVED.fetch_add(1, Relaxed);
    }
    // SAFETY: the layout has bytes, of which the first are the header's.
    unsafe { headed(inside(|| if zeroed { HEAP.alloc_zeroed(layout) } else { HEAP.alloc(layout) }), offset, size) }
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    if INSIDE.get() {
        // SAFETY: no condition.
        return unsafe { __libc_malloc(size) };
    }
    allocate(size, HEADER, false).cast()
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    if INSIDE.get() {
        // SAFETY: no condition.
        return unsafe { __libc_calloc(count, size) };
    }
    count.checked_mul(size).map_or_else(no_memory, |size| allocate(size, HEADER, true)).cast()
}

/// # Safety
///
/// As for C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(object: *mut c_void) {
    if object.is_null() {
        return;
    }
    // SAFETY: the caller's promise. What is freed inside was the C library's, for only that was given there.
    unsafe {
        if INSIDE.get() {
            return __libc_free(object);
        }
        let (header, layout) = header(object.cast());
        inside(|| HEAP.dealloc(header.start, layout));
    }
}

/// # Safety
///
/// As for C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(object: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise, as for `free`. An object whose alignment is no greater than a header's is resized with its header, any
    // other is copied, as far as both have bytes.
    unsafe {
        if INSIDE.get() {
            return __libc_realloc(object, size);
        }
        if object.is_null() {
            return malloc(size);
        }
        if size == 0 {
            free(object);
            return ptr::null_mut();
        }
        let (header, layout) = header(object.cast());
        if layout.align() > HEADER {
            let copy = malloc(size);
            if !copy.is_null() {
                copy.copy_from_nonoverlapping(object, header.size.min(size));
                free(object);
            }
            return copy;
        }
        let Some((new, offset)) = with_header(size, HEADER) else { return no_memory().cast() };
        headed(inside(|| HEAP.realloc(header.start, layout, new.size())), offset, size).cast()
    }
}

/// # Safety
///
/// As for C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(object: *mut c_void, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    count.checked_mul(size).map_or_else(|| no_memory().cast(), |size| unsafe { realloc(object, size) })
}

#[unsafe(no_mangle)]
extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    if INSIDE.get() {
        // SAFETY: no condition.
        return unsafe { __libc_memalign(align, size) };
    }
    if align.is_power_of_two() { allocate(size, align, false).cast() } else { ptr::null_mut() }
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    memalign(align, size)
}

/// # Safety
///
/// As for C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<usize>() {
        return libc::EINVAL;
    }
    let object = memalign(align, size);
    if object.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's promise.
    unsafe { to.write(object) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn valloc(size: usize) -> *mut c_void {
    memalign(4096, size)
}

#[unsafe(no_mangle)]
extern "C" fn pvalloc(size: usize) -> *mut c_void {
    size.checked_next_multiple_of(4096).map_or_else(|| no_memory().cast(), |size| valloc(size))
}

/// # Safety
///
/// As for C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(object: *mut c_void) -> usize {
    // SAFETY: the caller's promise; nothing asks for this inside.
    if object.is_null() { 0 } else { unsafe { header(object.cast()).0.size } }
}
