//! A Lua interpreter.

use super::allocator::Allocator;
use super::bytes;
use super::chunk_name::ChunkName;
use super::error::LuaError;
use super::function::Function;
use super::program::Program;
use super::protected::{error, string};
use super::raw_state::RawState;
use core::ffi::{CStr, c_int};
use core::fmt;
use mlua_sys as lua;
use mlua_sys::lua_State;
use permacode::DualArena;

/// Lua source that every state runs first.
const PRELUDE: &[u8] = include_bytes!("prelude.lua");

/// The libraries that cannot break the state: all but `debug` and `package`.
const LIBRARIES: c_int = lua::LUA_GLIBK
    | lua::LUA_COLIBK
    | lua::LUA_IOLIBK
    | lua::LUA_MATHLIBK
    | lua::LUA_OSLIBK
    | lua::LUA_STRLIBK
    | lua::LUA_TABLIBK
    | lua::LUA_UTF8LIBK;

/// A Lua interpreter that may execute code which lives for `'a`.
///
/// It belongs to one thread: neither `Send` nor `Sync`. It differs from the `lua` program in these points:
///
/// - The libraries `debug` and `package` are missing, and so is `os.setlocale`.
/// - `print` and `io.write` collect their output, byte for byte as it would be printed.
/// - `load`, `loadfile` and `dofile` take text only.
/// - An error in a finalizer is not reported.
///
/// Otherwise a program may do what Lua programs do: open files, run commands, end the process by `os.exit`.
///
/// A state does not outlive the arena that it runs from, not even while it is dropped (nor [its heap](Allocator::heap)):
///
/// ```compile_fail,E0597
/// use permacode::CodeArena;
/// use permacode_lua::{State, compile};
///
/// let state = State::new().unwrap();
/// let arena = CodeArena::new().unwrap(); // dropped first: `arena` does not live long enough
/// let loader = arena.load("m").unwrap();
/// let program = compile(b"return 1", "m.lua").unwrap().place(&loader).unwrap();
/// state.load(program).unwrap();
/// ```
///
/// nor can it be told that it lives shorter than it does:
///
/// ```compile_fail
/// fn shorter<'s, 'b>(state: &'s permacode_lua::State<'static>) -> &'s permacode_lua::State<'b> {
///     state
/// }
/// ```
///
/// nor go to another thread:
///
/// ```compile_fail,E0277
/// fn send(_: impl Send) {}
/// send(permacode_lua::State::new());
/// ```
pub struct State<'a> {
    raw: RawState<'a>,
    /// The place in the registry of the function that gives back the output.
    output: c_int,
}

impl<'a> State<'a> {
    /// A state with its libraries, in memory of the C library's.
    ///
    /// Costs some 26 KiB in Lua's heap, in less than 500 requests; the prelude is compiled each time.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory).
    pub fn new() -> Result<Self, LuaError> {
        Self::with_allocator(Allocator::system())
    }

    /// A state with its libraries, its objects in the heap of a pair of arenas; the code arena beside it is where programs go.
    ///
    /// Costs in that heap what [`new`](Self::new) costs in the C library's, and gives all of it back when it is dropped.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory).
    ///
    /// ```
    /// use permacode::DualArena;
    /// use permacode_lua::{State, compile};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let arenas = DualArena::new()?;
    /// let loader = arenas.code.load("m")?;
    /// let program = compile(b"print('on both')", "m.lua")?.place(&loader)?;
    /// loader.seal()?;
    /// let state = State::on(&arenas)?;
    /// assert_eq!(state.load(program)?.run()?, b"on both\n");
    /// drop(state);
    /// assert_eq!(arenas.heap.stats().live, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on(arenas: &'a DualArena) -> Result<Self, LuaError> {
        Self::with_allocator(Allocator::heap(&arenas.heap))
    }

    /// A state with its libraries, in the allocator's memory.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory). Everything is given back then.
    pub fn with_allocator(allocator: Allocator<'a>) -> Result<Self, LuaError> {
        let raw = RawState::new(allocator)?;
        // SAFETY: `open` is plain, takes a `Load` and returns one value: a message, if the status is not `LUA_OK`.
        let output = unsafe {
            let mut prelude = Load::new(PRELUDE, c"=prelude", c"t");
            raw.protect(open, &mut prelude, 1, |state, prelude| prelude.reference(state))
        }?;
        Ok(Self { raw, output })
    }

    /// Loads a program *in place*: instructions, line information and long strings stay where the program lies.
    ///
    /// Costs, in Lua's heap, a closure, and for each function of the program a prototype, its constants (16 bytes each) and names. The
    /// chunk is read once; nothing is written to it, now or later.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory); [`LuaErrorKind::Syntax`](crate::LuaErrorKind::Syntax) for a chunk made by
    /// [`Chunk::from_bytes`](crate::Chunk::from_bytes) that is not one of this Lua's.
    pub fn load(&self, program: Program<'a>) -> Result<Function<'_, 'a>, LuaError> {
        // SAFETY: a chunk that is aligned and immutable, and lives for 'a, which the state does not outlive.
        unsafe { self.load_bytes(program.bytes(), program.name(), c"B") }
    }

    /// Loads a program the ordinary way: all of it is copied into Lua's heap. For comparison.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_copied(&self, program: Program<'_>) -> Result<Function<'_, 'a>, LuaError> {
        // SAFETY: a chunk, of which nothing is used after the call.
        unsafe { self.load_bytes(program.bytes(), program.name(), c"b") }
    }

    /// Compiles source and loads it, as the `lua` program does: all of it lies in Lua's heap. For comparison.
    ///
    /// # Errors
    ///
    /// Those of [`compile`](crate::compile).
    ///
    /// ```
    /// let state = permacode_lua::State::new()?;
    /// assert_eq!(state.load_source(b"print(6 * 7)", "m.lua")?.run()?, b"42\n");
    /// # Ok::<(), permacode_lua::LuaError>(())
    /// ```
    pub fn load_source(&self, source: &[u8], name: &str) -> Result<Function<'_, 'a>, LuaError> {
        // SAFETY: text, which Lua copies what it needs of.
        unsafe { self.load_bytes(source, name, c"t") }.map_err(|error| error.compiling(name))
    }

    /// Takes the output since it was last asked for: by finalizers, by a program that then failed.
    ///
    /// [`Function::run`] returns what the program printed, so there is no need for this after a success.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory). What was printed is lost then.
    ///
    /// ```
    /// # use permacode_lua::{State, compile};
    /// # let arena = permacode::CodeArena::new()?;
    /// let module = arena.load("m")?;
    /// let program = compile(b"print('so far'); error('so good')", "m.lua")?.place(&module)?;
    /// let state = State::new()?;
    /// assert!(state.load(program)?.run().is_err());
    /// assert_eq!(state.take_output()?, b"so far\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_output(&self) -> Result<Vec<u8>, LuaError> {
        // SAFETY: `call` is plain, takes a `Call` and returns as many results as that says.
        unsafe {
            self.raw.protect(call, &mut Call { reference: self.output, results: 1 }, 1, |state, _| {
                // The string is on the stack meanwhile.
                Ok(bytes::copy(string(state, -1).unwrap_or_default())?)
            })
        }
    }

    /// Runs a full garbage collection, finalizers included.
    ///
    /// # Errors
    ///
    /// [`LuaErrorKind::Memory`](crate::LuaErrorKind::Memory).
    pub fn collect(&self) -> Result<(), LuaError> {
        // SAFETY: `collect` is plain, ignores its argument, and returns nothing.
        unsafe { self.raw.protect(collect, &mut (), 0, |_, _| Ok(())) }
    }

    /// # Safety
    ///
    /// With mode `t` there are no conditions. Else the bytes are a chunk of this Lua's, which lives for 'a and is aligned if the mode is `B`.
    unsafe fn load_bytes(&self, bytes: &[u8], name: &str, mode: &CStr) -> Result<Function<'_, 'a>, LuaError> {
        let name = ChunkName::new(name)?;
        // SAFETY: `load_and_keep` is plain, takes a `Load` and returns one value: a message, if the status is not `LUA_OK`.
        let reference = unsafe {
            let mut load = Load::new(bytes, name.as_c_str(), mode);
            self.raw.protect(load_and_keep, &mut load, 1, |state, load| load.reference(state))
        }?;
        Ok(Function::new(self, reference))
    }

    /// Calls what the registry keeps at `reference`, without arguments or results.
    pub(crate) fn call(&self, reference: c_int) -> Result<(), LuaError> {
        // SAFETY: `call` is plain, takes a `Call` and returns as many results as that says.
        unsafe { self.raw.protect(call, &mut Call { reference, results: 0 }, 0, |_, _| Ok(())) }
    }

    /// Lets the registry forget what it keeps at `reference`.
    pub(crate) fn release(&self, mut reference: c_int) {
        // SAFETY: `release` is plain, takes a reference and returns nothing. That it fails is not to be expected, since it only writes to
        // fields that exist; if it did, the value would be kept until the state is closed.
        let _ = unsafe { self.raw.protect(release, &mut reference, 0, |_, _| Ok(())) };
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// A program to load; afterwards, the outcome and its place in the registry.
struct Load<'s> {
    code: &'s [u8],
    name: &'s CStr,
    mode: &'s CStr,
    status: c_int,
    reference: c_int,
}

impl<'s> Load<'s> {
    fn new(code: &'s [u8], name: &'s CStr, mode: &'s CStr) -> Self {
        Self { code, name, mode, status: lua::LUA_OK, reference: lua::LUA_NOREF }
    }

    /// The reference, or the error that is on top of the stack.
    ///
    /// # Safety
    ///
    /// The state is live, of this thread, and the trampoline's result is on top of its stack.
    unsafe fn reference(&self, state: *mut lua_State) -> Result<c_int, LuaError> {
        match self.status {
            lua::LUA_OK => Ok(self.reference),
            // SAFETY: the caller's promise.
            status => Err(unsafe { error(state, status) }),
        }
    }
}

/// A function to call, and the number of values that it returns.
struct Call {
    reference: c_int,
    results: c_int,
}

/// Trampoline: opens the libraries, runs the prelude, and keeps what that returns. Returns one value, as [`load_and_keep`] does.
unsafe extern "C-unwind" fn open(state: *mut lua_State) -> c_int {
    // SAFETY: called through `protect` with a `Load` of source; plain; three slots.
    unsafe {
        lua::luaL_openselectedlibs(state, LIBRARIES, 0);
        let prelude = lua::lua_touserdata(state, 1).cast::<Load<'_>>();
        if load_buffer(state, prelude) == lua::LUA_OK {
            lua::lua_call(state, 0, 1);
            (*prelude).reference = lua::luaL_ref(state, lua::LUA_REGISTRYINDEX);
            lua::lua_pushnil(state);
        }
        1
    }
}

/// Trampoline: loads a chunk and keeps the function. Returns one value: the message, with a status other than `LUA_OK`.
unsafe extern "C-unwind" fn load_and_keep(state: *mut lua_State) -> c_int {
    // SAFETY: called through `protect` with a `Load`; plain; three slots.
    unsafe {
        let load = lua::lua_touserdata(state, 1).cast::<Load<'_>>();
        if load_buffer(state, load) == lua::LUA_OK {
            (*load).reference = lua::luaL_ref(state, lua::LUA_REGISTRYINDEX);
            lua::lua_pushnil(state);
        }
        1
    }
}

/// Pushes the function, or the message with a status other than `LUA_OK`; the status is also written down.
///
/// # Safety
///
/// Called by a trampoline, with two free slots; `load` points to what may be loaded in its mode.
unsafe fn load_buffer(state: *mut lua_State, load: *mut Load<'_>) -> c_int {
    // SAFETY: may raise; plain. `luaL_loadbufferx` hands all of the buffer to Lua at once, which a fixed buffer needs.
    unsafe {
        let (code, name, mode) = ((*load).code, (*load).name, (*load).mode);
        (*load).status = lua::luaL_loadbufferx(state, code.as_ptr().cast(), code.len(), name.as_ptr(), mode.as_ptr());
        (*load).status
    }
}

/// Trampoline: calls what a reference stands for.
unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: called through `protect` with a `Call`; plain; two slots and the results. Whatever the registry holds may be called: what
    // is no function raises an error.
    unsafe {
        let call = lua::lua_touserdata(state, 1).cast::<Call>();
        let results = (*call).results;
        lua::lua_rawgeti(state, lua::LUA_REGISTRYINDEX, (*call).reference.into());
        lua::lua_call(state, 0, results);
        results
    }
}

/// Trampoline: frees a reference.
unsafe extern "C-unwind" fn release(state: *mut lua_State) -> c_int {
    // SAFETY: called through `protect` with a reference that `luaL_ref` gave for the registry and that is freed once; plain.
    unsafe {
        let reference = lua::lua_touserdata(state, 1).cast::<c_int>();
        lua::luaL_unref(state, lua::LUA_REGISTRYINDEX, *reference);
        0
    }
}

/// Trampoline: a full collection.
unsafe extern "C-unwind" fn collect(state: *mut lua_State) -> c_int {
    // SAFETY: called through `protect`; plain.
    unsafe { lua::lua_gc(state, lua::LUA_GCCOLLECT) };
    0
}
