//! Calls into Lua that may raise an error.
//!
//! Lua raises by `longjmp` to the nearest `lua_pcall`. Whatever Rust frames lie between must be *plain*: no local of theirs needs
//! dropping, because none would be dropped. Hence this discipline, on which the SAFETY comments rest:
//!
//! ```text
//!   a method of State: has vectors, guards …
//!     protect ── lua_pcall ─────────────────────────── an error lands here, as a status
//!       a trampoline (`Body`): plain: raw pointers and integers only
//!         Lua's API, programs, the message handler ─── an error is raised here
//! ```
//!
//! What a trampoline works on lies in the frame below `protect`, which hands it a pointer.

use super::bytes::text;
use super::error::{LuaError, LuaErrorKind};
use core::ffi::{c_int, c_void};
use core::slice;
use mlua_sys as lua;
use mlua_sys::{lua_CFunction, lua_State};
use std::borrow::Cow;

/// Runs `body` where it may raise; it finds `data` as a light userdata at index 1. Its last `results` values are left on the stack;
/// after an error the stack is as it was.
///
/// # Safety
///
/// `state` is a live Lua state of this thread with four free stack slots; `body` is plain, keeps Lua's rules, and may be called with
/// `data`.
pub(crate) unsafe fn protect(
    state: *mut lua_State,
    body: lua_CFunction,
    data: *mut c_void,
    results: c_int,
) -> Result<(), LuaError> {
    // SAFETY: three pushes into slots that the caller vouches for; a C function without upvalues and a light userdata need no memory, so
    // none of the calls here raises: what `body` raises ends in `lua_pcall`.
    unsafe {
        let base = lua::lua_gettop(state);
        lua::lua_pushcfunction(state, handle);
        lua::lua_pushcfunction(state, body);
        lua::lua_pushlightuserdata(state, data);
        let status = lua::lua_pcall(state, 1, results, base + 1);
        let outcome = if status == lua::LUA_OK { Ok(()) } else { Err(error(state, status)) };
        match outcome {
            Ok(()) => lua::lua_remove(state, base + 1),
            Err(_) => lua::lua_settop(state, base),
        }
        outcome
    }
}

/// The error whose value is on top of the stack; the stack is left alone.
///
/// # Safety
///
/// `state` is a live Lua state of this thread, with a value on its stack and two free slots.
pub(crate) unsafe fn error(state: *mut lua_State, status: c_int) -> LuaError {
    let kind = match status {
        lua::LUA_ERRSYNTAX => LuaErrorKind::Syntax,
        lua::LUA_ERRMEM => return LuaError::memory(),
        lua::LUA_ERRERR => LuaErrorKind::Handler,
        _ => LuaErrorKind::Runtime,
    };
    // SAFETY: none of these calls raises: types are asked for, fields of a plain table read without metamethods, and only what is a string
    // already is taken for one.
    unsafe {
        if lua::lua_type(state, -1) != lua::LUA_TTABLE {
            return LuaError::new(kind, owned(string(state, -1)), Cow::Borrowed(""));
        }
        lua::lua_rawgeti(state, -1, 1);
        lua::lua_rawgeti(state, -2, 2);
        let error = LuaError::new(kind, owned(string(state, -2)), owned(string(state, -1)));
        lua::lua_pop(state, 2);
        error
    }
}

fn owned(bytes: Option<&[u8]>) -> Cow<'static, str> {
    match bytes.map(text) {
        Some(Ok(text)) => Cow::Owned(text),
        Some(Err(_)) => Cow::Borrowed("(not enough memory for the message)"),
        None => Cow::Borrowed("(the error is not a string)"),
    }
}

/// The string at an index, unless something else is there.
///
/// # Safety
///
/// `state` is a live Lua state of this thread and the index is valid; the bytes are used only while the string is on the stack.
pub(crate) unsafe fn string<'s>(state: *mut lua_State, index: c_int) -> Option<&'s [u8]> {
    // SAFETY: for what is a string already, `lua_tolstring` converts nothing and does not raise; it returns that many bytes, which stay
    // where they are as long as the string lives.
    unsafe {
        if lua::lua_type(state, index) != lua::LUA_TSTRING {
            return None;
        }
        let mut len = 0;
        let bytes = lua::lua_tolstring(state, index, &mut len);
        (!bytes.is_null()).then(|| slice::from_raw_parts(bytes.cast(), len))
    }
}

/// The message handler: turns the error into `{ message, traceback }` while the stack still shows where it was raised.
unsafe extern "C-unwind" fn handle(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua with the error at index 1 and at least 20 free slots. May raise (memory, a `__tostring`): the frame is plain,
    // and `lua_pcall` is below. Level 1 is whoever raised.
    unsafe {
        lua::lua_createtable(state, 2, 0);
        lua::luaL_tolstring(state, 1, core::ptr::null_mut());
        lua::lua_rawseti(state, -2, 1);
        lua::luaL_traceback(state, state, core::ptr::null(), 1);
        lua::lua_rawseti(state, -2, 2);
        1
    }
}
