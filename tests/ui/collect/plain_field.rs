//! `plain` is checked: what is not `Copy`, or may hold an object, is not passed over. Nor is what only looks like a `fn` pointer.

use permacode::Gc;
use permacode::kit::Collect;

#[derive(Collect)]
struct Native<'h> {
    #[collect(plain)]
    text: String,
    #[collect(plain)]
    object: Gc<'h, u8>,
    alias: Handler,
    inside: Option<fn(&mut u8)>,
}

type Handler = fn(&mut Vec<u8>);

fn main() {}
