//! eBPF by rbpf, unpatched, interpreted and compiled, executed from permacode's sealed pages.
//!
//! ```text
//!   bytes ──verify, place──▶ Program<'a> ──interpreter──▶ Interpreter ──run──▶ r0
//!                            r--p            │
//!                                            └─compile──▶ MachineCode ──seal──▶ Native<'a> ──run──▶ r0
//!                                                         in a buffer,          r-xp
//!                                                         not executable
//! ```
//!
//! rbpf interprets a program where it lies: it borrows `&'a [u8]`. Its compiler writes x86-64 machine code into a
//! buffer that it is given. The code is position-independent, so it is copied to pages of the arena that become
//! executable when they stop being writable.
//!
//! ```
//! use permacode::CodeArena;
//! use permacode_rbpf::{Helpers, Program};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let arena = CodeArena::new()?;
//! let loader = arena.load("answer")?;
//! // mov r0, 6; mul r0, 7; exit
//! let program = Program::place(&loader, &[0xb7, 0, 0, 0, 6, 0, 0, 0, 0x27, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])?;
//! loader.seal()?;
//! assert_eq!(program.interpreter(&Helpers::new())?.run(&mut [])?, 42);
//! # Ok(())
//! # }
//! ```
//!
//! [`Native`] shows the same, compiled.

mod error;
mod helpers;
mod interpreter;
mod machine_code;
mod native;
mod program;

pub use error::EbpfError;
pub use helpers::Helpers;
pub use interpreter::Interpreter;
pub use machine_code::MachineCode;
pub use native::Native;
pub use program::Program;
