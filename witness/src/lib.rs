//! What can be said of a process from outside of it: for tests and examples that must not take the library's word.
//!
//! [`memory()`], [`resident`] and [`copied`] read `/proc/<pid>`, [`Child`] runs a closure in a forked process and tells how it ended. Linux only.
#![cfg(target_os = "linux")]

mod child;
mod memory;

pub use child::{Child, End};
pub use memory::{Mapping, Memory, copied, memory, resident};
