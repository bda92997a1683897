//! Rook: a small language, written on permacode's kit as an author of interpreters would.
//!
//! ```text
//!   text ─▶ tokens ─▶ tree ─▶ draft ─┬─▶ code in the arena, sealed      modules
//!                                    └─▶ code in a region of the heap   eval
//!
//!   Interpreter = Engine { arenas, Vm { stack, frames, modules, .. } }
//! ```
//!
//! | files | |
//! | --- | --- |
//! | `token` `lexer` `tree` `parser` `declarations` `expression` | from text to a tree, whose height is bounded |
//! | `op` `code` `draft` `compiler` `statements` `expressions` `try_statement` | from the tree to code; `Draft::lower` serves modules and `eval` |
//! | `value` `list` `dict` `class` `function` `module` `generator` `iterator` | objects of the heap |
//! | `vm` | the machine, its constructor, and the one `unsafe` call: a collection |
//! | `run` `frame` `calls` `attributes` `elements` `operators` `native` `methods` `show` | what operations do |
//! | `fault` `failure` `exceptions` | what goes wrong, who catches it, and traces |
//! | `imports` `evaluated` `start` `prelude.rk` | modules, evaluated code, the prelude |
//! | `interpreter` `settings` `output` `workers` | the machine as a value, its bounds, and forked workers |
//!
//! Two rules keep it sound and whole:
//!
//! 1. **It collects between two operations.** What an operation works with stays on the stack until it is done.
//! 2. **An operation allocates before it changes anything.** If memory is refused, the machine collects and runs the operation again. If it is
//!    refused again, that is an exception of the language.
//!
//! ```
//! use permacode_rook::{Interpreter, Settings};
//!
//! let mut rook = Interpreter::new(Settings { heap_limit: Some(1 << 20), fuel: 1_000_000, ..Settings::default() })?;
//! rook.run("main", "fn twice(x) { return x * 2 } print(eval(\"twice(21)\"))")?;
//! assert_eq!((rook.take_output(), rook.call("main", "twice", &[4])?), ("42\n".to_owned(), "8".to_owned()));
//! # Ok::<(), permacode_rook::Failure>(())
//! ```

mod attributes;
mod calls;
mod class;
mod code;
mod compiler;
mod declarations;
mod dict;
mod draft;
mod elements;
mod evaluated;
mod exceptions;
mod expression;
mod expressions;
mod failure;
mod fault;
mod frame;
mod function;
#[cfg(feature = "generate")]
pub mod generate;
mod generator;
mod imports;
mod interpreter;
mod iterator;
mod lexer;
mod list;
mod methods;
mod module;
mod native;
mod op;
mod operators;
mod output;
mod parser;
mod run;
mod settings;
mod show;
mod start;
mod statements;
mod syntax_error;
mod token;
mod tree;
mod try_statement;
mod value;
mod vm;
#[cfg(target_os = "linux")]
mod workers;

pub use failure::Failure;
pub use interpreter::Interpreter;
pub use settings::{Settings, Sources};
pub use syntax_error::SyntaxError;
#[cfg(target_os = "linux")]
pub use workers::{Report, WorkerError};
