//! soundness S19: plain types rest on this: no type with a cell is `Copy`, whoever says so.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::AtomicU8;

#[derive(Clone, Copy)]
struct Wrapper(UnsafeCell<u8>);

#[derive(Clone, Copy)]
struct Atomic([AtomicU8; 2]);

union Either {
    cell: std::mem::ManuallyDrop<Cell<u8>>,
    byte: u8,
}

impl Clone for Either {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Either {}

#[derive(Clone, Copy)]
struct Dropped(u8);

impl Drop for Dropped {
    fn drop(&mut self) {}
}

fn copy<T: Copy>() {}

fn main() {
    copy::<UnsafeCell<u8>>();
}
