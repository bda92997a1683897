//! permacode for C: the functions of `include/permacode.h`, which documents them for those who call them.
//!
//! ```text
//!   permacode.h ──▶ status   errors as codes, with a message for each thread
//!                   code     code arenas and open modules        ──▶ the library
//!                   heap     heaps, beside `permacode::ffi`, whose functions have their names by feature `c-symbols`
//!                   image    images: opened with trust as data, roots as bytes
//! ```
//!
//! Everything that C holds is a `Box` of a type of the library, or begins with one. C promises what no type says: that pointers are
//! valid, that an arena outlives its modules, that one thread at a time uses a heap. The header lists these promises.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod code;
mod heap;
mod image;
mod status;
