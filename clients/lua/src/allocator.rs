//! The source of Lua's memory.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use permacode::HeapArena;
use permacode::ffi::permacode_heap_lua_alloc;

/// Lua's one function for all memory, `lua_Alloc`: `(data, block, old size, new size)`.
///
/// A null `block` asks for a new one; the old size is then a hint at the kind of object. A new size of 0 frees, and
/// everything else resizes. Null is returned for refused memory.
pub type AllocFunction = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;

/// The memory that a [`State`](crate::State) lives in, valid for `'a`.
///
/// Two words, `Copy`; making one costs nothing.
///
/// ```
/// use permacode::HeapArena;
/// use permacode_lua::{Allocator, State};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let heap = HeapArena::new()?;
/// let on_the_heap_arena = State::with_allocator(Allocator::heap(&heap))?;
/// let on_malloc = State::with_allocator(Allocator::system())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Allocator<'a> {
    pub(crate) function: AllocFunction,
    /// Not `Send`, which [`heap`](Self::heap) relies on.
    pub(crate) data: *mut c_void,
    /// `data` may borrow for as long.
    borrow: PhantomData<&'a ()>,
}

impl Allocator<'static> {
    /// The C library's `realloc` and `free`, as in the `lua` program.
    pub fn system() -> Self {
        Self { function: system, data: ptr::null_mut(), borrow: PhantomData }
    }
}

impl<'a> Allocator<'a> {
    /// Objects of a heap arena. Several states of a thread may share one heap, and Rust's objects may lie beside Lua's.
    ///
    /// A limit of the heap's is Lua's memory limit: what goes beyond it is [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory), after
    /// a full collection. In debug builds the heap checks every free, and a failed check ends the process.
    ///
    /// A state does not outlive its heap, not even while it is dropped:
    ///
    /// ```compile_fail,E0597
    /// use permacode::HeapArena;
    /// use permacode_lua::{Allocator, State};
    ///
    /// let state;
    /// let heap = HeapArena::new().unwrap(); // dropped first: `heap` does not live long enough
    /// state = State::with_allocator(Allocator::heap(&heap)).unwrap();
    /// ```
    ///
    /// nor is the heap emptied under its feet:
    ///
    /// ```compile_fail,E0502
    /// use permacode::HeapArena;
    /// use permacode_lua::{Allocator, State};
    ///
    /// let mut heap = HeapArena::new().unwrap();
    /// let state = State::with_allocator(Allocator::heap(&heap)).unwrap();
    /// heap.reset().unwrap(); // borrowed by `state`
    /// ```
    pub fn heap(heap: &'a HeapArena) -> Self {
        // What the function asks for: a heap at this address for all of 'a, and calls by the one thread that may use it, because the
        // heap is not `Sync`, and neither this value nor a state goes to another thread.
        Self { function: permacode_heap_lua_alloc, data: ptr::from_ref(heap).cast_mut().cast(), borrow: PhantomData }
    }

    /// A function of the caller's own; `data` is handed to each call.
    ///
    /// # Safety
    ///
    /// For all of `'a`, `function` may be called with `data`, from any thread that owns the state. It does what Lua's
    /// manual says of `lua_Alloc`:
    ///
    /// 1. The result is aligned for every C type, holds the new size in bytes, keeps the contents up to the smaller of
    ///    both sizes, and belongs to the caller until freed.
    /// 2. It refuses by null, and leaves the old block as it was. It never refuses to make a block smaller.
    /// 3. It does not unwind.
    pub unsafe fn new(function: AllocFunction, data: *mut c_void) -> Self {
        Self { function, data, borrow: PhantomData }
    }

    /// Calls the function: for an allocator that wraps another, to count, to log or to refuse.
    ///
    /// # Safety
    ///
    /// `block` is null, or came from this allocator with size `old`, was not freed since, and is given up if this succeeds.
    pub unsafe fn call(self, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
        // SAFETY: the function may be called with its data for all of 'a, on this thread; the rest is the caller's promise.
        unsafe { (self.function)(self.data, block, old, new) }
    }
}

impl fmt::Debug for Allocator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allocator").finish_non_exhaustive()
    }
}

unsafe extern "C" fn system(_: *mut c_void, block: *mut c_void, _: usize, size: usize) -> *mut c_void {
    // SAFETY: Lua passes null or a block that this function returned and nobody freed. A new size of 0 frees, and must not reach
    // `realloc`, for which C leaves it undefined.
    unsafe {
        if size == 0 {
            libc::free(block);
            ptr::null_mut()
        } else {
            libc::realloc(block, size)
        }
    }
}
