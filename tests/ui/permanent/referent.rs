//! soundness S19: a reference is as permanent as what it refers to.

use std::cell::Cell;
use std::marker::PhantomData;

use permacode::Permanent;

struct Underived(u8);

#[derive(Permanent)]
struct Code<'a> {
    cell: &'a Cell<u8>,
    cells: &'a [Cell<u8>],
    underived: &'a Underived,
    object: &'a (dyn Sync + Send),
    phantom: PhantomData<Cell<u8>>,
}

fn main() {}
