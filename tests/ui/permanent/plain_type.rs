//! soundness S10, S19: a type that is plain as a whole must be `Copy`, `Send`, `Sync` and `'static` itself.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use permacode::{Permanent, Plain};

#[derive(Permanent)]
#[permanent(plain)]
struct NotCopy(u8);

#[derive(Clone, Permanent)]
#[permanent(plain)]
#[repr(C, packed)]
struct Hits(u8, Cell<u32>);

#[derive(Permanent)]
#[permanent(plain)]
union Either {
    text: ManuallyDrop<String>,
    number: u32,
}

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
struct Pointer(*const u8);

#[derive(Clone, Copy, Permanent)]
#[permanent(plain)]
struct Pair<T>(T, T);

fn block<T: Permanent>() {}

fn main() {
    block::<Pair<u8>>();
    block::<Pair<*const u8>>();
    block::<Plain<Cell<u8>>>();
    block::<Plain<*const u8>>();
    let local = 1;
    let _: &dyn Fn(&u8) = &|byte| plain(Plain(byte));
    plain(Plain(&local));
}

fn plain<T: Permanent>(_: T) {}
