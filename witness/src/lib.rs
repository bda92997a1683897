//! What can be said of a process from outside of it: for tests and examples that must not take an arena's word.
//!
//! [`memory()`], [`resident`] and [`copied`] say what [`permacode::residency::Residency`] reads in `/proc/<pid>`, which has the kernel's word and not
//! an arena's; [`Child`] runs a closure in a forked process and tells how it ended, [`in_child`] and [`watched`] do so in a test;
//! [`status`] and [`limit`] read and bound what this process has; [`advice_does_nothing`] and [`lock_all_memory`] put it on another kernel, or
//! into another state, [`in_memory_of`] into a memory cgroup. Linux only.
#![cfg(target_os = "linux")]

mod cgroup;
mod child;
mod kernel;
mod limits;
mod memory;

pub use cgroup::{Bound, in_memory_of};
pub use child::{Child, End, in_child, watched};
pub use kernel::{advice_does_nothing, lock_all_memory, skipped};
pub use limits::{Resource, limit, status};
pub use memory::{Mapping, Memory, copied, memory, resident};
