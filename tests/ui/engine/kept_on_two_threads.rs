//! soundness S12: what is kept belongs to one thread unless its type is `Sync`.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

fn main() {
    let arena: &'static CodeArena = CodeArena::new().unwrap().leak();
    let (cell, table) = (arena.keep(Cell::new(7)).unwrap(), SideTable::<Cell<u32>>::new(arena).unwrap().keep().unwrap());
    std::thread::spawn(move || cell.set(8));
    std::thread::spawn(move || table.capacity());
}
