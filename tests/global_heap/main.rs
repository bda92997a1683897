//! `GlobalHeap` as the allocator of this whole test program. Nobody claims it here: each test forks a child, in which it is unclaimed too.
#![cfg(all(target_os = "linux", not(miri), not(permacode_ordinary_pages)))]

mod checks;
mod heap;
mod sources;

#[global_allocator]
static HEAP: permacode::heap::GlobalHeap = permacode::heap::GlobalHeap::new();
