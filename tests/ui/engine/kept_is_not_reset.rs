//! soundness S11: a kept table is lent for good, so nobody resets it.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

fn main() {
    let arena = CodeArena::new().unwrap();
    let table = SideTable::<Cell<u32>>::new(&arena).unwrap().keep().unwrap();
    table.reset().unwrap();
    drop(*table);
}
