//! soundness S10, S11, S19: a plain field is checked: no cell, no drop glue, nothing that lives short, nothing that looks like something else.

use std::cell::{Cell, UnsafeCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use permacode::{Link, Permanent};

struct Sly(u32, Cell<u8>);

impl Deref for Sly {
    type Target = u32;

    fn deref(&self) -> &u32 {
        &self.0
    }
}

impl DerefMut for Sly {
    fn deref_mut(&mut self) -> &mut u32 {
        &mut self.0
    }
}

#[derive(Permanent)]
struct Cells<'a> {
    name: &'a str,
    #[permanent(plain)]
    raw_cell: UnsafeCell<u8>,
    #[permanent(plain)]
    array: [Cell<u8>; 3],
    #[permanent(plain)]
    sly: Sly,
    #[permanent(plain)]
    behind: &'static Cell<u8>,
    #[permanent(plain)]
    link: Link<'static, u64>,
}

#[derive(Permanent)]
enum Owners {
    Text(#[permanent(plain)] String),
    Count(#[permanent(plain)] Option<Rc<u8>>),
    Pointer {
        #[permanent(plain)]
        to: *const u8,
    },
    Unique(#[permanent(plain)] &'static mut u8),
}

fn main() {}
