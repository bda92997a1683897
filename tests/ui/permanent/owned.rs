//! soundness S19: what owns memory is never dropped in an arena.

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;

use permacode::Permanent;

#[derive(Permanent)]
struct Code {
    name: String,
    ops: Vec<u8>,
    next: Option<Box<Code>>,
    local: Rc<u8>,
    shared: Arc<u8>,
    hidden: ManuallyDrop<String>,
}

fn main() {}
