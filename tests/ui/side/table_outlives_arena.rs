//! A table is borrowed from its arena, and an entry from its table.

use permacode::{CodeArena, SideTable};
use std::cell::Cell;

fn table() -> SideTable<'static, Cell<u8>> {
    let arena = CodeArena::new().unwrap();
    SideTable::new(&arena).unwrap()
}

fn entry(arena: &CodeArena) -> &Cell<u8> {
    let table: SideTable<'_, Cell<u8>> = SideTable::new(arena).unwrap();
    &table.of(arena.load("m").unwrap().sites(1).unwrap()).unwrap()[0]
}

fn main() {
    table();
    entry(&CodeArena::new().unwrap());
}
