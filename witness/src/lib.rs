//! What can be said of a process from outside of it: for tests and examples that must not take an arena's word.
//!
//! [`memory()`], [`resident`] and [`copied`] say what [`permacode::Residency`] reads in `/proc/<pid>`, which has the kernel's word and not an
//! arena's; [`Child`] runs a closure in a forked process and tells how it ended. Linux only.
#![cfg(target_os = "linux")]

mod child;
mod memory;

pub use child::{Child, End};
pub use memory::{Mapping, Memory, copied, memory, resident};
