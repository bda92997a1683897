//! Heaps: made, deleted, asked and swept. What allocates are the functions of `permacode::ffi`, for which a [`Heap`] is the [`HeapArena`] that it
//! begins with.

use crate::code::boxed;
use crate::status::{Status, status};
use permacode::HeapArena;
use permacode::heap::Registration;
use std::cell::RefCell;
use std::ffi::c_void;

/// `permacode_heap`. The registration is dropped before the heap.
#[repr(C)]
pub struct Heap {
    /// First, so that a pointer to the whole is one to this: that is what the functions of `permacode::ffi` take.
    arena: HeapArena,
    registration: RefCell<Option<Registration<'static>>>,
}

const _: () = assert!(std::mem::offset_of!(Heap, arena) == 0);

/// `permacode_heap_counts`.
#[repr(C)]
pub struct Counts {
    live: usize,
    objects: usize,
    committed: usize,
    reserved: usize,
}

/// `permacode_heap_new` of the header.
///
/// # Safety
///
/// `heap` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_new(reservation: usize, limit: usize, heap: *mut *mut Heap) -> Status {
    status(|| {
        let mut builder = HeapArena::builder();
        if reservation != 0 {
            builder = builder.reservation(reservation);
        }
        if limit != 0 {
            builder = builder.limit(limit);
        }
        boxed(Heap { arena: builder.build()?, registration: RefCell::new(None) }, heap)
    })
}

/// `permacode_heap_delete` of the header.
///
/// # Safety
///
/// `heap` is null or came from [`permacode_heap_new`] and was not deleted. Nobody uses its objects any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_delete(heap: *mut Heap) {
    if !heap.is_null() {
        // SAFETY: the caller's promise. The registration borrows the heap where it lies, so it goes first.
        unsafe {
            drop((*heap).registration.take());
            drop(Box::from_raw(heap));
        }
    }
}

/// `permacode_heap_register` of the header.
///
/// # Safety
///
/// `heap` is a heap that this thread may use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_register(heap: *const Heap) -> Status {
    status(|| {
        // SAFETY: the caller's promise. The heap is boxed; `permacode_heap_delete` drops the registration before it.
        let heap: &'static Heap = unsafe { &*heap };
        let mut registration = heap.registration.borrow_mut();
        if registration.is_none() {
            *registration = Some(heap.arena.register()?);
        }
        Ok(())
    })
}

/// `permacode_heap_stats` of the header.
///
/// # Safety
///
/// `heap` is a heap that this thread may use; `counts` is a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_stats(heap: *const Heap, counts: *mut Counts) {
    // SAFETY: the caller's promise.
    let stats = unsafe { (*heap).arena.stats() };
    let of_heap =
        Counts { live: stats.live, objects: stats.objects, committed: stats.committed, reserved: stats.reserved };
    // SAFETY: the caller's promise.
    unsafe { counts.write(of_heap) };
}

/// `permacode_heap_trim` of the header.
///
/// # Safety
///
/// `heap` is a heap that this thread may use; `returned` is null or a valid place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_trim(heap: *const Heap, returned: *mut usize) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let bytes = unsafe { (*heap).arena.trim()? };
        if !returned.is_null() {
            // SAFETY: the caller's promise.
            unsafe { returned.write(bytes) };
        }
        Ok(())
    })
}

/// `permacode_heap_mark` of the header.
///
/// # Safety
///
/// `heap` is a heap that this thread may use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_mark(heap: *const Heap, object: *const c_void) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (*heap).arena.mark(object) == Some(true) }
}

/// `permacode_heap_sweep` of the header.
///
/// # Safety
///
/// `heap` is a heap that this thread may use, and nobody uses an object of it any more that is not marked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_sweep(heap: *const Heap) -> usize {
    // SAFETY: the caller's promise. C has no transient code.
    unsafe { (*heap).arena.sweep().bytes }
}

/// `permacode_heap_fence` of the header.
///
/// # Safety
///
/// `heap` is a heap that this thread may use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn permacode_heap_fence(heap: *const Heap) {
    // SAFETY: the caller's promise.
    unsafe { (*heap).arena.fence() };
}
