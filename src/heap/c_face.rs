//! The heap for C: allocation functions that a virtual machine takes as they are.
//!
//! They are Rust items to be passed as function pointers; feature `c-symbols` gives them their names as symbols too, for C that declares
//! them.
//!
//! Objects are aligned to 16 bytes. What has the old size or not, and who knows the heap, differs between virtual machines:
//!
//! | function | for example | old size | heap |
//! | --- | --- | --- | --- |
//! | [`permacode_heap_lua_alloc`] | `lua_newstate` | given, and exact | given |
//! | [`permacode_heap_malloc`], [`…_calloc`](permacode_heap_calloc), [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free) | `mrb_open_allocf`, QuickJS | found | given |
//! | [`permacode_heap_usable_size`] | QuickJS's `usable_size(ptr)` | found | found among the [registered](HeapArena::register) |
//!
//! What odd arguments do, in debug and in release alike unless it says otherwise:
//!
//! | | |
//! | --- | --- |
//! | size 0 to allocate | an object of 16 bytes that is freed like any other, as from `malloc` |
//! | size 0 to reallocate | frees, returns null |
//! | null to free | nothing |
//! | null to reallocate | allocates |
//! | a size that overflows, or no memory | null; what was there stays |
//! | a pointer that is no object of the heap | never dereferenced. Free does nothing, reallocate returns null, its usable size is 0. In debug builds free and reallocate panic, which ends the process at a C frame |
//! | a pointer that was freed | debug builds panic; in release as for `free`, undefined |

use super::arena::HeapArena;
use super::classes::{LARGEST, SLAB, TABLE};
use super::slabs::Use;
use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

/// What C expects of an allocation: `alignof(max_align_t)`.
const ALIGN: usize = 16;

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), ALIGN).ok()
}

fn or_null(object: Option<NonNull<u8>>) -> *mut c_void {
    object.map_or(ptr::null_mut(), |object| object.as_ptr().cast())
}

impl HeapArena {
    /// The bytes that the object at an address has, from what is known of its slab; `None` where no object begins.
    ///
    /// Costs a division by multiplication and three loads; the address is not dereferenced.
    pub fn usable_size(&self, object: *const u8) -> Option<usize> {
        let slabs = self.slabs();
        let (number, index) = slabs.object_at(object.addr())?;
        let (start, size) = match slabs.slab(number).usage() {
            Use::Class(class) => (index * TABLE[class].size, TABLE[class].size),
            Use::Span(count) => (0, count * SLAB),
            Use::Vacant | Use::Rest => return None,
        };
        (slabs.address(number).addr().get() + start == object.addr()).then_some(size)
    }

    /// A layout that frees the object at an address as well as the one that it was allocated with.
    fn layout_at(&self, object: *const u8) -> Option<(NonNull<u8>, Layout)> {
        let size = self.usable_size(object)?;
        // A class of 8 bytes has no alignment of 16; large objects' sizes are whole slabs.
        let align = if size > LARGEST { ALIGN } else { 1 };
        Some((NonNull::new(object.cast_mut())?, Layout::from_size_align(size, align).ok()?))
    }

    /// A foreign pointer, reported in debug builds.
    fn foreign(&self, object: *const u8) {
        if cfg!(debug_assertions) {
            panic!("{object:p} is given back, but is no object of this heap");
        }
    }

    /// # Safety
    ///
    /// `object` is null, foreign, or an object of this heap that the caller gives up if this succeeds.
    unsafe fn c_realloc(&self, object: *mut u8, new: usize) -> *mut c_void {
        let Some(new_layout) = layout(new) else { return ptr::null_mut() };
        if object.is_null() {
            return or_null(self.alloc(new_layout).ok());
        }
        let Some((live, old_layout)) = self.layout_at(object) else {
            self.foreign(object);
            return ptr::null_mut();
        };
        // SAFETY: an object of this heap; its layout has its class, which is all that counts.
        unsafe {
            if new == 0 {
                self.free(live, old_layout);
                return ptr::null_mut();
            }
            or_null(self.realloc(live, old_layout, new_layout).ok())
        }
    }
}

/// `lua_Alloc`: allocates, reallocates or frees, with the exact old size. `heap` is a [`HeapArena`].
///
/// Null says that there is no memory, also when an object should shrink: Lua reckons with that since 5.4.
///
/// # Safety
///
/// `heap` points to a [`HeapArena`] that this thread may use. `object` is null, and then `old` means nothing, or came from this function
/// with size `old` and is given up if this succeeds.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_lua_alloc(
    heap: *mut c_void,
    object: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap.cast::<HeapArena>() };
    let Some(object) = NonNull::new(object.cast::<u8>()) else {
        return if new == 0 { ptr::null_mut() } else { or_null(layout(new).and_then(|new| heap.alloc(new).ok())) };
    };
    let (Some(new_layout), Some(old_layout)) = (layout(new), layout(old)) else { return ptr::null_mut() };
    // SAFETY: the caller's promise.
    unsafe {
        if new == 0 {
            heap.free(object, old_layout);
            return ptr::null_mut();
        }
        or_null(heap.realloc(object, old_layout, new_layout).ok())
    }
}

/// `malloc`. `heap` is a [`HeapArena`].
///
/// # Safety
///
/// `heap` points to a [`HeapArena`] that this thread may use.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_malloc(heap: *const HeapArena, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    or_null(layout(size).and_then(|layout| heap.alloc(layout).ok()))
}

/// `calloc`: `count` elements of `size` bytes, all zero. `heap` is a [`HeapArena`].
///
/// # Safety
///
/// As for [`permacode_heap_malloc`].
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_calloc(heap: *const HeapArena, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    let layout = count.checked_mul(size).and_then(layout);
    or_null(layout.and_then(|layout| heap.alloc_zeroed(layout).ok()))
}

/// `realloc`, of an object of this heap whose size nobody remembers.
///
/// # Safety
///
/// As for [`permacode_heap_malloc`]; if `object` is one of the heap's, the caller gives it up if this succeeds.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_realloc(
    heap: *const HeapArena,
    object: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { (*heap).c_realloc(object.cast(), size) }
}

/// `free`, of an object of this heap.
///
/// # Safety
///
/// As for [`permacode_heap_malloc`]; if `object` is one of the heap's, nobody uses it any more.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_free(heap: *const HeapArena, object: *mut c_void) {
    if !object.is_null() {
        // SAFETY: the caller's promise; size 0 frees.
        unsafe { (*heap).c_realloc(object.cast(), 0) };
    }
}

/// The bytes that an object has, in whichever [registered](HeapArena::register) heap it lies; 0 for null and for what is no object.
///
/// # Safety
///
/// This thread may use the heap that the object lies in. No [`Registered`](crate::Registered) was leaked (`mem::forget`) whose heap has
/// been moved or dropped since.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_usable_size(object: *const c_void) -> usize {
    // SAFETY: the caller may use the heap that is found, if one is.
    let heap = unsafe { super::registry::find(object.addr()) };
    heap.and_then(|heap| heap.usable_size(object.cast())).unwrap_or(0)
}
