//! A Lua of the version that a feature names, whose every byte lies in a heap.
#![cfg(any(feature = "lua51", feature = "lua52", feature = "lua53", feature = "lua54"))]

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use mlua_sys as lua;
use permacode::HeapArena;
use permacode::ffi::permacode_heap_lua_alloc;

/// The end of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Its result, as text.
    Returned(String),
    /// There was no memory: for the interpreter itself, or for what it ran.
    NoMemory,
    /// Another error, with its message.
    Error(String),
}

/// The memory of a Lua.
#[derive(Clone, Copy)]
pub enum Memory<'h> {
    /// A heap, by the function for C as it is.
    Heap(&'h HeapArena),
    /// The system's allocator, as `lua.c` uses it.
    System,
}

unsafe extern "C" fn system(_: *mut c_void, object: *mut c_void, _: usize, size: usize) -> *mut c_void {
    // SAFETY: an object of this function's, or none.
    unsafe {
        if size == 0 {
            libc::free(object);
            return ptr::null_mut();
        }
        libc::realloc(object, size)
    }
}

/// Makes an interpreter, runs a program that returns one value, and closes it.
pub fn run(memory: Memory<'_>, program: &str) -> End {
    let (allocate, context): (lua::lua_Alloc, *mut c_void) = match memory {
        Memory::Heap(heap) => (permacode_heap_lua_alloc, ptr::from_ref(heap).cast_mut().cast()),
        Memory::System => (system, ptr::null_mut()),
    };
    // SAFETY: a state of this function's, used by this thread, with what its documentation asks for; closed once. Errors are raised in
    // `protected` only, which Lua calls.
    unsafe {
        let state = lua::lua_newstate(allocate, context);
        if state.is_null() {
            return End::NoMemory;
        }
        let end = if lua::lua_checkstack(state, 4) == 0 { End::NoMemory } else { called(state, program) };
        lua::lua_close(state);
        end
    }
}

/// # Safety
///
/// A state with room for a few values, in which no call is under way.
unsafe fn called(state: *mut lua::lua_State, program: &str) -> End {
    // SAFETY: the caller's promise. What is pushed without protection allocates nothing in 5.2 and later, and in 5.1 a closure without
    // values, in a call that protects itself.
    unsafe {
        let program = (program.as_ptr(), program.len());
        let status = protected_call(state, (&raw const program).cast_mut().cast());
        if status == lua::LUA_OK {
            return End::Returned(text(state));
        }
        // What a coroutine or a finaliser raises comes through as another error, with the same message.
        match text(state) {
            message if status == lua::LUA_ERRMEM || message.contains("not enough memory") => End::NoMemory,
            message => End::Error(message),
        }
    }
}

#[cfg(feature = "lua51")]
unsafe fn protected_call(state: *mut lua::lua_State, program: *mut c_void) -> c_int {
    unsafe extern "C" {
        fn lua_cpcall(state: *mut lua::lua_State, function: lua::lua_CFunction, value: *mut c_void) -> c_int;
    }
    // SAFETY: a C function, and what it is given. 5.1 gives no results, so the text of success is lost: `protected` leaves it in a global.
    unsafe {
        let status = lua_cpcall(state, protected, program);
        if status == lua::LUA_OK {
            lua::lua_getglobal(state, c"RESULT".as_ptr());
        }
        status
    }
}

#[cfg(not(feature = "lua51"))]
unsafe fn protected_call(state: *mut lua::lua_State, program: *mut c_void) -> c_int {
    // SAFETY: a light function and a light value allocate nothing.
    unsafe {
        lua::lua_pushcfunction(state, protected);
        lua::lua_pushlightuserdata(state, program);
        lua::lua_pcall(state, 1, 1, 0)
    }
}

/// Opens the libraries, loads the program that the one argument points to, and calls it. Lua jumps out of it where an error is raised: it
/// owns nothing.
unsafe extern "C-unwind" fn protected(state: *mut lua::lua_State) -> c_int {
    // SAFETY: the argument is what `called` pushed: the address and the length of a text that lives.
    unsafe {
        let program = *lua::lua_touserdata(state, 1).cast::<(*const c_char, usize)>();
        lua::luaL_openlibs(state);
        if lua::luaL_loadbuffer(state, program.0, program.1, c"=program".as_ptr()) != lua::LUA_OK {
            lua::lua_error(state);
        }
        lua::lua_call(state, 0, 1);
        if cfg!(feature = "lua51") {
            lua::lua_pushvalue(state, -1);
            lua::lua_setglobal(state, c"RESULT".as_ptr());
        }
        1
    }
}

/// The text on top of the stack. It is a string already, or nothing: to make it one could raise an error.
///
/// # Safety
///
/// A state with a value.
unsafe fn text(state: *mut lua::lua_State) -> String {
    // SAFETY: the caller's promise; the text lives as long as it is on the stack.
    unsafe {
        if lua::lua_type(state, -1) != lua::LUA_TSTRING {
            return String::new();
        }
        CStr::from_ptr(lua::lua_tostring(state, -1)).to_string_lossy().into_owned()
    }
}
