//! The heap for C: the allocation functions that virtual machines ask for.
//!
//! They are Rust items to be passed as function pointers; feature `c-symbols` gives them their names as symbols too, for C that declares
//! them.
//!
//! Objects are aligned to 16 bytes. What has the old size or not, and who knows the heap, differs between virtual machines:
//!
//! | function | for example | old size | heap |
//! | --- | --- | --- | --- |
//! | [`permacode_heap_lua_alloc`] | `lua_newstate` | given, and exact | given |
//! | [`permacode_heap_malloc`], [`…_calloc`](permacode_heap_calloc), [`…_realloc`](permacode_heap_realloc), [`…_free`](permacode_heap_free) | `JSMallocFunctions` of QuickJS-ng | found | given |
//! | [`permacode_heap_usable_size`] | its `js_malloc_usable_size` | found | found among the [registered](HeapArena::register) |
//!
//! Lua and QuickJS-ng take them as they are, with the heap as `ud` or `opaque`. Others need a function of a line around each: Bellard's
//! QuickJS gives a `JSMallocState *` whose `opaque` is the heap; mruby's `mrb_allocf` has four parameters, of which the last is the heap,
//! and frees null by size 0, for which `realloc` would allocate: there it is `size ? realloc : free`.
//!
//! What odd arguments do, in debug and in release alike unless it says otherwise. [`permacode_heap_lua_alloc`] looks nothing up and
//! believes the old size, so for it the last two lines are undefined in release:
//!
//! | | |
//! | --- | --- |
//! | size 0 to allocate | an object of 16 bytes that is freed like any other, as from `malloc` |
//! | size 0 to reallocate | frees, returns null |
//! | null to free | nothing |
//! | null to reallocate | allocates, size 0 too; [`permacode_heap_lua_alloc`] returns null for that |
//! | a size that overflows, or no memory | null; what was there stays |
//! | a pointer that is no object of the heap | never dereferenced. Free does nothing, reallocate returns null, its usable size is 0. In debug builds free and reallocate panic, which ends the process at a C frame |
//! | a pointer that was freed | debug builds panic; in release as for `free`, undefined |

use super::arena::HeapArena;
use super::classes::TABLE;
use super::slab::Use;
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
    /// That is the size of its class, or in units of 4 KiB that of a large object: at least what was asked for. Of a free object it may tell
    /// the size as well. Costs a division by multiplication and a read of 12 bytes known of the slab; no write. The address is not
    /// dereferenced.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// let heap = permacode::HeapArena::new()?;
    /// let object = heap.alloc(Layout::new::<[u8; 100]>())?.as_ptr();
    /// assert_eq!(heap.usable_size(object), Some(104));
    /// assert_eq!(heap.usable_size(object.wrapping_add(1)), None); // no object begins there
    /// let large = heap.alloc(Layout::new::<[u8; 40_000]>())?.as_ptr();
    /// assert_eq!(heap.usable_size(large), Some(40 << 10));
    /// # Ok::<(), permacode::Error>(())
    /// ```
    pub fn usable_size(&self, object: *const u8) -> Option<usize> {
        let slabs = self.slabs();
        let (number, index) = slabs.object_at(object.addr())?;
        let (start, size) = match slabs.slab(number).usage() {
            Use::Class(class) => (index * TABLE[class].size, TABLE[class].size),
            Use::Span(extent) => (0, extent.bytes()),
            Use::Vacant | Use::Rest(_) => return None,
        };
        (slabs.address(number).addr().get() + start == object.addr()).then_some(size)
    }

    /// A layout that frees the object at an address as well as the one that it was allocated with.
    fn layout_at(&self, object: *const u8) -> Option<(NonNull<u8>, Layout)> {
        let size = self.usable_size(object)?;
        // A class that is no multiple of 16 does not keep that alignment; nothing of C's is of one.
        let align = if size % ALIGN == 0 { ALIGN } else { 1 };
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
            let live = self.slabs().own(live);
            let moved = self.realloc_fast(live, old_layout, new_layout);
            let moved = moved.or_else(|| self.try_realloc(live, old_layout, new_layout).ok());
            // Where there is no smaller place it stays in its own: it is freed by its address, so nobody has to know.
            let stays = new_layout.size() <= old_layout.size() && object.addr() % ALIGN == 0;
            or_null(moved.or(if stays { Some(live) } else { None }))
        }
    }
}

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
/// use permacode::{HeapArena, permacode_heap_lua_alloc};
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

/// `malloc`: an object of at least `size` bytes, aligned to 16. `heap` is a [`HeapArena`].
///
/// ```c
/// void *permacode_heap_malloc(const void *heap, size_t size);
/// ```
///
/// Costs what [`HeapArena::alloc`] costs, of the size rounded up to 16 bytes. Null says that there is no memory. C finds it by its name
/// with feature `c-symbols`.
///
/// ```
/// use permacode::{HeapArena, permacode_heap_malloc};
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
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_malloc(heap: *const HeapArena, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    or_null(layout(size).and_then(|layout| heap.alloc(layout).ok()))
}

/// `calloc`: `count` elements of `size` bytes, all zero. `heap` is a [`HeapArena`].
///
/// ```c
/// void *permacode_heap_calloc(const void *heap, size_t count, size_t size);
/// ```
///
/// Costs what [`HeapArena::alloc_zeroed`] costs. Null says that there is no memory, or that the product is more than any object can have.
/// C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::{HeapArena, permacode_heap_calloc};
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
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_calloc(heap: *const HeapArena, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    let layout = count.checked_mul(size).and_then(layout);
    or_null(layout.and_then(|layout| heap.alloc_zeroed(layout).ok()))
}

/// `realloc`, of an object of this heap whose size nobody remembers.
///
/// ```c
/// void *permacode_heap_realloc(const void *heap, void *object, size_t size);
/// ```
///
/// Costs what [`HeapArena::usable_size`] and [`HeapArena::realloc`] cost. Size 0 frees and returns null; a null object is allocated, of
/// size 0 too. Any other null says that there is no memory, and the object is as it was. C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::{HeapArena, permacode_heap_malloc, permacode_heap_realloc};
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
/// ```c
/// void permacode_heap_free(const void *heap, void *object);
/// ```
///
/// Costs what [`HeapArena::usable_size`] and [`HeapArena::free`] cost. Null is ignored. C finds it by its name with
/// feature `c-symbols`.
///
/// ```
/// use permacode::{HeapArena, permacode_heap_free, permacode_heap_malloc};
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
/// ```c
/// size_t permacode_heap_usable_size(const void *object);
/// ```
///
/// Costs five loads for each of up to 256 heaps that could be registered, and then [`HeapArena::usable_size`]: no lock, no write, no system
/// call. It cannot fail. C finds it by its name with feature `c-symbols`.
///
/// ```
/// use permacode::{HeapArena, permacode_heap_malloc, permacode_heap_usable_size};
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
/// This thread may use the heap that the object lies in. No [`Registered`](crate::Registered) was leaked (`mem::forget`) whose heap has
/// been moved or dropped since.
#[cfg_attr(feature = "c-symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn permacode_heap_usable_size(object: *const c_void) -> usize {
    // SAFETY: the caller may use the heap that is found, if one is.
    let heap = unsafe { super::registry::find(object.addr()) };
    heap.and_then(|heap| heap.usable_size(object.cast())).unwrap_or(0)
}
