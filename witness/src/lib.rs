//! What the tests share: a process seen from outside, and the kit that test files are built from.
//!
//! * **The kernel's word** (Linux): [`memory()`], [`resident`] and [`copied`] say what [`permacode::residency::Residency`] reads in `/proc/<pid>`, which
//!   is not an arena's word. [`Child`] runs a closure in a forked process and tells how it ended; [`in_child`] and [`watched`] do so in a test.
//!   [`Rollup`] has the sums over all its memory. [`status`] and [`limit`] read and bound what this process has. [`advice_does_nothing`], [`lock_all_memory`], [`filter`] and [`namespace`]
//!   put it on another kernel or into another world, [`in_memory_of`] into a memory cgroup. A [`Stepped`] child stops at each of its system calls.
//! * **Things to allocate**: [`code::Blocks`], [`heap::Objects`], [`handles::Node`], and the numbers of [`Random`].
//! * **Systems that are not this one**: [`PagesOf`] any size, [`Disturbed`] calls, pages whose refusals are [`Taking`] access, the allocator that
//!   is [`Refusing`], and [`Refusals`], for work that goes on. [`Releasing`] pages call a program back.

mod bytes;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod child;
pub mod code;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod disturbed;
#[cfg(target_os = "linux")]
pub mod filter;
pub mod handles;
pub mod heap;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
pub mod namespace;
mod pages_of;
mod random;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod refusals;
mod refusing;
mod releasing;
#[cfg(target_os = "linux")]
mod rollup;
#[cfg(target_os = "linux")]
mod said;
#[cfg(target_os = "linux")]
mod stepped;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
mod taking;

#[cfg(unix)]
pub use bytes::page;
pub use bytes::{VAST, all, span};
#[cfg(target_os = "linux")]
pub use cgroup::{Bound, in_memory_of};
#[cfg(target_os = "linux")]
pub use child::{Child, End, in_child, stopped, store, watched};
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub use disturbed::Disturbed;
#[cfg(target_os = "linux")]
pub use kernel::{advice_does_nothing, lock_all_memory, skipped};
#[cfg(target_os = "linux")]
pub use limits::{Resource, limit, status};
#[cfg(target_os = "linux")]
pub use memory::{Mapping, Memory, copied, memory, permissions, resident};
pub use pages_of::PagesOf;
pub use random::Random;
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub use refusals::Refusals;
pub use refusing::{Refusing, after};
pub use releasing::Releasing;
#[cfg(target_os = "linux")]
pub use rollup::Rollup;
#[cfg(target_os = "linux")]
pub use stepped::{Stepped, Stop};
#[cfg(all(unix, not(miri), not(permacode_ordinary_pages)))]
pub use taking::Taking;
