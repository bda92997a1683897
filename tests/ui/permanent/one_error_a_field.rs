//! soundness S19: each field that is not permanent is one error, wherever its type is used.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;

use permacode::{CodeArena, CodeRef, Permanent};

#[derive(Permanent)]
struct Code<'a> {
    name: &'a str,
    hits: Cell<u32>,
    cache: Option<RefCell<u32>>,
    lock: Mutex<u8>,
    text: String,
    ops: Vec<u8>,
    local: &'a Rc<u8>,
    inner: &'a [Code<'a>],
    consts: &'a [Const<'a>],
}

#[derive(Permanent)]
enum Const<'a> {
    Nil,
    Code(&'a Code<'a>),
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    let code = loader.alloc(make()).unwrap();
    let consts = loader.alloc_slice_fill_iter([Const::Nil, Const::Code(code)]).unwrap();
    let handle: CodeRef<'_, Code<'_>> = CodeRef::new(code);
    println!("{}", consts.len() + handle.get().inner.len());
}

fn make<'a>() -> Code<'a> {
    unimplemented!()
}
