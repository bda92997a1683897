//! Nobody holds an entry of a table that is reset.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

fn main() {
    let arena = CodeArena::new().unwrap();
    let mut table: SideTable<'_, Cell<u8>> = SideTable::new(&arena).unwrap();
    let caches = table.of(arena.load("m").unwrap().sites(1).unwrap()).unwrap();
    table.reset().unwrap();
    caches[0].set(1);
}
