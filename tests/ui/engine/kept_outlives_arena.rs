//! soundness S11: what is kept is gone with its arena, and an arena that lends it is not moved.

use permacode::{CodeArena, HeapArena, SideTable, Transients};
use std::cell::Cell;

fn outlives() -> &'static Cell<u32> {
    let arena = CodeArena::new().unwrap();
    arena.keep(Cell::new(7)).unwrap()
}

fn main() {
    let arena = CodeArena::new().unwrap();
    let (number, table) = (arena.keep(7).unwrap(), SideTable::<Cell<u32>>::new(&arena).unwrap().keep().unwrap());
    drop(arena);
    println!("{number} {table:?}");

    let (arena, heap) = (CodeArena::new().unwrap(), HeapArena::new().unwrap());
    let transients = Transients::new(&arena, &heap).keep().unwrap();
    drop(heap);
    println!("{transients:?} {}", outlives().get());
    let moved = Box::new(arena);
    println!("{transients:?} {moved:?}");
}
