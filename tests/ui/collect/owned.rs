//! soundness S27: what only a destructor gives back cannot lie in an object that a sweep frees. One error a field, with what to write.

use std::collections::HashMap;
use std::rc::Rc;

use permacode::kit::Collect;
use permacode::side::LazyConstant;
use permacode::{Gc, HeapRc, Owned};

#[derive(Collect)]
struct Class<'h> {
    name: String,
    methods: Vec<Gc<'h, Class<'h>>>,
    fields: HashMap<u32, u32>,
    parent: Rc<str>,
    counted: HeapRc<'h, u32>,
    borrowed: &'h Class<'h>,
    constant: LazyConstant<u32>,
    code: Owned<str>,
    fine: Option<Gc<'h, Class<'h>>>,
}

#[derive(Collect)]
enum Value<'h> {
    Nil,
    Text(Box<str>),
    Both(Gc<'h, u8>, std::cell::Cell<*const u8>),
}

fn main() {}
