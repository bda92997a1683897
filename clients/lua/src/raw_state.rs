//! A `lua_State` that is owned: made, used through [`protect`], closed.

use super::allocator::Allocator;
use super::error::LuaError;
use super::protected::protect;
use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::ptr::NonNull;
use mlua_sys as lua;
use mlua_sys::{lua_CFunction, lua_State};

/// An owned main thread of Lua.
///
/// * Whoever calls leaves the stack as it was, so at least 20 slots are free.
/// * Invariant in `'a`: code that lives shorter than the state must not be loaded into a borrowed one that claims to.
/// * `Drop` is implemented *here, on a type that names `'a`*: closing runs finalizers, which are code. Without the name, a state could
///   be dropped after the arena it runs from.
pub(crate) struct RawState<'a> {
    state: NonNull<lua_State>,
    code: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> RawState<'a> {
    /// A state without libraries.
    pub(crate) fn new(allocator: Allocator<'a>) -> Result<Self, LuaError> {
        // SAFETY: the seed needs no state. `Allocator` promises that the function works as Lua wants for all of 'a, and `self` does not
        // outlive 'a. Null stands for refused memory.
        let state = unsafe {
            let seed = lua::luaL_makeseed(core::ptr::null_mut());
            lua::lua_newstate(allocator.function, allocator.data, seed)
        };
        Ok(Self { state: NonNull::new(state).ok_or(LuaError::memory())?, code: PhantomData })
    }

    pub(crate) fn as_ptr(&self) -> *mut lua_State {
        self.state.as_ptr()
    }

    /// As [`protect`], with a value of any type for data, and `read` for the results while they are on the stack.
    ///
    /// # Safety
    ///
    /// `body` is plain, keeps Lua's rules, takes a light userdata that points to a `D`, and returns at least `results` values.
    pub(crate) unsafe fn protect<D, R>(
        &self,
        body: lua_CFunction,
        data: &mut D,
        results: c_int,
        read: impl FnOnce(*mut lua_State, &D) -> Result<R, LuaError>,
    ) -> Result<R, LuaError> {
        let data: *mut D = data;
        // SAFETY: the state is live, not shared between threads, and has free slots; the rest is the caller's promise. `data` outlives
        // the call. What `read` may do is up to safe code; the results are taken off whatever it says.
        unsafe {
            protect(self.as_ptr(), body, data.cast::<c_void>(), results)?;
            let outcome = read(self.as_ptr(), &*data);
            lua::lua_settop(self.as_ptr(), -results - 1);
            outcome
        }
    }
}

impl Drop for RawState<'_> {
    fn drop(&mut self) {
        // SAFETY: the state was not closed before. Closing does not raise: errors in finalizers become warnings, which are off.
        unsafe { lua::lua_close(self.as_ptr()) }
    }
}
