//! Lua 5.5, unpatched, executing its bytecode in place out of permacode's sealed pages.
//!
//! ```text
//!   source ──compile──▶ Chunk ──place──▶ Program<'a> ──load──▶ Function ──run──▶ what it printed
//!                       bytes of         in the code           in the heap arena: a closure, prototypes,
//!                       lua_dump         arena, sealed         constants; instructions stay where they are
//! ```
//!
//! Lua loads a binary chunk from a *fixed buffer* (`lua_load`, mode `"B"`). It uses instructions, line information and
//! strings above 40 bytes where they lie, and does not copy them. With the buffer in a
//! [`CodeArena`](permacode::CodeArena), they are on pages that nothing can write to and that every forked worker
//! shares. All else, every object that Lua allocates, lies in a [`HeapArena`](permacode::HeapArena), on other pages.
//!
//! ```
//! use permacode::DualArena;
//! use permacode_lua::{State, compile};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let arenas = DualArena::new()?;
//! let chunk = compile(b"print('hello', 6 * 7)", "hello.lua")?; // a syntax error never touches the arenas
//! let loader = arenas.code.load("hello")?;
//! let program = chunk.place(&loader)?;
//! loader.seal()?;
//!
//! let state = State::on(&arenas)?;
//! assert_eq!(state.load(program)?.run()?, b"hello\t42\n");
//! # Ok(())
//! # }
//! ```
//!
//! Processes that are not related share programs by an image: [`Library`]. Linux on 64 bits.
//!
//! # What is safe, and why
//!
//! * Lua does not verify bytecode. Safe code can load only chunks that this crate dumped: [`Chunk`] and [`Program`]
//!   have private bytes, and [`Chunk::from_bytes`] is `unsafe`, as are the ways out of a [`Library`]. Inside Lua, `load`, `loadfile` and `dofile` take text
//!   only. The libraries `debug` and `package`, with which a program can break its state or load machine code, are not
//!   opened.
//! * A [`State`] borrows both arenas as long as it lives, its destructor included: finalizers run code when it is closed.
//! * Lua reports errors by `longjmp`. Whatever can raise runs inside `lua_pcall`, above frames that have nothing to drop; to Rust, an error
//!   is a [`LuaError`].

mod allocator;
mod bytes;
mod chunk;
mod chunk_name;
mod error;
mod function;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod library;
mod program;
mod protected;
mod raw_state;
mod state;

pub use allocator::{AllocFunction, Allocator};
pub use chunk::{Chunk, compile, compile_with};
pub use error::{LuaError, LuaErrorKind};
pub use function::Function;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use library::{Library, LibraryError};
pub use program::Program;
pub use state::State;
