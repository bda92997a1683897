//! Compiled Lua: bytes that are safe to load because this crate wrote them.

use super::allocator::Allocator;
use super::bytes;
use super::chunk_name::ChunkName;
use super::error::LuaError;
use super::program::Program;
use super::protected::error;
use super::raw_state::RawState;
use core::ffi::{CStr, c_int, c_void};
use core::fmt;
use core::slice;
use mlua_sys as lua;
use mlua_sys::lua_State;
use permacode::Loader;

/// The alignment of a chunk. Its instructions and line tables need 4, counted from its start; this also suits 8-byte
/// loads.
pub(crate) const ALIGN: usize = 8;

/// A compiled program, not yet anywhere in particular.
///
/// Its bytes are what `lua_dump` wrote, debug information included. They can be read and placed, but not made up: Lua executes a chunk
/// without verifying it, so a wrong byte is memory corruption.
///
/// ```compile_fail,E0451
/// // Bytes from elsewhere are not a chunk …
/// let chunk = permacode_lua::Chunk { name: "evil.lua".to_string(), bytes: b"\x1bLua".to_vec() };
/// ```
///
/// ```compile_fail,E0133
/// // … unless somebody vouches for them.
/// let chunk = permacode_lua::Chunk::from_bytes("evil.lua", b"\x1bLua");
/// ```
pub struct Chunk {
    name: String,
    bytes: Vec<u8>,
}

/// Compiles source text. `name` is what messages and tracebacks call it: `name:line:`.
///
/// Costs a Lua state without libraries, made and closed, and the copy of the dump. Nothing is executed.
///
/// # Errors
///
/// [`LuaErrorKind::Syntax`](crate::LuaErrorKind::Syntax) with name and line, also for source that is a binary chunk;
/// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory); [`LuaErrorKind::Name`](crate::LuaErrorKind::Name) when the name holds a zero
/// byte.
///
/// ```
/// let chunk = permacode_lua::compile(b"return 1", "one.lua")?;
/// assert_eq!(chunk.name(), "one.lua");
/// assert!(chunk.bytes().starts_with(b"\x1bLua"));
/// # Ok::<(), permacode_lua::LuaError>(())
/// ```
pub fn compile(source: &[u8], name: &str) -> Result<Chunk, LuaError> {
    compile_with(source, name, Allocator::system())
}

/// As [`compile`], in a state that takes its memory from `allocator`.
///
/// # Errors
///
/// As for [`compile`].
pub fn compile_with(source: &[u8], name: &str, allocator: Allocator<'_>) -> Result<Chunk, LuaError> {
    let c_name = ChunkName::new(name)?;
    let state = RawState::new(allocator)?;
    let mut compilation = Compilation { source, name: c_name.as_c_str(), status: lua::LUA_OK, dump: Vec::new() };
    // SAFETY: `compile_and_dump` is plain, takes a `Compilation` and returns one value.
    unsafe {
        state.protect(compile_and_dump, &mut compilation, 1, |state, compilation| match compilation.status {
            lua::LUA_OK => Ok(()),
            // The result is the message. Live state, value on top: `protect` has just succeeded.
            status => Err(error(state, status).compiling(name)),
        })
    }?;
    Ok(Chunk { name: bytes::text(name.as_bytes())?, bytes: compilation.dump })
}

impl Chunk {
    /// A chunk that was dumped elsewhere or earlier, for example by `luac`; the bytes are copied.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory), and [`LuaErrorKind::Name`](crate::LuaErrorKind::Name) when the name holds a
    /// zero byte. Bytes are not looked at here: those that begin unlike a chunk of this Lua are refused by
    /// [`State::load`](crate::State::load), as [`LuaErrorKind::Syntax`](crate::LuaErrorKind::Syntax).
    ///
    /// # Safety
    ///
    /// If the bytes begin like a binary chunk of Lua 5.5, they are one. It was written by `lua_dump` of a Lua 5.5 built
    /// with the same sizes and byte order, and not changed since. Lua checks a header and the lengths it comes across,
    /// not the instructions.
    pub unsafe fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, LuaError> {
        ChunkName::new(name)?;
        Ok(Self { name: bytes::text(name.as_bytes())?, bytes: bytes::copy(bytes)? })
    }

    /// The name given to [`compile`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bytes that `lua_dump` wrote.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Copies the chunk and its name into the code arena, aligned so that Lua can execute it there.
    ///
    /// Costs two allocations of the loader's.
    ///
    /// # Errors
    ///
    /// The arena's, when it has no room.
    pub fn place<'a>(&self, loader: &Loader<'a>) -> Result<Program<'a>, permacode::Error> {
        let code = loader.alloc_padded(&self.bytes, ALIGN, 0)?;
        let name = loader.alloc_str(&self.name)?;
        // SAFETY: `code` is a copy of a chunk's bytes, aligned; `self` was dumped by this crate's Lua or vouched for.
        Ok(unsafe { Program::new(name, code) })
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("name", &self.name).field("bytes", &self.bytes.len()).finish()
    }
}

/// The data of `compile_and_dump`; owned by the frame below `lua_pcall`.
struct Compilation<'s> {
    source: &'s [u8],
    name: &'s CStr,
    status: c_int,
    dump: Vec<u8>,
}

/// Trampoline: compiles and dumps. Returns the function, or, with a status other than `LUA_OK`, the message.
unsafe extern "C-unwind" fn compile_and_dump(state: *mut lua_State) -> c_int {
    // SAFETY: called through `protect` with a `Compilation` that nobody else uses meanwhile. This frame is plain: references and integers.
    // `lua_dump` calls `write` with the address of the vector only.
    unsafe {
        let work = lua::lua_touserdata(state, 1).cast::<Compilation<'_>>();
        let (source, name) = ((*work).source, (*work).name);
        let status = lua::luaL_loadbufferx(state, source.as_ptr().cast(), source.len(), name.as_ptr(), c"t".as_ptr());
        (*work).status = status;
        if status == lua::LUA_OK && lua::lua_dump(state, write, (&raw mut (*work).dump).cast(), 0) != 0 {
            (*work).status = lua::LUA_ERRMEM;
        }
        1
    }
}

/// `lua_Writer` into a vector: 1 when memory is refused, which ends the dump.
unsafe extern "C-unwind" fn write(_: *mut lua_State, bytes: *const c_void, len: usize, dump: *mut c_void) -> c_int {
    if bytes.is_null() || len == 0 {
        return 0; // the last call only says that the dump is complete
    }
    // SAFETY: Lua passes `len` bytes and the address of the vector, which `compile_and_dump` gave it. Nothing here raises or unwinds.
    let outcome = unsafe { bytes::append(&mut *dump.cast::<Vec<u8>>(), slice::from_raw_parts(bytes.cast(), len)) };
    match outcome {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
