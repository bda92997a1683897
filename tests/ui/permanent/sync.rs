//! soundness S19: atomics and locks are cells that threads may share.

use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Mutex, OnceLock};

use permacode::Permanent;

#[derive(Permanent)]
enum Code<'a> {
    Hot(&'a str, AtomicU32),
    Cold { lock: Mutex<u32>, once: OnceLock<u32>, shared: &'a AtomicUsize },
}

fn main() {}
