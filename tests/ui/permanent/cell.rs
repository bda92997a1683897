//! soundness S19: cells are not permanent; a side table holds what changes.

use std::cell::{Cell, RefCell, UnsafeCell};

use permacode::Permanent;

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    hits: Cell<u32>,
    cache: RefCell<u32>,
    raw: UnsafeCell<u32>,
    array: [Cell<u8>; 2],
}

fn main() {}
