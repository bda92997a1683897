//! Where Lua gets its memory from.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;

/// Lua's one function for all memory, `lua_Alloc`: `(data, block, old size, new size)`.
///
/// A null `block` asks for a new one (the old size is then a hint at what kind of object it is for), a new size of 0 frees, everything else
/// resizes. Null is returned for refused memory.
pub type AllocFunction = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;

/// The memory that a [`State`](crate::State) lives in, valid for `'a`.
///
/// Two words, `Copy`; making one costs nothing.
///
/// ```
/// use permacode_lua::{Allocator, State};
///
/// # fn main() -> Result<(), permacode_lua::LuaError> {
/// let state = State::with_allocator(Allocator::system())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Allocator<'a> {
    pub(crate) function: AllocFunction,
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

impl Allocator<'_> {
    /// A function of the caller's own; `data` is handed to each call.
    ///
    /// # Safety
    ///
    /// For all of `'a`, `function` may be called with `data`, from any thread that owns the state, and does what Lua's manual says of
    /// `lua_Alloc`: what it returns is aligned for every C type, holds the new size in bytes, keeps the contents up to the smaller of
    /// both sizes and belongs to the caller until freed; it refuses by null, leaving the old block as it was, and never refuses to make a
    /// block smaller. It does not unwind.
    pub unsafe fn new(function: AllocFunction, data: *mut c_void) -> Self {
        Self { function, data, borrow: PhantomData }
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
