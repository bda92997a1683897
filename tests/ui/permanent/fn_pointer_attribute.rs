//! soundness S10, S11, S19: the attribute is checked: neither a cell nor what derefs to a pointer is one.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use permacode::Permanent;

struct Sly(fn(&u8), Cell<u8>);

impl Deref for Sly {
    type Target = fn(&u8);

    fn deref(&self) -> &fn(&u8) {
        &self.0
    }
}

impl DerefMut for Sly {
    fn deref_mut(&mut self) -> &mut fn(&u8) {
        &mut self.0
    }
}

#[derive(Permanent)]
struct Code<'a> {
    #[permanent(fn_pointer = "fn(&u8)")]
    cell: Cell<fn(&u8)>,
    #[permanent(fn_pointer = "fn(&u8)")]
    sly: Sly,
    #[permanent(fn_pointer = "fn(&u8)")]
    reference: &'a mut fn(&u8),
    #[permanent(fn_pointer = "unsafe fn(&u8)")]
    safe: fn(&u8),
}

type Keep<'a> = fn(&'a u8);

#[derive(Permanent)]
struct Named<'a> {
    #[permanent(fn_pointer = "fn(&'a u8)")]
    named: Keep<'a>,
}

fn main() {}
